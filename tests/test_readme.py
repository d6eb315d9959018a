"""The README says what is true."""

from __future__ import annotations

import re
from pathlib import Path

from typer.main import get_command

from grader import cli, cli_author, cli_class, cli_data, cli_learner
from grader.course import Course

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
LAUNCHER_VERBS = {"test", "lint"}


def test_it_states_the_totals_of_the_course() -> None:
    """Units, wrong answers, other right answers: as many as the sources hold."""
    units = [unit for unit in Course(ROOT).units if unit.has_exercise]
    wrong = sum(len(unit.wrong) for unit in units)
    also = sum(len(unit.also) for unit in units)
    text = " ".join(README.split())

    assert (
        f"{len(units)} units: all {wrong} wrong answers are caught, all {also} other right answers earn every point, "
        "untouched notebooks earn nothing."
    ) in text


def test_its_commands_exist() -> None:
    """Every `mle.py VERB` is a command of `mle` or of the launcher."""
    cli_learner.register(cli.app)
    cli_author.register(cli.app)
    cli_class.register(cli.app)
    cli_data.register(cli.app)
    known = set(get_command(cli.app).commands) | LAUNCHER_VERBS  # type: ignore[attr-defined]
    named = set(re.findall(r"mle\.py ([a-z]+)", README))

    assert named
    assert named <= known


def test_it_is_short() -> None:
    """A hundred lines at most."""
    assert len(README.splitlines()) <= 100
