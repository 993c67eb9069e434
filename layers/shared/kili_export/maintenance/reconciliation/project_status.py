"""How a project's exports stand, and what is under way."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from kili_export.archives.manifest import Manifest
from kili_export.archives.manifest_store import load_manifest
from kili_export.changes.events.pending_changes import ChangeMark, ChangeStore
from kili_export.core.clock import Clock
from kili_export.registration.declaration import ProjectRegistration
from kili_export.registration.register_exports import read_registration
from kili_export.registration.stored_registrations import registered_projects
from kili_export.runs.full_export_session import SessionStore
from kili_export.runs.held_removals import HeldRemovals, RemovalStore
from kili_export.runs.lease import Executions, LeaseStore
from kili_export.storage.object_store import ObjectStore


@dataclass(frozen=True, slots=True)
class ExportStatus:
    """One declared export; `manifest` is None until it was published once."""

    name: str
    format: str
    manifest: Manifest | None

    @property
    def freshness_seconds(self) -> float | None:
        """From the first event of the last generation to its publishing."""
        if self.manifest is None or self.manifest.first_event_at is None:
            return None
        return (self.manifest.published_at - self.manifest.first_event_at).total_seconds()


@dataclass(frozen=True, slots=True)
class PendingMarks:
    """What waits to be published. `due` could be taken by a run at once, others wait."""

    count: int = 0
    due: int = 0
    attempts: int = 0
    oldest_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class FullExport:
    """A full export in slices: of `listed` assets `done` were converted."""

    exports: tuple[str, ...]
    done: int
    listed: int


@dataclass(frozen=True, slots=True)
class ProjectStatus:
    """Everything that tells whether a project's exports are as they should be."""

    project_id: str
    exports: tuple[ExportStatus, ...]
    pending: PendingMarks
    runner: str | None
    """The execution that publishes the project now."""
    held: HeldRemovals | None
    full_export: FullExport | None = None

    @property
    def quarantined(self) -> int:
        """How many assets could not be exported, counted in each export."""
        published = [one.manifest for one in self.exports if one.manifest is not None]
        return sum(len(manifest.quarantined) for manifest in published)

    @property
    def unpublished(self) -> tuple[str, ...]:
        """Exports that were never published."""
        return tuple(export.name for export in self.exports if export.manifest is None)


@dataclass(frozen=True, slots=True)
class StatusReader:
    """Reads the status of projects."""

    objects: ObjectStore
    changes: ChangeStore
    leases: LeaseStore
    removals: RemovalStore
    executions: Executions
    clock: Clock

    def projects(self) -> Iterator[str]:
        """The registered projects."""
        return registered_projects(self.objects)

    def read(self, project_id: str) -> ProjectStatus:
        """The status of one project. Raises InvalidConfiguration when it is not registered."""
        registration = read_registration(self.objects, project_id)
        # The lease first: a run that ends in between has cleared its marks when they are read.
        runner = self._runner(project_id)
        return ProjectStatus(
            project_id=project_id,
            exports=tuple(self._exports(registration)),
            pending=_summary(self.changes.marks(project_id), self.clock.now()),
            runner=runner,
            held=self.removals.held(project_id),
            full_export=self._full_export(project_id),
        )

    def _full_export(self, project_id: str) -> FullExport | None:
        session = SessionStore(self.objects).read(project_id).session
        if session is None:
            return None
        return FullExport(tuple(sorted(session.names)), session.done, session.listed)

    def _exports(self, registration: ProjectRegistration) -> Iterator[ExportStatus]:
        for export in registration.exports:
            manifest, _ = load_manifest(self.objects, registration.project_id, export.name)
            yield ExportStatus(export.name, export.format, manifest)

    def _runner(self, project_id: str) -> str | None:
        lease = self.leases.read(project_id)
        if lease is None or lease.holder is None:
            return None
        return lease.holder if self.executions.is_running(lease.holder) else None


def _summary(marks: Iterator[ChangeMark], now: datetime) -> PendingMarks:
    count = due = attempts = 0
    oldest: datetime | None = None
    for mark in marks:
        count += 1
        due += mark.retry_at is None or mark.retry_at <= now
        attempts = max(attempts, mark.attempts)
        oldest = mark.first_event_at if oldest is None else min(oldest, mark.first_event_at)
    return PendingMarks(count, due, attempts, oldest)
