"""What holds for the whole repository: direction of imports, sizes, addresses, what the wheel takes."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
GRADER = ROOT / "grader"

# From top to bottom; a module imports from its own row or from a lower one. A new module gets a place here.
# A name with an underscore goes with its first word unless it stands here itself: codec_arrays with codec.
LAYERS = (
    "cli",
    "classroom watch verify workspace magics checking attempts lab live progress doctor skeleton",
    "build catalogue filled runner relay judge_side report misconceptions verdicts services workers jailed stage seat"
    " solution pictures",
    "expect source lesson course notebook remote judge judging learner jail"
    " edits shared header markers names rules parsed built matching untouched offline kernelhost kernelrelay"
    " kernelroom",
    "codec tracking standins kernel store run_store twin",
    "model errors atomic",
)
LAYER = {name: number for number, row in enumerate(LAYERS) for name in row.split()}
VAGUE = {"utils", "helpers", "base", "manager", "common", "misc"}
FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef
SKIPPED = {".git", ".venv", "work", "build", "dist", "node_modules", "__pycache__"}

PYTHON = sorted(GRADER.rglob("*.py"))
SHORT = [*PYTHON, *sorted((ROOT / "datasets").rglob("*.py"))]


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def module(path: Path) -> str:
    """First name below `grader`; "" for the package itself."""
    parts = path.relative_to(GRADER).with_suffix("").parts
    return "" if parts[0] in ("__init__", "__main__") else parts[0]


def layer(name: str) -> int | None:
    """Number of the row that a module stands in, or None."""
    return LAYER.get(name, LAYER.get(name.partition("_")[0]))


def imports(path: Path, *, for_types: bool = True) -> Iterator[tuple[str, int]]:
    """Modules below `grader` that a file imports, anywhere in it, with their lines."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and not for_types and "TYPE_CHECKING" in ast.unparse(node.test):
            skipped |= {id(inner) for statement in node.body for inner in ast.walk(statement)}
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            if id(node) not in skipped and name.startswith("grader."):
                yield name.split(".")[1], getattr(node, "lineno", 0)


def texts() -> Iterator[tuple[Path, str]]:
    """Every text file of the repository with its content."""
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in SKIPPED and not name.endswith("_cache")]
        folders[:] = [name for name in folders if name not in (".cache", ".hypothesis", ".ipynb_checkpoints")]
        for name in files:
            try:
                yield Path(folder, name), Path(folder, name).read_text(encoding="utf-8")
            except (UnicodeDecodeError, OSError):
                continue


def test_every_module_has_its_place() -> None:
    """A module that stands in no row of LAYERS escapes the test of direction."""
    known = {module(path) for path in PYTHON} - {""}

    assert [name for name in sorted(known) if layer(name) is None] == []


def test_imports_point_down() -> None:
    """cli, then what it offers, then building and running, then the parts, then data, then the nouns."""
    wrong = [
        f"{shown(path)}:{line} imports {name}"
        for path in PYTHON
        if module(path)
        for name, line in imports(path)
        if (layer(name) or 0) < (layer(module(path)) or 0)
    ]

    assert wrong == []


def test_no_module_is_imported_in_a_circle() -> None:
    """Inside one row, too, modules have an order; imports for types only do not count."""
    graph: dict[str, set[str]] = {}
    for path in PYTHON:
        if module(path):
            found = {name for name, _ in imports(path, for_types=False)}
            graph.setdefault(module(path), set()).update(found - {module(path)})

    assert list(TopologicalSorter(graph).static_order())


def test_the_jail_knows_nothing_of_the_course() -> None:
    """It can be reviewed by itself: it imports from the package only errors."""
    found = {name for path in (GRADER / "jail").rglob("*.py") for name, _ in imports(path)}

    assert found <= {"jail", "errors"}


@pytest.mark.parametrize("path", SHORT, ids=shown)
def test_files_and_functions_are_short(path: Path) -> None:
    """300 lines a file and 60 a function, so that each can be read in one go."""
    text = path.read_text(encoding="utf-8")
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, FUNCTION)]
    long = [node.name for node in functions if (node.end_lineno or 0) - node.lineno + 1 > 60]
    lines = text.count("\n")

    assert lines <= 300
    assert long == []


def test_no_file_is_named_after_nothing() -> None:
    """A file called utils collects everything."""
    assert [shown(path) for path in SHORT if path.stem in VAGUE or path.parent.name in VAGUE] == []


def test_only_the_command_line_prints() -> None:
    """Everything else returns its text. What runs in the notebook prints, too: its output is the notebook's."""
    printing = [
        f"{shown(path)}:{node.lineno}"
        for path in PYTHON
        if not path.name.startswith("cli") and module(path) not in ("", "learner")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]

    assert printing == []


def test_importing_the_package_loads_no_library() -> None:
    """`import grader` is what every command and every notebook pays for."""
    command = (
        "import sys, grader; print(*{'mlflow', 'pandas', 'numpy', 'nbformat', 'IPython'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", command], text=True, capture_output=True, check=True)

    assert result.stdout.strip() == ""


def test_no_path_of_one_machine_is_written_down() -> None:
    """A clone works wherever it lies."""
    places = re.compile(r"(?<![\w.])/(root/\.|work/(main|shared)|tmp/brief|Users/\w+/)|[A-Z]:\\\\?Users")
    found = [shown(path) for path, text in texts() if path != Path(__file__) and places.search(text)]

    assert found == []


def test_no_registry_is_named() -> None:
    """Where packages come from is the user's choice, made in the settings of pip or uv."""
    addresses = re.compile(
        r"pythonhosted|https?://[^\s\"')]*(pypi\.|/simple\b)|--(extra-)?index-url|--find-links"
    )
    found = [shown(path) for path, text in texts() if path != Path(__file__) and addresses.search(text)]

    assert found == []


def test_every_locked_version_has_hashes() -> None:
    """Without one, pip and uv refuse the whole lock."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    entries = re.split(r"\n(?=[A-Za-z0-9])", lock)[1:]

    assert len(entries) > 100
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel that this folder builds, without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_the_wheel_holds_what_learners_get(wheel: zipfile.ZipFile) -> None:
    """The packages, and the lessons and exercises of the folder where `find_course` looks for them."""
    names = set(wheel.namelist())
    rooms = [path for room in ("modules", "exercises") for path in sorted((ROOT / room).glob("*/*.ipynb"))]

    assert {"grader/__init__.py", "tidewater/__init__.py"} <= names
    assert {f"grader/course/{shown(path)}" for path in rooms} <= names


def test_the_wheel_holds_no_answers(wheel: zipfile.ZipFile) -> None:
    """No file of solutions/, and no solution or hidden test in what was built from it."""
    names = wheel.namelist()
    marked = [
        name
        for name in names
        if not (name.startswith("grader/") and name.endswith(".py") and "/course/" not in name)
        and re.search(rb"### (BEGIN|END) (SOLUTION|HIDDEN TESTS)", wheel.read(name))
    ]

    assert [name for name in names if "solutions/" in name or name.startswith("tests/")] == []
    assert marked == []
