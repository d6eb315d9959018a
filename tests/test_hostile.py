"""Every hostile submission gets what it deserves, learns nothing, harms nobody and leaves nothing behind."""

import itertools

import pytest
from hostile.claims import wrongs
from hostile.classes import CASES, CLASSES
from hostile.ground import Ground

pytestmark = pytest.mark.slow

numbers = itertools.count(1)


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    with Ground(tmp_path_factory.mktemp("hostile")) as ground:
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
