"""Every hostile submission gets what it deserves, learns nothing, harms nobody and leaves nothing behind."""

import itertools
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hostile.claims import wrongs
from hostile.classes import CASES, CLASSES
from hostile.ground import Ground

from grader.model import Report

pytestmark = pytest.mark.slow

BESIDE = ("resources-cpu_in_many", "resources-fork_bomb", "resources-memory_at_once", "death-kills_all")
numbers = itertools.count(1)


@pytest.fixture(scope="module")
def ground():
    """Not below pytest's own folder, which another user may not enter."""
    with tempfile.TemporaryDirectory(prefix="hostile-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        with Ground(Path(folder)) as ground:
            ground.warm_up()
            yield ground


def test_every_class_has_its_cases():
    """At least sixty in all, and no two with the same name."""
    names = [case.name for cases in CLASSES.values() for case in cases]

    assert len(names) >= 60
    assert len(set(names)) == len(names)
    assert [kind for kind, cases in CLASSES.items() if len(cases) < 4] == []


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_submission_gets_what_it_deserves_and_harms_nobody(ground, case):
    """Its points, its silence about secrets, the full points of who comes next, and nothing left behind."""
    if case.jail and not ground.jailed:
        pytest.skip("contained only in the jail")
    _, wrong = wrongs(ground, case, f"{case.name}-{next(numbers)}")

    assert wrong == []


@pytest.mark.parametrize("name", BESIDE)
def test_a_neighbour_on_another_worker_keeps_its_points(ground, name):
    """What one worker has to bear is not felt by the one beside it."""
    if not ground.jailed:
        pytest.skip("contained only in the jail")
    other = ground.other_worker()
    with ThreadPoolExecutor(1) as pool:
        hostile = pool.submit(ground.grade, CASES[name], f"beside-{next(numbers)}")
        reports: list[Report] = []
        while not (hostile.done() and reports):
            reports.append(ground.grade_neighbour(other))

    assert [report.points for report in reports] == [63.0] * len(reports)
