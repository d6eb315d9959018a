"""The check of a model that the learner registered, and a look at its versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grader.expect import describe, host
from grader.expect.failure import Check, begin

if TYPE_CHECKING:
    from grader.store_models import RegisteredRecord, VersionRecord


class VersionView:
    """A version: `.number`, `.run_id` of the run that made it, `.source`, `.status`, `.tags`, `.file(name)`."""

    def __init__(self, record: VersionRecord, check: Check) -> None:
        self.number = record.number
        self.run_id = record.run_id
        self.source = record.source
        self.status = record.status
        self.tags = dict(record.tags)
        self._record = record
        self._check = check

    def file(self, name: str) -> bytes:
        """The bytes of a file of the registered model, such as MLmodel; a check that fails if it has none."""
        from grader.jail.folders import FolderFiles

        whose = f"version {self.number} of {self._record.name}"
        try:
            if self._record.folder is None:
                raise FileNotFoundError(name)
            data = FolderFiles(self._record.folder).read(name)
        except (FileNotFoundError, ValueError):
            self._check.fail(f"{whose} without a file {name}", f"a file {name}", "a version without it")
        return data


class RegisteredView:
    """A registered model: `.versions` with the oldest first, `.aliases` as a dict of version numbers."""

    def __init__(self, record: RegisteredRecord, check: Check) -> None:
        self.name = record.name
        self.versions = tuple(VersionView(version, check) for version in record.versions)
        self.aliases = dict(record.aliases)
        self._check = check

    def version(self, number: int) -> VersionView:
        """The version of this number; a check that fails if there is none."""
        found = next((version for version in self.versions if version.number == number), None)
        if found is None:
            self._check.fail(
                f"{self.name} without version {number}", f"a version {number}", "no version of that number"
            )
        return found

    def alias(self, alias: str) -> VersionView:
        """The version that an alias names; a check that fails if it names none."""
        if alias not in self.aliases:
            names = ", ".join(sorted(self.aliases)) or "none"
            self._check.fail(
                f"{self.name} with the aliases {names}", f"an alias {alias}", "no alias of that name"
            )
        return self.version(self.aliases[alias])


def registered(name: str, *, what: str, why: str, look_at: str) -> RegisteredView:
    """The model that the learner's store holds under `name`, with at least one version.

    At home the store is kept, so versions from before this execution are there, too: `expect.run` has the run id to
    tell them by.
    """
    check = begin("registered", what, why, look_at)
    records = host.current().registered_models()
    found = next((record for record in records if record.name == name), None)
    if found is None or not found.versions:
        names = ", ".join(describe.describe_key(record.name) for record in records[:10])
        got = f"registered models with other names ({names})" if names else "no registered model"
        if found is not None:
            got = f"a registered model {name} without a version"
        check.fail(got, f"a version of the registered model {name}", "no version of that model")
    return RegisteredView(found, check)
