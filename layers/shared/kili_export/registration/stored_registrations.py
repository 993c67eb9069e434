"""The exports that are declared for a project, read from the bucket and remembered for a while."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from pydantic import ValidationError

from kili_export.core.bucket_layout import REGISTRATIONS_PREFIX, registration_key
from kili_export.core.clock import Clock
from kili_export.core.errors import IntegrityError, Throttled, TransientError
from kili_export.registration.declaration import ProjectRegistration
from kili_export.storage.object_store import ObjectStore

_REMEMBERED: Final = timedelta(seconds=60)
_RECENT: Final = timedelta(seconds=2)
_LOOK_UPS: Final = 20
_LOOK_UPS_A_SECOND: Final = 5


def load_registration(objects: ObjectStore, project_id: str) -> ProjectRegistration | None:
    """What is declared for a project, None when nothing is. Raises IntegrityError."""
    found = objects.get(registration_key(project_id))
    if found is None:
        return None
    try:
        return ProjectRegistration.from_bytes(found[0])
    except (ValidationError, ValueError) as error:
        raise IntegrityError(f"the registration of {project_id} cannot be read") from error


def registered_projects(objects: ObjectStore) -> Iterator[str]:
    """The ids of all projects that have exports."""
    for stored in objects.list(REGISTRATIONS_PREFIX):
        yield stored.key.removeprefix(REGISTRATIONS_PREFIX).removesuffix(".json")


@dataclass(frozen=True, slots=True)
class _Remembered:
    registration: ProjectRegistration
    read_at: datetime


@dataclass(slots=True)
class RememberedRegistrations:
    """Registrations as one process last read them.

    A project that is not registered is looked up every time, so that a registration works at
    once, but only as often as a budget allows: a flood of unknown ids must not cost a request
    each. Once it is spent, only what was looked up a moment ago is still taken for unregistered;
    of all others nothing is known, and their senders are to try again.
    """

    objects: ObjectStore
    clock: Clock
    _known: dict[str, _Remembered] = field(default_factory=dict)
    _absent: dict[str, datetime] = field(default_factory=dict)
    _look_ups: float = float(_LOOK_UPS)
    _counted_at: datetime | None = None

    def get(self, project_id: str) -> ProjectRegistration | None:
        """The registration, at most a minute old; None when the project has none.

        When the bucket does not answer, what is remembered serves on. Raises TransientError when
        nothing is, Throttled when there are too many unknown ones at once.
        """
        known = self._known.get(project_id)
        if known is None:
            return self._look_up_unknown(project_id)
        if self.clock.now() - known.read_at < _REMEMBERED:
            return known.registration
        try:
            return self._look_up(project_id)
        except TransientError:
            return known.registration

    def latest(self, project_id: str) -> ProjectRegistration | None:
        """Like `get`, read again unless that was just done: for callers about to refuse."""
        known = self._known.get(project_id)
        if known and self.clock.now() - known.read_at >= _RECENT:
            return self._look_up(project_id)
        return known.registration if known else None

    def _look_up_unknown(self, project_id: str) -> ProjectRegistration | None:
        if self._may_look_up():
            registration = self._look_up(project_id)
            if registration is None:
                self._remember_absent(project_id)
            return registration
        read_at = self._absent.get(project_id)
        if read_at is None or self.clock.now() - read_at >= _RECENT:
            raise Throttled("too many projects are unknown at once; send it again")
        return None

    def _remember_absent(self, project_id: str) -> None:
        now = self.clock.now()
        self._absent = {one: at for one, at in self._absent.items() if now - at < _RECENT}
        self._absent[project_id] = now

    def _look_up(self, project_id: str) -> ProjectRegistration | None:
        registration = load_registration(self.objects, project_id)
        if registration is None:
            self._known.pop(project_id, None)
        else:
            self._known[project_id] = _Remembered(registration, self.clock.now())
        return registration

    def _may_look_up(self) -> bool:
        now = self.clock.now()
        if self._counted_at is not None:
            regained = (now - self._counted_at).total_seconds() * _LOOK_UPS_A_SECOND
            self._look_ups = min(float(_LOOK_UPS), self._look_ups + max(0.0, regained))
        self._counted_at = now
        if self._look_ups < 1:
            return False
        self._look_ups -= 1
        return True
