"""Erases whole prefixes of the bucket, while nobody else may publish there."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from kili_export.changes.events.follow_up import FollowUpRuns
from kili_export.core.clock import Clock, RandomSource
from kili_export.core.errors import InvalidConfiguration
from kili_export.registration.stored_registrations import load_registration
from kili_export.runs.lease import Executions, Lease, LeaseStore
from kili_export.storage.object_store import ObjectStore, StoredObject

_BELIEVED: Final = timedelta(minutes=5)
"""So long no run takes the project over from a purge that was killed."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What is gone: keys of objects, and how many versions besides."""

    keys: tuple[str, ...] = ()
    versions: int = 0


@dataclass(frozen=True, slots=True)
class Eraser:
    """Erases what belongs to projects. The caller holds the project's lease meanwhile."""

    objects: ObjectStore
    leases: LeaseStore
    executions: Executions
    follow_up: FollowUpRuns
    clock: Clock
    random: RandomSource

    @contextmanager
    def alone(self, project_id: str) -> Iterator[int]:
        """Holds the project's lease. Who came meanwhile ended quietly, and gets a run afterwards.

        Gives the token that shuts out a predecessor which did not give the lease back, else 0. A
        run that does not run any more is not waited for: if it is alive all the same, its
        commits fail. Raises InvalidConfiguration while a run publishes the project.
        """
        seen = self.leases.read(project_id)
        if seen is not None and seen.holder and self.executions.is_running(seen.holder):
            raise _busy(project_id)
        lease = self.leases.take(
            project_id,
            holder=f"purge-{self.random.token()}",
            expires_at=self.clock.now() + _BELIEVED,
            seen=seen,
        )
        if lease is None:
            raise _busy(project_id)
        try:
            yield lease.token if seen is not None and seen.holder else 0
        finally:
            self._release(
                project_id, lease, announced=seen is None or seen.announced_up_to >= seen.token
            )

    def _release(self, project_id: str, lease: Lease, *, announced: bool) -> None:
        """What an earlier holder could not announce stays to be announced."""
        self.leases.release(lease, announced=announced)
        if load_registration(self.objects, project_id) is not None:
            self.follow_up.look(project_id, lease.token)

    def find(self, prefixes: Iterable[str]) -> list[StoredObject]:
        """Everything that is stored under the prefixes."""
        return [stored for prefix in prefixes for stored in self.objects.list(prefix)]

    def erase(self, prefixes: Iterable[str], *, keep: Collection[str] = ()) -> Erased:
        """Removes everything under the prefixes: objects, all versions, unfinished uploads.

        Of the keys to `keep` only former versions go.
        """
        chosen = tuple(prefixes)
        found = [stored for stored in self.find(chosen) if stored.key not in keep]
        self.objects.delete(stored.key for stored in found)
        versions = 0
        for prefix in chosen:
            self.objects.abort_uploads(prefix)
            versions += self.objects.delete_versions(prefix, current=True, keep=keep)
        return Erased(tuple(stored.key for stored in found), versions)


def _busy(project_id: str) -> InvalidConfiguration:
    return InvalidConfiguration(
        f"Project {project_id} is being published just now. Wait until it is done, then purge "
        f"again: kili-export wait {project_id}"
    )
