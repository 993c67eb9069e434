"""How a project's exports stand, and what is under way."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from kili_export.archives.damage import damage_of
from kili_export.archives.known_exports import stored_exports
from kili_export.archives.manifest import Manifest
from kili_export.archives.manifest_store import load_manifest
from kili_export.archives.purged_export import has_data
from kili_export.archives.tree_state import is_tree_behind, load_tree_state
from kili_export.changes.events.pending_changes import PendingChange, PendingChangeStore
from kili_export.core.bucket_layout import EXPORTS_PREFIX, exports_prefix
from kili_export.core.clock import Clock
from kili_export.core.errors import IntegrityError
from kili_export.registration.declaration import ProjectRegistration
from kili_export.registration.register_exports import read_registration
from kili_export.registration.stored_registrations import load_registration, registered_projects
from kili_export.runs.full_export_session import SessionStore
from kili_export.runs.held_removals import HeldRemovals, RemovalStore
from kili_export.runs.lease import Executions, LeaseStore
from kili_export.runs.tracked_exports import stored_list
from kili_export.storage.object_store import ObjectStore


@dataclass(frozen=True, slots=True)
class ExportStatus:
    """One declared export; `manifest` is None until it was published once."""

    name: str
    format: str
    manifest: Manifest | None
    blocked_by: str | None = None
    """Why runs leave it out."""
    tree_lag: str | None = None
    """What its tree lacks or why it cannot be read; None if it is right or being delivered."""

    @property
    def freshness_seconds(self) -> float | None:
        """From the first event of the last generation to its publishing; None if unknown.

        Former versions wrote the first event of a later run into the manifest when a run left
        the generation as it was: then it comes after the publishing.
        """
        if self.manifest is None or self.manifest.first_event_at is None:
            return None
        seconds = (self.manifest.published_at - self.manifest.first_event_at).total_seconds()
        return seconds if seconds >= 0 else None


@dataclass(frozen=True, slots=True)
class PendingMarks:
    """What waits to be published. `due` could be taken by a run at once, others wait."""

    count: int = 0
    due: int = 0
    attempts: int = 0
    oldest_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class FullExportProgress:
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
    full_export: FullExportProgress | None = None
    ended: tuple[ExportStatus, ...] = ()
    """Exports that are not declared any more and still have data."""

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
    changes: PendingChangeStore
    leases: LeaseStore
    removals: RemovalStore
    executions: Executions
    clock: Clock

    def projects(self) -> frozenset[str]:
        """The projects that are registered or have data."""
        registered = frozenset(registered_projects(self.objects))
        others = frozenset(self.objects.folders(EXPORTS_PREFIX)) - registered
        return registered | {one for one in others if has_data(self.objects, exports_prefix(one))}

    def read(self, project_id: str) -> ProjectStatus:
        """The status of one project. Raises InvalidConfiguration when it is not registered."""
        return self._read(read_registration(self.objects, project_id))

    def read_all(self, project_id: str) -> ProjectStatus:
        """The same with the exports that ended, which may be all.

        Raises InvalidConfiguration when the project is not registered and has no data.
        """
        registration = load_registration(self.objects, project_id)
        declared = {one.name for one in registration.exports} if registration else set()
        ended = tuple(
            self._ended(project_id, name)
            for name in stored_exports(self.objects, project_id)
            if name not in declared
        )
        if registration is not None:
            return replace(self._read(registration), ended=ended)
        if not ended:
            return self.read(project_id)
        return ProjectStatus(project_id, (), PendingMarks(), None, None, ended=ended)

    def damaged(self, status: ProjectStatus) -> dict[str, str]:
        """Which exports cannot be followed or built upon any more, and why. It reads ledgers."""
        manifests = [one.manifest for one in status.exports if one.manifest is not None]
        found = {one.export_name: damage_of(self.objects, one) for one in manifests}
        return {name: why for name, why in found.items() if why is not None}

    def _ended(self, project_id: str, name: str) -> ExportStatus:
        manifest, _ = load_manifest(self.objects, project_id, name)
        return ExportStatus(name, manifest.format if manifest else "", manifest)

    def _read(self, registration: ProjectRegistration) -> ProjectStatus:
        project_id = registration.project_id
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

    def _full_export(self, project_id: str) -> FullExportProgress | None:
        session = SessionStore(self.objects).read(project_id).session
        if session is None:
            return None
        return FullExportProgress(tuple(sorted(session.names)), session.done, session.listed)

    def _exports(self, registration: ProjectRegistration) -> Iterator[ExportStatus]:
        blocked = stored_list(self.objects, registration.project_id).left_out
        for export in registration.exports:
            reason = blocked.get(export.name)
            try:
                manifest, _ = load_manifest(self.objects, registration.project_id, export.name)
            except IntegrityError as error:
                manifest, reason = None, str(error)
            lag = None
            if export.has_tree and manifest is not None:
                lag = self._tree_lag(manifest)
            yield ExportStatus(export.name, export.format, manifest, reason, lag)

    def _tree_lag(self, manifest: Manifest) -> str | None:
        try:
            state, _ = load_tree_state(self.objects, manifest.project_id, manifest.export_name)
        except IntegrityError as error:
            return str(error)
        if not is_tree_behind(state, manifest, self.clock.now()):
            return None
        return f"it holds generation {state.generation if state else 0} of {manifest.generation}"

    def _runner(self, project_id: str) -> str | None:
        lease = self.leases.read(project_id)
        if lease is None or lease.holder is None:
            return None
        return lease.holder if self.executions.is_running(lease.holder) else None


def _summary(marks: Iterator[PendingChange], now: datetime) -> PendingMarks:
    count = due = attempts = 0
    oldest: datetime | None = None
    for mark in marks:
        count += 1
        due += mark.retry_at is None or mark.retry_at <= now
        attempts = max(attempts, mark.attempts)
        oldest = mark.first_event_at if oldest is None else min(oldest, mark.first_event_at)
    return PendingMarks(count, due, attempts, oldest)
