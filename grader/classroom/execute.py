"""nbgrader's step that executes a student's notebook, with the class's seed in the kernel's environment."""

from __future__ import annotations

import contextlib
import functools
import os
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nbgrader.converters.autograde import Autograde
from nbgrader.preprocessors import Execute
from traitlets import Bool, Dict, Enum, Integer, List, Unicode

from grader.classroom import judged
from grader.classroom.assigned import word_of
from grader.classroom.kernels import (
    RelayedProvisioner,
    WarmKernelManager,
    WarmProvisioner,
    folders_of,
    own_arguments,
)
from grader.classroom.parents import relays, warm_parents
from grader.classroom.record import read_record
from grader.jail.isolation import Isolation

PRELOADED = (
    "numpy",
    "pandas",
    "matplotlib.figure",
    "matplotlib.backends.backend_agg",
    "scipy.stats",
    "sklearn.ensemble",
    "sklearn.linear_model",
    "sklearn.metrics",
    "sklearn.model_selection",
    "sklearn.pipeline",
    "sklearn.preprocessing",
)


warm_parents_of = functools.cache(warm_parents)  # they live as long as this process
relays_of = functools.cache(relays)


class ClassExecute(Execute):
    """Execute as nbgrader has it, in kernels that are forked from a warm parent and jailed.

    A class of ours has its `seatrial.json` in the course's root, which is the current folder while nbgrader
    converts: then hidden tests draw the same data for every student and every re-grade, and run in a process
    of their own where they are those of the course.
    """

    isolation = Enum(
        [str(level) for level in Isolation],
        str(Isolation.FULL),
        help="full: notebooks run in a jail, and none runs where there can be no jail. "
        "reduced: processes of their own on this machine's files and network.",
    ).tag(config=True)
    judged = Bool(
        True,
        help="In a class of ours: whether tests of the course run in a process of their own. "
        "False: in the notebook's kernel, as nbgrader does it.",
    ).tag(config=True)
    memory_limit_megabytes = Integer(
        2048, help="The most memory that a notebook may use beyond what is preloaded, in megabytes."
    ).tag(config=True)
    preload = List(
        Unicode(),
        list(PRELOADED),
        help="Modules that are imported once, before any notebook runs; what is not installed is left out.",
    ).tag(config=True)
    files_limit_megabytes = Integer(
        64, help="The most that the files beside a notebook may hold together, in megabytes."
    ).tag(config=True)
    kernel_environment = Dict(
        help="Environment variables for kernels, beside PATH, the language's and nbgrader's own."
    ).tag(config=True)

    readable_folders = List(
        Unicode(),
        help="Folders that a jailed kernel of another language or environment may read, beside its own.",
    ).tag(config=True)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("kernel_manager_class", WarmKernelManager)
        super().__init__(*args, **kwargs)
        self._of_ours = False  # a unit's notebook
        self._modules: tuple[str, ...] = ()  # what it imports
        self.shutdown_kernel = "immediate"  # what it would do at its end is in no cell

    def create_kernel_manager(self) -> Any:
        """nbclient's manager of kernels, told where to fork them."""
        manager = super().create_kernel_manager()
        if isinstance(manager, WarmKernelManager):
            manager.start = self._provisioner
        return manager

    def _provisioner(self, **facts: Any) -> WarmProvisioner | None:
        """What starts a kernel: a fork, its own command in a jail, or None for its own command as ever."""
        spec, isolation = facts["kernel_spec"], Isolation(self.isolation)
        if own_arguments(spec) is not None:
            provisioner = WarmProvisioner(**facts)
            provisioner.parents = warm_parents_of(self._modules or tuple(self.preload), isolation)
        elif isolation is Isolation.FULL:
            provisioner = RelayedProvisioner(**facts)
            provisioner.parents = relays_of((*folders_of(spec), *map(Path, self.readable_folders)))
        else:
            return None
        provisioner.file_megabytes = self.files_limit_megabytes
        provisioner.memory_megabytes = self.memory_limit_megabytes
        provisioner.environment = self.kernel_environment
        provisioner.with_store = self._of_ours
        return provisioner

    def preprocess(self, nb: Any, resources: Any = None, km: Any = None) -> Any:
        """A class of ours: by learner and judge, where its tests are the course's. Else as nbgrader does it."""
        record = read_record(Path.cwd())
        facts = (resources or {}).get("nbgrader", {})
        if record is None or "notebook" not in facts:
            return super().preprocess(nb, resources, km)
        found = judged.unit_of(facts["notebook"], nb) if self.judged else "so it is configured"
        submitted = judged.submitted_notebook(self.config, facts)
        seed = record.seed(word_of(facts["notebook"]))
        if not isinstance(found, str) and submitted.is_file():
            folder = Path(resources["metadata"]["path"])
            result = judged.judge(*found, submitted, folder, seed, self.isolation)
            judged.show(nb, result)
            return nb, resources
        why = found if isinstance(found, str) else f"there is no {submitted}"
        self._of_ours, self._modules = True, judged.modules_of(facts["notebook"])
        self.log.warning("%s runs in a kernel, with its tests beside the answers: %s", facts["notebook"], why)
        with _environment(SEATRIAL_SEED=str(seed)):
            return super().preprocess(nb, resources, km)


def autograde_steps() -> list[str]:
    """nbgrader's own list of steps, by their full names, with ClassExecute in the place of Execute."""
    steps = Autograde.class_traits()["autograde_preprocessors"].default()
    classes = [ClassExecute if step is Execute else step for step in steps]
    return [f"{step.__module__}.{step.__qualname__}" for step in classes]


def find_own_commands() -> None:
    """Lets nbgrader find `alembic`, which it calls by name for a new grade book, where nothing is activated."""
    own, path = sysconfig.get_path("scripts"), os.environ.get("PATH", "")
    if own not in path.split(os.pathsep):
        os.environ["PATH"] = own + os.pathsep + path


@contextlib.contextmanager
def _environment(**values: str | None) -> Iterator[None]:
    """Sets environment variables, or removes those that are None, and puts everything back."""
    before = {name: os.environ.get(name) for name in values}
    _set(values)
    try:
        yield
    finally:
        _set(before)


def _set(values: dict[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
