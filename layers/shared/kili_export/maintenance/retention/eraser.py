"""Erases whole prefixes of the bucket, and refuses to while somebody writes there."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from kili_export.core.errors import InvalidConfiguration
from kili_export.runs.lease import Executions, LeaseStore
from kili_export.storage.object_store import ObjectStore, StoredObject


@dataclass(frozen=True, slots=True)
class Erased:
    """What is gone: keys of objects, and how many versions besides."""

    keys: tuple[str, ...] = ()
    versions: int = 0


@dataclass(frozen=True, slots=True)
class Eraser:
    """Erases what belongs to projects that nobody publishes at the moment."""

    objects: ObjectStore
    leases: LeaseStore
    executions: Executions

    def require_rest(self, project_id: str) -> None:
        """Raises InvalidConfiguration while a run publishes the project."""
        lease = self.leases.read(project_id)
        if lease is None or lease.holder is None or not self.executions.is_running(lease.holder):
            return
        raise InvalidConfiguration(
            f"Project {project_id} is being published just now. Wait until it is done, then purge "
            f"again: kili-export wait {project_id}"
        )

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
