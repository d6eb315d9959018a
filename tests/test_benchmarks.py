"""The benchmark of grading, with two submissions: that it runs, compares points and prints its tables."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from grader.jail.isolation import Isolation, probe

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="grading in full isolation needs Linux"),
]


def benchmark(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(BENCHMARKS / "grading.py"), *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.skipif(probe().level is not Isolation.FULL, reason="no full isolation here")
def test_a_short_comparison_prints_its_tables(tmp_path):
    """One round of ours, nbgrader and the floor on the light unit, with the same points in all three."""
    raw = tmp_path / "raw.json"

    done = benchmark(
        "--students=2",
        "--rounds=1",
        "--units=add-up",
        "--ways=ours,nbgrader,floor",
        "--no-memory",
        f"--json={raw}",
    )

    assert done.returncode == 0, done.stderr
    for words in (
        "mle class grade --workers 1",
        "nbgrader autograde",
        "warm exec",
        "to reach",
        "load average",
    ):
        assert words in done.stdout
    (unit,) = json.loads(raw.read_text(encoding="utf-8"))
    assert {name: len(rounds) for name, rounds in unit["rounds"].items()} == {
        "ours": 1,
        "nbgrader": 1,
        "floor": 1,
    }
    assert all(one[0]["many"]["cpu_seconds"] > 0 for one in unit["rounds"].values())


def test_an_unknown_way_is_named():
    """A slip in an option costs no time and says what there is."""
    done = benchmark("--units=add-up", "--ways=our")

    assert done.returncode == 1
    assert "no way named our; there are ours, ours-2, nbgrader" in done.stderr


def test_other_points_are_seen(monkeypatch):
    """Two ways that differ in one test of one student are told apart, whichever of them has it."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from grading_class import differences

    first = {("anna", "adds"): 2.0, ("ben", "adds"): 2.0}
    second = {("anna", "adds"): 2.0, ("ben", "adds"): 0.0, ("ben", "more"): 1.0}

    assert differences(first, first) == []
    assert differences(first, second) == ["ben adds: 2.0 and 0.0", "ben more: None and 1.0"]
