"""The first worker of `mle class grade` is started before it is known what it is for."""

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from graded_class import School, new_school

from grader.classroom.early import guessed_modules, has_new_work, started_early


class Engine:
    """Notes what is started and what has ended."""

    def __init__(self) -> None:
        self.modules: list[tuple[str, ...]] = []
        self.started = 0
        self.open = 0

    @contextlib.contextmanager
    def __call__(self, modules: Iterable[str]) -> Iterator:
        self.modules.append(tuple(modules))
        self.open += 1

        def make() -> int:
            self.started += 1
            return self.started

        yield make
        self.open -= 1


@pytest.fixture
def school(tmp_path: Path) -> School:
    return new_school(tmp_path)


def test_one_worker_is_under_way_and_is_the_first_that_is_used(school: School) -> None:
    """Later ones are made as they are needed; at the end nothing is open."""
    school.hand_in_both("ada")
    engine = Engine()
    with started_early(engine, school.folder, school.course) as early:
        assert engine.started == 1
        with early(engine.modules[0]) as make:
            assert [make(), make()] == [1, 2]
    assert len(engine.modules) == 1
    assert engine.open == 0


def test_a_guess_that_lacks_a_module_is_ended(school: School) -> None:
    school.hand_in_both("ada")
    engine = Engine()
    with (
        started_early(engine, school.folder, school.course) as early,
        early([*engine.modules[0], "json"]) as make,
    ):
        assert engine.open == 1
        assert make() == 2
    assert engine.modules[1][-1] == "json"


def test_nothing_is_started_where_nothing_is_new(school: School) -> None:
    """Neither for an empty class nor for one that was graded, nor for a folder that is no class."""
    engine = Engine()
    for folder in (school.folder, school.folder / "elsewhere"):
        with started_early(engine, folder, school.course):
            assert engine.started == 0
    school.hand_in_both("ada")
    assert has_new_work(school.folder)
    school.grade()
    assert not has_new_work(school.folder)
    assert guessed_modules(school.folder / "elsewhere", school.course) == ()
