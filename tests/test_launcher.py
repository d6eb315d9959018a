"""mle.py: what it decides, and whole starts with an installer that downloads nothing."""

from __future__ import annotations

import ast
import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

from grader import cli_checks

ROOT = Path(__file__).parent.parent
THIS = (sys.version_info.major, sys.version_info.minor)

FAKE_UV = '''#!{python}
"""Stands in for uv: notes its arguments, makes a bare environment, puts a grader there that shows its own."""
import glob, os, pathlib, subprocess, sys
here, verb = pathlib.Path(__file__).parent, sys.argv[1]
with open(here / "calls", "a") as calls:
    calls.write(" ".join(sys.argv[1:]) + " proxy=" + os.environ.get("HTTPS_PROXY", "") + "\\n")
words = here / "fails"
if words.exists() and verb == "pip":
    sys.exit(words.read_text())
gate = here / "gate"
if gate.exists() and verb == "pip":
    gate.open().read()
if verb == "venv":
    subprocess.run([{python!r}, "-m", "venv", "--without-pip", sys.argv[-1]], check=True)
else:
    env = pathlib.Path(sys.argv[sys.argv.index("--python") + 1]).parent.parent
    site = pathlib.Path(glob.glob(str(env / "lib" / "python3.*" / "site-packages"))[0])
    (site / "grader").mkdir(exist_ok=True)
    (site / "grader" / "cli.py").write_text("import sys\\ndef main():\\n print(sys.argv)\\n return 7\\n")
'''

posix = pytest.mark.skipif(os.name != "posix", reason="the stand-in for uv is a script with a first line")


def load(path: Path) -> ModuleType:
    """The launcher as a module."""
    spec = importlib.util.spec_from_file_location("launcher", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


mle = load(ROOT / "mle.py")


class Clone(NamedTuple):
    """A folder with the launcher, a lock, and a stand-in for uv that notes each call."""

    folder: Path
    tools: Path

    @property
    def env(self) -> Path:
        return self.folder / ".venv"

    @property
    def calls(self) -> list[str]:
        """First words of the installer's calls so far."""
        path = self.tools / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        return [
            "venv" if line.startswith("venv") else "lock" if "-r " in line else "course" for line in lines
        ]

    def forget(self) -> None:
        (self.tools / "calls").unlink()

    def variables(self, **more: str) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if key != "SEATRIAL_ENV"}
        return {**kept, "PATH": str(self.tools), "HOME": str(self.tools), **more}

    def start(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(self.folder / "mle.py"), *arguments]
        return subprocess.run(
            command, env=self.variables(**more), text=True, capture_output=True, check=False
        )

    def begin(self) -> subprocess.Popen[str]:
        """A start in the background, in a process group of its own."""
        command = [sys.executable, str(self.folder / "mle.py"), "check"]
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(command, env=self.variables(), text=True, start_new_session=True, **streams)  # type: ignore[call-overload]


def lay_out(folder: Path) -> Clone:
    tools = folder / "tools"
    tools.mkdir(parents=True)
    uv = tools / "uv"
    uv.write_text(FAKE_UV.format(python=sys.executable))
    uv.chmod(0o755)
    (folder / "mle.py").write_bytes((ROOT / "mle.py").read_bytes())
    (folder / "requirements.lock").write_text("numpy==2.0 \\\n    --hash=sha256:00\n")
    (folder / "pyproject.toml").write_text("[project]\n")
    return Clone(folder, tools)


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """A fresh folder, never started."""
    return lay_out(tmp_path / "clone")


@pytest.fixture
def started(clone: Clone) -> Clone:
    """A folder that has been started once; the notes of that are gone."""
    clone.start("check")
    clone.forget()
    return clone


@posix
def test_the_first_start_installs_and_hands_on(clone: Clone) -> None:
    """Arguments and exit code are those of `mle`; a log gets whole lines without a moving one."""
    result = clone.start("check", "first unit")

    assert clone.calls == ["venv", "lock", "course"]
    assert result.stdout == "['mle', 'check', 'first unit']\n"
    assert result.returncode == 7
    assert "\r" not in result.stderr
    assert "The environment is ready" in result.stderr


@posix
def test_the_second_start_is_silent_and_calls_no_installer(started: Clone) -> None:
    """Nothing has changed, so nothing is done."""
    (started.tools / "uv").unlink()

    result = started.start("check")

    assert (result.stderr, result.returncode) == ("", 7)


@posix
@pytest.mark.parametrize(
    ("file", "calls"),
    [("requirements.lock", ["lock", "course"]), ("pyproject.toml", ["course"])],
)
def test_a_changed_file_is_noticed(started: Clone, file: str, calls: list[str]) -> None:
    """A new lock repairs the environment in place; a new pyproject.toml only adds the course again."""
    with (started.folder / file).open("a") as stream:
        stream.write("# changed\n")

    started.start("check")

    assert started.calls == calls


@posix
def test_an_environment_without_a_stamp_is_adopted(started: Clone) -> None:
    """One that somebody else made is completed in place, not thrown away."""
    (started.env / mle.STAMP).unlink()
    (started.env / "kept").touch()

    started.start("check")

    assert started.calls == ["lock", "course"]
    assert (started.env / "kept").exists()


@posix
def test_a_moved_folder_is_rebuilt(started: Clone, tmp_path: Path) -> None:
    """Paths inside an environment are absolute, so a moved one is made anew."""
    moved = Clone(started.folder.rename(tmp_path / "moved"), tmp_path / "moved" / "tools")

    assert moved.start("check").returncode == 7
    assert moved.calls == ["venv", "lock", "course"]


@posix
@pytest.mark.parametrize("damage", ["other Python", "no interpreter", "no configuration"])
def test_an_unusable_environment_is_rebuilt(started: Clone, damage: str) -> None:
    """Another Python version, a missing interpreter and a missing pyvenv.cfg are mended alike."""
    if damage == "other Python":
        (started.env / "pyvenv.cfg").write_text("version = 3.2.1\n")
    elif damage == "no interpreter":
        (started.env / "bin" / "python").unlink()
    else:
        (started.env / "pyvenv.cfg").unlink()

    assert started.start("check").returncode == 7
    assert started.calls == ["venv", "lock", "course"]


@posix
def test_a_folder_that_is_no_environment_is_left_alone(clone: Clone, tmp_path: Path) -> None:
    """SEATRIAL_ENV may name a folder with other things in it by mistake."""
    precious = tmp_path / "home" / "thesis.txt"
    precious.parent.mkdir()
    precious.write_text("years of work")

    result = clone.start("check", SEATRIAL_ENV=str(precious.parent))

    assert precious.read_text() == "years of work"
    assert "left alone" in result.stderr
    assert result.returncode == 2


@posix
def test_the_environment_can_lie_elsewhere(clone: Clone, tmp_path: Path) -> None:
    """SEATRIAL_ENV names the folder."""
    clone.start("check", SEATRIAL_ENV=str(tmp_path / "elsewhere" / "env"))

    assert (tmp_path / "elsewhere" / "env" / mle.STAMP).exists()
    assert not clone.env.exists()


@posix
def test_without_a_network_the_reader_is_told_and_nothing_is_lost(started: Clone) -> None:
    """A repair that fails for a cause outside the course keeps the environment as it is."""
    (started.tools / "fails").write_text("error: dns error: failed to lookup address")
    (started.env / "kept").touch()
    (started.folder / "requirements.lock").write_text("numpy==2.1\n")

    result = started.start("check")

    assert "Error: The package registry does not answer." in result.stderr
    assert "Traceback" not in result.stderr
    assert result.returncode == 2
    assert (started.env / "kept").exists()


@posix
def test_the_users_settings_reach_the_installer(clone: Clone) -> None:
    """Proxies and the like are passed on as they are, and the launcher names no address of its own."""
    clone.start("check", HTTPS_PROXY="http://proxy.example:3128")

    calls = (clone.tools / "calls").read_text().splitlines()
    assert all(line.endswith("proxy=http://proxy.example:3128") for line in calls)
    assert not any("index" in line or "find-links" in line for line in calls)


@posix
def test_two_starts_at_once_install_once(clone: Clone) -> None:
    """The second says that it waits, then goes on with what the first has made."""
    gate = clone.tools / "gate"
    os.mkfifo(gate)
    first = clone.begin()
    with gate.open("w"):  # opens when the installer of the first start has come to the gate
        second = clone.begin()
        assert second.stderr
        assert "waiting" in second.stderr.readline()
        gate.unlink()

    assert "'check'" in first.communicate()[0]
    assert "'check'" in second.communicate()[0]
    assert clone.calls == ["venv", "lock", "course"]


@posix
def test_a_killed_installation_heals(clone: Clone) -> None:
    """After `kill -9` of launcher and installer the next start completes the environment."""
    gate = clone.tools / "gate"
    os.mkfifo(gate)
    first = clone.begin()
    with gate.open("w"):
        os.killpg(first.pid, signal.SIGKILL)
        first.communicate()
    gate.unlink()
    clone.forget()

    assert clone.start("check").returncode == 7
    assert clone.calls == ["lock", "course"]


@posix
def test_an_interrupted_installation_ends_without_a_traceback(clone: Clone) -> None:
    """Ctrl-C ends the installer as well and says how to go on."""
    gate = clone.tools / "gate"
    os.mkfifo(gate)
    first = clone.begin()
    with gate.open("w"):
        os.killpg(first.pid, signal.SIGINT)
        errors = first.communicate()[1]

    assert first.returncode == 130
    assert "The next start carries on." in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(("version", "word"), [((2, 7), "old"), ((3, 10), "old"), ((3, 14), "new")])
def test_a_python_that_does_not_fit_is_named(version: tuple[int, int], word: str) -> None:
    """The message tells the version at hand and those that fit."""
    problem = mle.python_problem(version)

    assert f"this is {version[0]}.{version[1]}, too {word}" in problem
    assert "3.11, 3.12 or 3.13" in problem


@pytest.mark.parametrize("minor", [11, 12, 13])
def test_a_python_that_fits_is_taken(minor: int) -> None:
    """3.11 to 3.13."""
    assert mle.python_problem((3, minor)) is None


def test_a_full_disk_is_named_before_it_fills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The room is looked at first, since a full disk leaves half an environment."""
    monkeypatch.setattr(mle, "ROOM_BYTES", 2**62)

    with pytest.raises(mle.Problem, match="About 2 GB are needed"):
        mle.check_room(str(tmp_path))


def test_a_python_without_venv_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Debian keeps it in a package of its own."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    with pytest.raises(mle.Problem, match="apt install python3-venv"):
        mle.make(str(tmp_path), None, True, [])


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root writes everywhere")
def test_a_read_only_folder_is_named(tmp_path: Path) -> None:
    """The message offers SEATRIAL_ENV."""
    tmp_path.chmod(0o500)

    with pytest.raises(mle.Problem, match="SEATRIAL_ENV"):
        mle.ready(str(tmp_path / "env"))


def test_a_repair_that_fails_leads_to_a_rebuild(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no cause outside is known, the environment is made anew with pip."""
    attempts: list[tuple[str, str | None]] = []

    def carry_out(env: str, action: str, wanted: object, uv: str | None, held: object) -> None:
        attempts.append((action, uv))
        if len(attempts) == 1:
            raise mle.StepFailed("error: unexpected argument")

    monkeypatch.setattr(mle, "carry_out", carry_out)
    monkeypatch.setattr("shutil.which", lambda name: "/bin/uv")
    mle.install(str(tmp_path), "repair", {}, [])

    assert attempts == [("repair", "/bin/uv"), ("rebuild", None)]


@pytest.mark.parametrize("damage", ["missing", "cut short", "no installer"])
def test_a_half_installed_package_is_found(tmp_path: Path, damage: str) -> None:
    """An installer would take it for installed, since its record exists."""
    site = tmp_path / "lib" / "python3.11" / "site-packages"
    record = site / "sample-1.0.dist-info"
    record.mkdir(parents=True)
    (site / "sample.py").write_text("whole")
    (record / "RECORD").write_text("sample.py,sha256=x,5\nsample-1.0.dist-info/RECORD,,\n")
    (record / "INSTALLER").write_text("pip")
    whole = mle.broken_packages(str(tmp_path))
    if damage == "missing":
        (site / "sample.py").unlink()
    elif damage == "cut short":
        (site / "sample.py").write_text("")
    else:
        (record / "INSTALLER").unlink()

    assert whole == []
    assert mle.broken_packages(str(tmp_path)) == [str(record)]


@pytest.mark.parametrize(
    ("output", "word"),
    [
        ("OSError: [Errno 28] No space left on device", "disk is full"),
        ("ERROR: Could not find a version that satisfies x==1 (from versions: none)", "does not answer"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "other files"),
        ("error: failed to create directory: Permission denied (os error 13)", "cannot be written"),
    ],
)
def test_known_causes_are_put_in_plain_words(output: str, word: str) -> None:
    """The installer's own last words follow, but come second."""
    assert word in mle.explain(output)


def test_checks_go_on_after_a_failure(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All problems are seen at once, and the sum names the failed ones."""
    monkeypatch.chdir(ROOT)
    code = cli_checks.check((("-c", "raise SystemExit(3)"), ("-c", "print('ran')")))

    printed = capfd.readouterr().out
    assert code == 1
    assert "ran\n" in printed
    assert printed.endswith("Failed: -c raise SystemExit(3)\n")


def test_tests_may_be_chosen() -> None:
    """`test` runs everything, `test ARGUMENTS` pytest alone, `lint` no tests."""
    everything, lint = cli_checks.commands(["test"]), cli_checks.commands(["lint"])

    assert cli_checks.commands(["test", "tests/test_codec.py"]) == (
        ("-m", "pytest", "-n", "2", "tests/test_codec.py"),
    )
    assert everything[: len(lint)] == lint
    assert [command[-1] for command in everything[-3:]] == ["browser", "--check", "--changed"]


@posix
@pytest.mark.parametrize("word", ["test", "lint"])
def test_checks_are_handed_to_the_environment(started: Clone, word: str) -> None:
    """As `mle` is, with what follows."""
    site = next(started.env.glob("lib/python3.*/site-packages"))
    (site / "grader" / "cli_checks.py").write_text("import sys\nprint(sys.argv[1:])\n")

    assert started.start(word, "more").stdout == f"['{word}', 'more']\n"


def test_the_launcher_needs_the_standard_library_only() -> None:
    """It also parses in an older Python's grammar, so that such a Python can say what is needed."""
    tree = ast.parse((ROOT / "mle.py").read_text(encoding="utf-8"), feature_version=(3, 7))

    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names


def test_the_quick_way_imports_little() -> None:
    """What a start without installation needs is imported at the top; the rest waits until it is used."""
    tree = ast.parse((ROOT / "mle.py").read_text(encoding="utf-8"))

    top = {alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names}
    assert top == {"hashlib", "os", "sys", "time"}


def test_ci_runs_what_a_reader_can_run() -> None:
    """.ci/run ends in the README's test command."""
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()

    assert lines[-1] == "python3 mle.py test"
    assert "python3 mle.py test" in (ROOT / "README.md").read_text(encoding="utf-8")
