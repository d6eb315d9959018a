"""The course folder: where it is, which units it has, and in which order they are met."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from grader.built import unit_from_notebook
from grader.errors import CourseError
from grader.header import nearest
from grader.lesson import lesson_unit, stands_alone
from grader.model import Unit
from grader.parsed import load_unit
from grader.source import shelf

FOLDERS = ("modules", "exercises", "solutions")


@dataclass(frozen=True)
class Course:
    """A folder with modules/, exercises/ and, in a clone, solutions/."""

    root: Path

    @property
    def has_solutions(self) -> bool:
        return (self.root / "solutions").is_dir()

    @functools.cached_property
    def files(self) -> dict[str, Path]:
        """Source of each exercise by its path, sorted; without solutions/ its built notebook."""
        folder, ending = ("solutions", "py") if self.has_solutions else ("exercises", "ipynb")
        found = sorted((self.root / folder).glob(f"*/*.{ending}"))
        return {shelf(file)[0]: file for file in found if not file.name.startswith(".")}

    @functools.cached_property
    def unit_files(self) -> dict[str, Path]:
        """`files`, and the lessons that stand without an exercise, sorted by path."""
        ending = "py" if self.has_solutions else "ipynb"
        lessons = {shelf(file)[0]: file for file in (self.root / "modules").glob(f"*/*.{ending}")}
        alone = {
            path: file for path, file in lessons.items() if path not in self.files and stands_alone(file)
        }
        return dict(sorted((self.files | alone).items()))

    @functools.cached_property
    def units(self) -> tuple[Unit, ...]:
        """Every unit, sorted by path. Raises SourceError if one source is broken."""
        return tuple(self.load(file) for file in self.unit_files.values())

    @property
    def words(self) -> tuple[str, ...]:
        """Identities of all units, in path order."""
        return tuple(shelf(file)[1] for file in self.unit_files.values())

    def load(self, file: Path) -> Unit:
        """The unit in a source or in a built notebook."""
        if file.is_relative_to(self.root / "modules"):
            return lesson_unit(file)
        if file.suffix == ".ipynb":
            return unit_from_notebook(file)
        return load_unit(file, self.root / ".cache" / "units")

    def unit(self, name: str) -> Unit:
        """The unit with this word, stem or path. Raises CourseError with the nearest name."""
        return self.load(self.unit_files[self.locate(name)])

    def exercise(self, name: str) -> Unit:
        """The same, for what needs an exercise. Raises CourseError also for a lesson that has none."""
        unit = self.unit(name)
        if not unit.has_exercise:
            what = f"{unit.name} is a lesson without an exercise, so there is nothing to check or solve"
            raise CourseError(f"{what}. Read it (mle start {unit.name}), then: mle next")
        return unit

    def locate(self, name: str) -> str:
        """Path of the unit with this word, stem or path: "00-orientation/01-first-check"."""
        wanted = name.replace("\\", "/").strip("/")
        for ending in (".py", ".ipynb"):
            wanted = wanted.removesuffix(ending)
        found = [path for path, file in self.unit_files.items() if wanted in _names(path, file)]
        if not found and wanted.count("/") > 1:
            tail = "/".join(wanted.split("/")[-2:])
            found = [path for path in self.unit_files if path == tail]
        if len(found) > 1:
            raise CourseError(f'"{name}" may be {" or ".join(found)}. Write the whole path.')
        if not found:
            known = [known for path, file in self.unit_files.items() for known in _names(path, file)]
            raise CourseError(f'no exercise named "{name}".{nearest(wanted, known)}')
        return found[0]

    def lesson(self, unit_path: str) -> Path | None:
        """The built lesson of a unit, or None if it has none."""
        file = self.root / "modules" / f"{unit_path}.ipynb"
        return file if file.is_file() else None

    @functools.cached_property
    def graph(self) -> dict[str, tuple[str, ...]]:
        """Words of the units that each unit needs; those that do not exist yet are left out."""
        known = set(self.words)
        return {unit.name: tuple(need for need in unit.header.needs if need in known) for unit in self.units}

    @functools.cached_property
    def order(self) -> tuple[Unit, ...]:
        """Units so that each follows what it needs, else by path. Raises CourseError on a cycle."""
        if cycle := self.cycle():
            raise CourseError(
                f"units need each other in a circle: {' -> '.join(cycle)}; drop one of the needs"
            )
        waiting = {unit.name: unit for unit in self.units}
        done: dict[str, Unit] = {}
        while waiting:
            ready = next(name for name in waiting if all(need in done for need in self.graph[name]))
            done[ready] = waiting.pop(ready)
        return tuple(done.values())

    def cycle(self) -> tuple[str, ...]:
        """Words of units that need each other in a circle, first and last alike; empty if none do."""
        finished: set[str] = set()
        for start in self.graph:
            trail: list[str] = []
            stack = [(start, iter(self.graph[start]))] if start not in finished else []
            trail += [start] if stack else []
            while stack:
                following = next(stack[-1][1], None)
                if following is None:
                    finished.add(stack.pop()[0])
                    trail.pop()
                elif following in trail:
                    return (*trail[trail.index(following) :], following)
                elif following not in finished:
                    trail.append(following)
                    stack.append((following, iter(self.graph[following])))
        return ()

    def problems(self) -> list[str]:
        """What is wrong with the units together: a word that stands twice, a circle of needs."""
        words = self.words
        found = [
            f'{path}: the word "{shelf(file)[1]}" names another unit too; rename one'
            for path, file in self.unit_files.items()
            if words.count(shelf(file)[1]) > 1
        ]
        found += [problem for unit in self.units for problem in self._start_problems(unit)]
        cycle = self.cycle()
        return found + ([f"units need each other in a circle: {' -> '.join(cycle)}"] if cycle else [])

    def _start_problems(self, unit: Unit) -> Iterator[str]:
        """What a unit starts from is left by a unit that it needs, perhaps by way of others."""
        leaving = {other.name for other in self.units if other.header.leaves}
        needed: set[str] = set()
        waiting = list(self.graph[unit.name])
        while waiting:
            if (name := waiting.pop()) not in needed:
                needed.add(name)
                waiting += self.graph[name]
        for name in unit.starts_from:
            if name not in leaving:
                yield f'{unit.path}: starts from "{name}", which leaves nothing; give that unit a line "leaves: [...]"'
            elif name not in needed:
                yield f'{unit.path}: starts from "{name}" and does not need it; add it to needs'


def find_course(start: Path | None = None) -> Course:
    """The course at or above a folder; without one, that of SEATRIAL_COURSE, this clone, or this package.

    Raises CourseError if there is none.
    """
    if start is None and (named := os.environ.get("SEATRIAL_COURSE")):
        start = Path(named)
    if start is not None:
        start = start.resolve()
        for folder in (start, *start.parents):
            if _holds(folder) >= (1 if folder == start else 2):
                return Course(folder)
        raise CourseError(f"no course at {start}. Name a folder that holds modules/ and exercises/.")
    package = Path(__file__).resolve().parent
    for folder in (package / "course", *package.parents, Path.cwd(), *Path.cwd().parents):
        if _holds(folder) >= 2:
            return Course(folder)
    raise CourseError("no course found. Go to its folder or set SEATRIAL_COURSE to it.")


def _holds(folder: Path) -> int:
    return sum((folder / name).is_dir() for name in FOLDERS)


def _names(path: str, file: Path) -> tuple[str, str, str]:
    return path, path.rpartition("/")[2], shelf(file)[1]
