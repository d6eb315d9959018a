"""JupyterLab as `mle start` opens it: its command line, its defaults, its end."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from small_course import unit_of
from small_unit import THREE_ANSWERS

from grader import lab
from grader.workspace import Workspace

NEWS = "@jupyterlab/apputils-extension:notification"


@pytest.fixture
def prefix(tmp_path, monkeypatch) -> Path:
    """An environment of its own, in which nothing is settled yet."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "env"))
    return tmp_path / "env"


@pytest.fixture
def overrides(prefix) -> Path:
    """The file with what somebody settled in this environment before."""
    path = prefix / "share" / "jupyter" / "lab" / "settings" / "overrides.json"
    path.parent.mkdir(parents=True)
    return path


def test_the_lesson_is_opened_and_the_exercise_without_one(tmp_path):
    """The page that opens is the lesson in the learner's folder, or the exercise where there is no lesson."""
    unit, workspace = unit_of(tmp_path, THREE_ANSWERS), Workspace(tmp_path / "work")
    folder = f"--LabApp.default_url=/lab/tree/{unit.path}"

    without = lab.lab_command(workspace, unit)
    workspace.lesson(unit).parent.mkdir(parents=True)
    workspace.lesson(unit).touch()
    with_lesson = lab.lab_command(workspace, unit)

    assert f"{folder}/{unit.path.rpartition('/')[2]}.ipynb" in without
    assert f"{folder}/lesson.ipynb" in with_lesson
    assert with_lesson[:3] == [sys.executable, "-m", "jupyterlab"]
    assert f"--ServerApp.root_dir={workspace.root}" in with_lesson


def test_every_option_is_one_that_jupyterlab_knows(tmp_path):
    """A name that JupyterLab does not know would be passed over without a word."""
    from jupyter_client.manager import KernelManager
    from jupyter_server.serverapp import ServerApp
    from jupyterlab.labapp import LabApp

    known = {kind.__name__: kind.class_trait_names() for kind in (ServerApp, LabApp, KernelManager)}
    command = lab.lab_command(Workspace(tmp_path / "work"), unit_of(tmp_path, THREE_ANSWERS))
    options = [word.removeprefix("--").partition("=")[0].partition(".") for word in command[3:]]
    dotted = [(kind, name) for kind, dot, name in options if dot]

    assert len(dotted) > 5
    assert [f"{kind}.{name}" for kind, name in dotted if name not in known[kind]] == []


def test_mle_works_in_the_terminal_of_jupyterlab(tmp_path):
    """The commands of this environment come first on the path there."""
    found = shutil.which(Path(sys.executable).name, path=lab.lab_environment()["PATH"])

    assert found == sys.executable


PAGE = """
import json
from jupyter_core.paths import jupyter_path
from jupyterlab_server.config import get_page_config
print(json.dumps(get_page_config(jupyter_path("labextensions"))))
"""


def test_nbgraders_menus_are_for_teachers(tmp_path):
    """What JupyterLab tells its page to leave out, as `mle start` runs it and as a teacher does."""
    mine = tmp_path / "mine" / "labconfig"
    mine.mkdir(parents=True)
    (mine / "page_config.json").write_text('{"disabledExtensions": {"@jupyterlab/lsp-extension": true}}')
    pages = []
    for environment in (lab.lab_environment(), dict(os.environ)):
        done = subprocess.run(
            [sys.executable, "-c", PAGE],
            capture_output=True,
            check=True,
            env={**environment, "JUPYTER_CONFIG_DIR": str(mine.parent)},
        )
        pages.append(json.loads(done.stdout))
    learners, teachers = pages
    command = lab.lab_command(Workspace(tmp_path / "work"), unit_of(tmp_path, THREE_ANSWERS))
    (extensions,) = [word for word in command if "jpserver_extensions" in word]

    assert "@jupyter/nbgrader" in [extension["name"] for extension in learners["federated_extensions"]]
    assert "@jupyter/nbgrader" in learners["disabledExtensions"]
    assert "@jupyterlab/lsp-extension" in learners["disabledExtensions"]  # a choice of one's own stays
    assert "@jupyter/nbgrader" not in teachers["disabledExtensions"]
    assert extensions.count("'nbgrader.") == extensions.count("': False") == 4


def test_a_path_of_ones_own_stays_behind_ours(monkeypatch):
    """Somebody's JUPYTER_CONFIG_PATH goes on to be read."""
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "/one" + os.pathsep + "/two")

    assert lab.lab_environment()["JUPYTER_CONFIG_PATH"].split(os.pathsep)[1:] == ["/one", "/two"]


def test_no_question_is_asked_and_every_cell_is_on_the_page(prefix):
    """JupyterLab asks no question about news, and the browser's search finds text in every cell."""
    lab.settle_lab()

    settled = json.loads((prefix / "share/jupyter/lab/settings/overrides.json").read_text())
    assert settled[NEWS] == {"fetchNews": "false", "checkForUpdates": False}
    assert settled["@jupyterlab/notebook-extension:tracker"] == {"windowingMode": "none"}


def test_what_was_settled_before_stays(overrides):
    """Defaults are added beside another plugin's and another key's; a choice that was made is kept."""
    before = {"theme": {"theme": "JupyterLab Dark"}, NEWS: {"fetchNews": "true", "doNotDisturbMode": True}}
    overrides.write_text(json.dumps(before))

    lab.settle_lab()

    after = json.loads(overrides.read_text())
    assert after["theme"] == before["theme"]
    assert after[NEWS] == {"fetchNews": "true", "doNotDisturbMode": True, "checkForUpdates": False}
    assert "@jupyterlab/notebook-extension:tracker" in after


def test_a_second_start_writes_nothing(overrides):
    """What is settled already is left as it is, to the byte."""
    lab.settle_lab()
    settled = json.loads(overrides.read_text())
    overrides.write_text(json.dumps(settled, indent=7))

    lab.settle_lab()

    assert overrides.read_text() == json.dumps(settled, indent=7)


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"', f'{{"{NEWS}": 3}}'])
def test_a_damaged_file_is_left_as_it_is(overrides, text):
    """JupyterLab tells of it in its own words; the start goes on."""
    overrides.write_text(text)

    lab.settle_lab()

    assert overrides.read_text() == text


def test_an_environment_that_cannot_be_written_is_no_obstacle(prefix):
    """A shared environment may belong to somebody else: the start goes on with JupyterLab's own defaults."""
    prefix.write_text("a file where the folder would be, so that root, too, cannot write there")

    lab.settle_lab()

    assert prefix.is_file()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_environment_is_no_obstacle(prefix):
    """The same where the folder is there and closed."""
    prefix.mkdir(mode=0o555)

    lab.settle_lab()

    assert list(prefix.iterdir()) == []


def test_a_store_that_cannot_be_prepared_is_told_by_the_first_cell(tmp_path, monkeypatch):
    """Beside JupyterLab nothing is said, and the start goes on."""
    (tmp_path / "cache").touch()
    monkeypatch.setenv("SEATRIAL_CACHE", str(tmp_path / "cache" / "seatrial"))

    thread = threading.Thread(target=lab.make_template)
    thread.start()
    thread.join()

    assert (tmp_path / "cache").is_file()
