# ruff: noqa: E501
"""The same submissions before plain nbgrader, for the table in docs/hostile.md. Run by hand; takes a quarter of an hour.

    python tests/hostile/plain.py ROWS [PATTERN]      grades what matches and is not in the file ROWS yet, adds it there
    python tests/hostile/plain.py ROWS --table docs/hostile.md

nbgrader runs a submission uncontained, as whoever grades. So each is graded in a class of its own in a temporary folder,
where this is started by root as another user, with limits on memory, processes, file sizes and time; what would
harm the machine all the same is not run. Only points and the grade book are compared, not what leaked.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:1] = [str(ROOT / "tests"), str(ROOT)]  # not this folder, whose secrets.py is not Python's

from grader.classroom.course import make_class  # noqa: E402
from grader.classroom.graded import graded_cells, nbgrader  # noqa: E402
from grader.model import Unit  # noqa: E402
from grader.stage import flatten  # noqa: E402
from grader.store import template  # noqa: E402
from hostile.case import Case  # noqa: E402
from hostile.claims import deserved, wrongs  # noqa: E402
from hostile.classes import CLASSES  # noqa: E402
from hostile.ground import Ground  # noqa: E402

NOBODY = 65534
PLAIN_CONFIG = """\
c = get_config()
c.CourseDirectory.course_id = "plain"  # nothing of Seatrial: nbgrader's own steps
c.Execute.timeout = 30
"""
# Root's home is closed, and this Python may lie in it: show it alone, in a mount namespace of its own.
AS_NOBODY = """
set -e
if [ -d "$0/.pyenv" ]; then
    mount --bind "$0/.pyenv" /mnt && mount -t tmpfs -o mode=755 none "$0"
    mkdir "$0/.pyenv" && mount --bind /mnt "$0/.pyenv" && umount /mnt
fi
mount -t proc proc /proc
exec prlimit --nproc=200 setpriv --reuid 65534 --regid 65534 --clear-groups "$@"
"""
FOR_OTHERS = {"writing", "resources", "death", "damaged"}
MOST = {"small": 63, "tracked": 3}
SECONDS = 90
INTRODUCTION = """\
# Hostile submissions

Each row is a submission of `tests/hostile/`, graded once by Seatrial in the jail and once by `nbgrader autograde` of nbgrader
{version}. "Deserved" is what its honest part is worth, of {most:g} points, of {tracked:g} where an MLflow run is attacked; a range
means that the submission has only itself to thank if it loses more. "refused" is a file that is no notebook of
the unit: it gets a row with the reason, and no points.

The suite (`python -m pytest tests/test_hostile.py`, some minutes) asserts more than the points: an honest submission graded
right after in the same worker gets all of its points and finds nothing, no process and no file is left, nothing
secret and no command of a terminal stands in any message or output, and the batch goes on.

nbgrader makes no promise against such submissions: tests run in the learner's own process, as whoever grades. The last
column says what that costs. It was run as a user without rights, with limits on memory, file sizes, processes and time.
"neighbour" are the points of an honest submission of the same batch. "not run: would harm" is a submission that would have
hurt the machine all the same, "not measured" one that has not been there yet. What leaked is not looked for there.
Where nbgrader gives more than is deserved, points were stolen; where it gives fewer, honest work was lost.

Written by `python tests/hostile/plain.py`.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", type=Path, help="JSON, one row a line")
    parser.add_argument("pattern", nargs="?", default="")
    parser.add_argument("--table", type=Path, help="write the table of all rows and end")
    arguments = parser.parse_args()
    rows = (
        [json.loads(line) for line in arguments.rows.read_text().splitlines()]
        if arguments.rows.exists()
        else []
    )
    if arguments.table:
        arguments.table.write_text(table(rows), encoding="utf-8")
        return
    done = {(kind, name) for kind, name, *_ in rows}
    os.environ["PATH"] = os.pathsep.join(
        [str(Path(sys.executable).parent), os.environ["PATH"]]
    )  # nbgrader calls alembic
    folder = Path(tempfile.mkdtemp(prefix="hostile-plain-"))
    folder.chmod(0o755)
    with Ground(folder) as ground:
        ground.warm_up()
        made = {path: make_master(folder, unit) for path, unit in ground.units.items()}
        for kind, cases in CLASSES.items():
            for number, case in enumerate(cases):
                if (kind, case.name) not in done and re.search(arguments.pattern, f"{kind}-{case.name}"):
                    found = row(ground, made, kind, case, f"{kind}-{number}")
                    with arguments.rows.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(found) + "\n")
    shutil.rmtree(folder, ignore_errors=True)


def row(ground: Ground, made: dict[str, Path], kind: str, case: Case, student: str) -> tuple[str, ...]:
    """class, case, deserved, ours, plain nbgrader's."""
    unit = ground.unit(case)
    least, most = deserved(case, unit)
    worth = "refused" if case.refused else f"{most:g}" if least == most else f"{least:g} to {most:g}"
    if case.jail and not ground.jailed:
        ours = "not run: needs the jail"
    else:
        points, wrong = wrongs(ground, case, student)
        ours = f"{points:g}{'; ' + wrong[0] if wrong else ''}"
    if case.harms:
        theirs = "not run: would harm"
    else:
        path = ground.handed_in / f"{student}-plain"
        ground.hand_in(case, path.name)
        theirs = plain(made[unit.path], path, unit, beside=kind in FOR_OTHERS)
    return kind, case.name, case.tries, worth, ours, theirs


def make_master(folder: Path, unit: Unit) -> Path:
    """A class of one unit with its assignment made, to be copied for each submission."""
    master = folder / f"master-{unit.name}"
    make_class(master, [unit])
    (master / "nbgrader_config.py").write_text(PLAIN_CONFIG, encoding="utf-8")
    nbgrader(master, "generate_assignment", unit.path.split("/")[0])
    return master


def plain(master: Path, handed_in: Path, unit: Unit, *, beside: bool) -> str:
    """What plain nbgrader gives for what lies in `handed_in`, and `beside` it for the one who comes next."""
    folder = Path(tempfile.mkdtemp(prefix="hostile-class-"))
    try:
        room = folder / "class"
        shutil.copytree(master, room)
        module = unit.path.split("/")[0]
        students = {"a-hostile": handed_in, **({"b-neighbour": neighbour(folder, unit)} if beside else {})}
        for student, source in students.items():
            target = room / "submitted" / student / module
            target.parent.mkdir(parents=True)
            shutil.copytree(source, target, symlinks=True, ignore=pipes)
        ended = autograde(room, module)
        said = []
        for student in students:
            try:
                cells = graded_cells(room, unit, student)
            except Exception as error:
                cells = {}
                said.append(f"grade book unreadable ({type(error).__name__})")
            said.append(f"{sum(cell.points for cell in cells.values()):g}" if cells else "no grade")
        harmed = beside and said[-1] != f"{unit.max_points:g}"
        text = f"{said[0]}; neighbour: {said[-1]}" if harmed else said[0]
        return f"{text}; {ended}" if ended else text
    finally:
        with contextlib.suppress(OSError):
            flatten(folder)
        shutil.rmtree(folder, ignore_errors=True)


def pipes(place: str, names: list[str]) -> list[str]:
    """What cannot be copied: pipes, and files with holes."""
    return [
        name
        for name in names
        if not os.path.islink(p := f"{place}/{name}")
        and not os.path.isdir(p)
        and (not os.path.isfile(p) or os.path.getsize(p) > 10**8)
    ]


def neighbour(folder: Path, unit: Unit) -> Path:
    """The reference, as a submission."""
    from small_course import notebook_of

    place = folder / "honest"
    place.mkdir()
    notebook_of(place, unit)
    return place


def autograde(room: Path, module: str) -> str:
    """Run the command within limits; "" or how it ended."""
    own = room / ".nbgrader"
    own.mkdir(exist_ok=True)
    shutil.copy(template(), own)  # MLflow's tables, which each kernel would make anew
    if os.geteuid() == 0:
        room.parent.chmod(0o755)
        for place, _, names in os.walk(room):
            os.chown(place, NOBODY, NOBODY)
            for name in names:
                os.lchown(f"{place}/{name}", NOBODY, NOBODY)
    environment = {
        "SEATRIAL_CACHE": str(own),
        "PATH": os.environ["PATH"], "HOME": str(own), "TMPDIR": str(own), "JUPYTER_CONFIG_DIR": str(own), "IPYTHONDIR": str(own),
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "datasets")]), "OMP_NUM_THREADS": "1", "MPLCONFIGDIR": str(own),
    }  # fmt: skip
    command = [sys.executable, "-m", "nbgrader", "autograde", module]
    if os.geteuid() == 0:
        command = [
            "unshare",
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "sh",
            "-c",
            AS_NOBODY,
            str(Path.home()),
            *command,
        ]
    process = subprocess.Popen(
        command, cwd=room, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True, preexec_fn=limit,
    )  # fmt: skip
    try:
        code = process.wait(SECONDS)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return f"still ran after {SECONDS} s"
    return "" if code == 0 else f"ended with {code}"


def limit() -> None:
    """In the child: bounds that a machine survives."""
    for which, most in (
        (resource.RLIMIT_AS, 6 * 2**30),
        (resource.RLIMIT_FSIZE, 200 * 2**20),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, SECONDS),
    ):
        resource.setrlimit(which, (most, most))


def table(rows: list[list[str]]) -> str:
    """Every case by class; those that are not among the rows are named all the same."""
    head = INTRODUCTION.format(
        most=MOST["small"], tracked=MOST["tracked"], version=importlib.metadata.version("nbgrader")
    )
    graded = {(kind, name): cells for kind, name, *cells in rows}
    lines = [head]
    for kind, cases in CLASSES.items():
        lines += [
            f"\n## {kind.capitalize()}, {len(cases)} cases\n",
            "| case | what it tries | deserved | Seatrial | plain nbgrader |",
            "|---|---|---|---|---|",
        ]
        for case in cases:
            tries, *points = graded.get((kind, case.name), [case.tries, "", "", "not measured"])
            cells = [f"`{case.name}`", tries, *points]
            lines.append(
                "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
            )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
