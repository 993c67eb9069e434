"""Erases a project's exports, or one of them, with everything that was kept of it."""

from dataclasses import dataclass, replace

from kili_export.archives.known_exports import stored_exports
from kili_export.archives.purged_export import is_tombstone, leave_tombstone
from kili_export.changes.events.pending_changes import PendingChangeStore
from kili_export.core.bucket_layout import (
    export_prefix,
    exports_prefix,
    registration_key,
    runs_prefix,
    state_prefix,
)
from kili_export.core.errors import ConflictError, InvalidConfiguration
from kili_export.maintenance.retention.eraser import Erased, Eraser
from kili_export.registration.register_exports import unregister
from kili_export.registration.stored_registrations import load_registration
from kili_export.runs.held_removals import RemovalStore
from kili_export.runs.tracked_exports import TrackedExportsStore
from kili_export.storage.object_store import StoredObject


@dataclass(frozen=True, slots=True)
class PurgeExports:
    """The use case. Doing it again after it was interrupted completes it."""

    eraser: Eraser
    changes: PendingChangeStore
    removals: RemovalStore

    def find(self, project_id: str, export: str | None) -> list[StoredObject]:
        """What would be erased. Raises InvalidConfiguration when there is nothing."""
        found = self._found(project_id, export)
        owned = [stored for stored in found if not stored.key.startswith(runs_prefix(project_id))]
        if not owned if export is not None else not found:
            raise self._nothing(project_id, export)
        return found

    def __call__(self, project_id: str, export: str | None) -> Erased:
        """Erases a project, or one export of it, for good.

        It is exported no more: Kili is not touched. What runs left goes for the whole project,
        because a run converts for all exports at once. A tombstone stays in place of each
        manifest: it shuts out runs that are thought to have ended. Raises InvalidConfiguration
        while a run publishes the project.
        """
        with self.eraser.alone(project_id):
            return self._purge(project_id, export)

    def _purge(self, project_id: str, export: str | None) -> Erased:
        prefixes = _prefixes(project_id, export)
        before = self._found(project_id, export)
        names = self._exports(project_id) if export is None else {export}
        if export is None:
            unregister(self.eraser.objects, project_id)
            self.changes.clear(list(self.changes.marks(project_id)))
            self.removals.drop(project_id)
            self.removals.settle(project_id, self.removals.confirmed(project_id))
        else:
            self._withdraw(project_id, export)
        now = self.eraser.clock.now()
        keep = {
            leave_tombstone(self.eraser.objects, project_id, name, now) for name in sorted(names)
        }
        erased = self.eraser.erase(prefixes, keep=keep)
        first = [stored.key for stored in before]
        return replace(erased, keys=tuple(dict.fromkeys([*first, *erased.keys])))

    def _found(self, project_id: str, export: str | None) -> list[StoredObject]:
        """All that is stored, besides tombstones."""
        found = self.eraser.find(_prefixes(project_id, export))
        return [stored for stored in found if not self._is_tombstone(stored)]

    def _exports(self, project_id: str) -> set[str]:
        """All that are declared, published or about to be."""
        objects = self.eraser.objects
        registration = load_registration(objects, project_id)
        declared = {one.name for one in registration.exports} if registration else set()
        return declared.union(objects.folders(exports_prefix(project_id)))

    def _is_tombstone(self, stored: StoredObject) -> bool:
        if not stored.key.endswith("/manifest.json"):
            return False
        found = self.eraser.objects.get(stored.key)
        return found is not None and is_tombstone(found[0])

    def _nothing(self, project_id: str, export: str | None) -> InvalidConfiguration:
        objects = self.eraser.objects
        known = ", ".join(stored_exports(objects, project_id)) if export is not None else ""
        named = f"export {export!r} of project {project_id}" if export else f"project {project_id}"
        stored = f" Its exports with data: {known}." if known else ""
        return InvalidConfiguration(f"Nothing of {named} is stored here.{stored}")

    def _withdraw(self, project_id: str, export: str) -> None:
        """Ends the declaration of one export."""
        objects = self.eraser.objects
        registration = load_registration(objects, project_id)
        declared = registration.exports if registration else ()
        remaining = tuple(one for one in declared if one.name != export)
        if registration is None or len(remaining) == len(declared):
            return
        if not remaining:
            unregister(objects, project_id)
            return
        stored = objects.head(registration_key(project_id))
        if stored is None:
            raise ConflictError(f"Project {project_id} was unregistered just now; try again.")
        TrackedExportsStore(objects, registration.incarnation).follow(
            project_id, published=frozenset(), stopped=frozenset({export})
        )
        shortened = registration.model_copy(update={"exports": remaining})
        objects.put(
            stored.key,
            shortened.to_bytes(),
            if_match=stored.etag,
            content_type="application/json",
        )


def _prefixes(project_id: str, export: str | None) -> tuple[str, ...]:
    if export is not None:
        return (
            export_prefix(project_id, export),
            state_prefix(project_id, export),
            runs_prefix(project_id),
        )
    return (
        f"exports/{project_id}/",
        f"state/{project_id}/",
        runs_prefix(project_id),
        registration_key(project_id),
    )
