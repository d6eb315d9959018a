"""The nbgrader plug-in in courses that know nothing of this one: nbgrader's own outputs and scores, cell by cell."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from plugin_course import (
    ASSIGNMENT,
    command,
    make_course,
    outputs,
    plain_output,
    scores,
    source_notebook,
    with_plugin,
)

pytest.importorskip("fcntl", reason="nbgrader's kernels are forked, which Windows cannot")

from jupyter_client.kernelspec import KernelSpec
from nbclient.exceptions import DeadKernelError
from nbgrader.preprocessors import Execute

from grader.classroom.execute import ClassExecute, autograde_steps, warm_parents_of
from grader.classroom.kernels import files_beside, folders_of, kernel_environment, own_arguments
from grader.errors import SeatrialError
from grader.jail.isolation import Isolation, IsolationMissing, probe

FULL = probe().level is Isolation.FULL
LEVELS = [
    "reduced",
    pytest.param("full", marks=pytest.mark.skipif(not FULL, reason="no jail on this machine")),
]
BEST = "full" if FULL else "reduced"
LIGHT = ["numpy"]


def executed(
    folder: Path, *cells: str, isolation: str | None = BEST, kernel: str = "python3", **traits: Any
) -> list:
    """Outputs of a notebook's cells. isolation: None for nbgrader's own Execute."""
    nb = source_notebook([(cell, 0) for cell in cells], kernel)
    ours = {"isolation": isolation, "preload": LIGHT}
    step = Execute(**traits) if isolation is None else ClassExecute(**ours | traits)
    step.preprocess(nb, {"metadata": {"path": str(folder)}})
    return [[plain_output(dict(output)) for output in cell.get("outputs", [])] for cell in nb.cells]


def shown(outputs: list) -> str:
    """The text of a cell's one output."""
    (output,) = outputs
    return output["text"] if output["output_type"] == "stream" else output["data"]["text/plain"]


@dataclass(frozen=True)
class Courses:
    """One course, autograded by nbgrader alone and with the plug-in at each level."""

    plain: Path
    with_plugin: dict[str, Path]


@pytest.fixture(scope="session")
def courses(tmp_path_factory: pytest.TempPathFactory) -> Courses:
    root = tmp_path_factory.mktemp("courses")
    base = make_course(root / "base")
    plain = Path(shutil.copytree(base, root / "plain"))
    levels = ["reduced", "full"] if FULL else ["reduced"]
    changed = {level: with_plugin(Path(shutil.copytree(base, root / level)), level) for level in levels}
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda folder: command(folder, "autograde", ASSIGNMENT), [plain, *changed.values()]))
    return Courses(plain, changed)


@pytest.mark.slow
@pytest.mark.parametrize("level", LEVELS)
def test_the_outputs_are_nbgraders(courses: Courses, level: str) -> None:
    """Streams, results, figures, widgets, errors with their tracebacks, and execution counts, in every cell."""
    theirs, ours = outputs(courses.plain), outputs(courses.with_plugin[level])

    assert theirs.keys() == ours.keys()
    assert {place: (theirs[place], ours[place]) for place in theirs if theirs[place] != ours[place]} == {}


@pytest.mark.slow
@pytest.mark.parametrize("level", LEVELS)
def test_the_scores_are_nbgraders(courses: Courses, level: str) -> None:
    """Also part marks, full marks for words, and nothing for a line on stderr."""
    theirs, ours = scores(courses.plain), scores(courses.with_plugin[level])

    assert ours == theirs
    assert {1.5, 4, 0} <= {score for score, _ in theirs.values()}


@pytest.mark.slow
def test_the_course_is_one_that_asks_for_everything(courses: Courses) -> None:
    """Every kind of output stands in it: else agreement would say little."""
    every = [output for count, shown in outputs(courses.plain).values() if count for output in shown]
    kinds = {output["output_type"] for output in every if isinstance(output, dict)}
    text = json.dumps(every)

    assert kinds == {"stream", "display_data", "execute_result", "error"}
    for word in (
        "image/png",
        "text/html",
        "widget-view",
        "stderr",
        "StdinNotImplementedError",
        "SyntaxError",
    ):
        assert word in text


@pytest.mark.parametrize("level", LEVELS)
def test_a_cell_that_takes_too_long_is_interrupted(tmp_path: Path, level: str) -> None:
    """nbclient's own time limit; the names from before stay, and the cells behind it run."""
    cells = ["kept = 5", "while True:\n    pass", "import time\ntime.sleep(60)", "kept"]
    found = executed(tmp_path, *cells, isolation=level, timeout=1)

    assert found == executed(tmp_path, *cells, isolation=None, timeout=1)
    assert [output[-1].get("ename", "") for output in found[1:]] == [
        "CellTimeoutError",
        "CellTimeoutError",
        "",
    ]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("death", ["import os\nos._exit(3)", "import ctypes\nctypes.string_at(0)"])
def test_a_kernel_that_dies_is_a_dead_kernel(tmp_path: Path, level: str, death: str) -> None:
    """nbgrader's own error; the next notebook gets another kernel."""
    cells = [death, "import time\ntime.sleep(30)"]

    with pytest.raises(DeadKernelError):
        executed(tmp_path, *cells, isolation=level)
    assert shown(executed(tmp_path, "1 + 1", isolation=level)[0]) == "2"


@pytest.mark.parametrize("level", LEVELS)
def test_exit_ends_no_notebook(tmp_path: Path, level: str) -> None:
    """Under nbclient `exit()` does nothing, and so it is here."""
    assert executed(tmp_path, "exit()", "1 + 1", isolation=level) == executed(
        tmp_path, "exit()", "1 + 1", isolation=None
    )


@pytest.mark.parametrize("level", LEVELS)
def test_files_beside_the_notebook_are_there(tmp_path: Path, level: str) -> None:
    """Also in folders and with their rights; notebooks, which hold hidden tests, are not."""
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "tool.sh").write_text("#!/bin/sh\necho from a tool\n", encoding="utf-8")
    (tmp_path / "inner" / "tool.sh").chmod(0o755)
    (tmp_path / "other.ipynb").write_text("{}", encoding="utf-8")
    tool = "import subprocess\nsubprocess.check_output('inner/tool.sh', text=True)"
    found = executed(tmp_path, "import os\nos.listdir()", tool, isolation=level)

    assert shown(found[0]) == "['inner']"
    assert shown(found[1]) == r"'from a tool\n'"


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("module", ["matplotlib.figure", "matplotlib.pyplot"])
def test_figures_show_without_a_magic(tmp_path: Path, level: str, module: str) -> None:
    """Matplotlib looks for IPython when it is imported; one that is there already behaves the same."""
    cells = [
        "import matplotlib.pyplot as plt\nplt.plot([1, 2])",
        "fig, ax = plt.subplots()",
        "plt.isinteractive()",
    ]
    found = executed(tmp_path, *cells, isolation=level, preload=[module])

    assert found == executed(tmp_path, *cells, isolation=None)
    assert [len(outputs) for outputs in found] == [2, 1, 1]


@pytest.mark.parametrize("level", LEVELS)
def test_nothing_is_written_back(tmp_path: Path, level: str) -> None:
    """The folder is a copy, so no submission changes what the next one finds."""
    (tmp_path / "data.csv").write_text("a\n", encoding="utf-8")
    executed(tmp_path, "open('data.csv', 'w').write('b')\nopen('new', 'w').write('b')", isolation=level)

    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("data.csv", "a\n")]


def test_too_many_bytes_beside_are_refused(tmp_path: Path) -> None:
    """In a sentence that names the setting."""
    (tmp_path / "large").write_bytes(b"x" * 2_000_000)

    assert files_beside(tmp_path, 2)[1]["large"][1] == b"x" * 2_000_000
    with pytest.raises(SeatrialError, match="files_limit_megabytes"):
        files_beside(tmp_path, 1)


@pytest.mark.parametrize("level", LEVELS)
def test_the_shell_of_the_instructor_is_not_seen(
    tmp_path: Path, level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token in the environment of nbgrader is in no kernel's; what the course sets is."""
    monkeypatch.setenv("SECRET_TOKEN", "s3cret")
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    cells = ["import os\nprint(os.environ)\n!env", "os.path.expanduser('~')"]
    listed, home = executed(tmp_path, *cells, isolation=level, kernel_environment={"COURSE": "yes"})
    text = json.dumps(listed)

    assert "s3cret" not in text
    assert "NBGRADER_EXECUTION=autograde" in text
    assert "COURSE=yes" in text
    assert shown(home) != repr(str(Path.home()))
    assert "SECRET_TOKEN" not in kernel_environment()


@pytest.mark.skipif(not FULL, reason="no jail on this machine")
def test_a_jailed_kernel_sees_no_network_and_no_home(tmp_path: Path) -> None:
    """What its cells can reach: nothing of this machine's but libraries."""
    tried = "import socket\nsocket.create_connection(('192.0.2.1', 80), 5)"
    look = f"import os\nos.path.exists({str(tmp_path)!r}), os.path.exists('/etc/shadow'), os.listdir('/seatrial-wire')"
    network, places = executed(tmp_path, tried, look, isolation="full")

    assert network[0]["ename"] == "OSError"
    assert shown(places) == "(False, False, [])"


@pytest.fixture
def other_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a kernel that cannot be forked: its Python is to be started with a variable."""
    folder = tmp_path / "jupyter" / "kernels" / "other"
    folder.mkdir(parents=True)
    argv = ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "Other", "language": "python", "env": {"PYTHONHASHSEED": "7"}}
    (folder / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("SECRET_TOKEN", "s3cret")
    return "other"


@pytest.mark.parametrize(
    "level",
    [
        "reduced",
        pytest.param(
            "full",
            marks=[
                pytest.mark.skipif(not FULL, reason="no jail on this machine"),
            ],
        ),
    ],
)
def test_another_kernel_starts_by_its_own_command(tmp_path: Path, other_kernel: str, level: str) -> None:
    """In the jail, too, with the files beside the notebook; outputs and time limit are nbgrader's."""
    work = tmp_path / "work"
    work.mkdir()
    (work / "data.txt").write_text("beside", encoding="utf-8")
    cells = ["import os\nos.environ['PYTHONHASHSEED']", "open('data.txt').read()", "1 / 0"]
    cells += ["import time\ntime.sleep(60)", "print('still here')"]
    found = executed(work, *cells, isolation=level, kernel=other_kernel, timeout=3)
    look = "'SECRET_TOKEN' in os.environ, os.path.exists('/etc/shadow')"

    assert found == executed(work, *cells, isolation=None, kernel=other_kernel, timeout=3)
    seen = shown(executed(work, "import os", look, isolation=level, kernel=other_kernel)[1])
    assert seen == ("(False, False)" if level == "full" else "(False, True)")


def test_a_kernel_that_is_not_installed_is_named() -> None:
    """Before anything starts."""
    spec = KernelSpec(argv=["no-such-program"], display_name="Gone")

    with pytest.raises(SeatrialError, match='"Gone" starts no-such-program'):
        folders_of(spec)


def test_nothing_runs_where_there_can_be_no_jail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Full isolation is the default, and a machine that cannot give it says so before anything runs."""
    monkeypatch.setenv("PATH", str(tmp_path))
    probe.cache_clear()
    try:
        with pytest.raises(IsolationMissing, match="bubblewrap is not installed"):
            ClassExecute(preload=["no-such-module"]).preprocess(
                source_notebook([("open('ran', 'w')", 0)]), {"metadata": {"path": str(tmp_path)}}
            )
    finally:
        probe.cache_clear()
    assert ClassExecute().isolation == "full"


@pytest.mark.parametrize("level", LEVELS)
def test_nothing_is_left_behind(tmp_path: Path, level: str) -> None:
    """No process that a notebook started outlives it."""
    start = "import subprocess\nsubprocess.Popen(['sleep', '4242'], start_new_session=True).pid"
    executed(tmp_path, start, isolation=level)
    left = [
        process for process in psutil.process_iter(["cmdline"]) if "4242" in (process.info["cmdline"] or [])
    ]

    for process in left:
        process.send_signal(signal.SIGKILL)
    assert left == [] or level == "reduced"


def test_the_warm_parent_is_kept(tmp_path: Path) -> None:
    """Notebooks of one nbgrader process share it; the second starts in the time of a fork."""
    executed(tmp_path, "1")
    parents = warm_parents_of(tuple(LIGHT), Isolation(BEST))
    before = list(parents._parents)
    executed(tmp_path, "1")

    assert parents._parents == before


def test_two_notebooks_do_not_share_their_random_numbers(tmp_path: Path) -> None:
    """Forks of one parent would, if nobody saw to it."""
    draw = "import random, numpy\nrandom.random(), numpy.random.random()"

    assert executed(tmp_path, draw) != executed(tmp_path, draw)


def test_only_execute_is_replaced() -> None:
    """The other steps are nbgrader's own, in its order."""
    steps = [step.rpartition(".")[2] for step in autograde_steps()]

    assert steps[0] == "ClassExecute"
    assert steps[1:] == [
        "IgnorePattern",
        "ClearMetadataPreprocessor",
        "LimitOutput",
        "SaveAutoGrades",
        "AssignLatePenalties",
        "CheckCellMetadata",
    ]


@pytest.mark.parametrize(
    ("argv", "env", "expected"),
    [
        (["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"], {}, []),
        (
            [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--colors=x"],
            {},
            ["--colors=x"],
        ),
        (["python3", "-Xfrozen_modules=off", "-m", "ipykernel_launcher", "-f", "{connection_file}"], {}, []),
        (["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"], {"PYTHONPATH": "x"}, None),
        (["/usr/bin/another", "-m", "ipykernel_launcher", "-f", "{connection_file}"], {}, None),
        (["python", "-m", "bash_kernel", "-f", "{connection_file}"], {}, None),
        ([], {}, None),
    ],
)
def test_only_this_environments_ipykernel_is_forked(
    argv: list[str], env: dict, expected: list[str] | None
) -> None:
    """Any other kernel starts by its own command."""
    assert own_arguments(KernelSpec(argv=argv, env=env)) == expected


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_another_environment_of_the_same_python_is_another(tmp_path: Path) -> None:
    """Two environments may share the interpreter that both link to, and have other packages."""
    (tmp_path / "python").symlink_to(os.path.realpath(sys.executable))
    argv = [str(tmp_path / "python"), "-m", "ipykernel_launcher", "-f", "{connection_file}"]

    assert own_arguments(KernelSpec(argv=argv)) is None
