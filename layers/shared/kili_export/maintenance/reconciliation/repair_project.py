"""Finds what differs between Kili and the exports of one project, and marks it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final, Protocol

from kili_export.archives.compaction import CompactionPolicy, is_rewriting_due
from kili_export.archives.removal_guard import must_ask, removed_lately
from kili_export.changes.comparison.compare_assets import ListingDifferences, compare_listing
from kili_export.changes.comparison.comparison_listing import ComparisonListing, ListedAssets
from kili_export.changes.comparison.declared_exports import ExportState, read_declared
from kili_export.changes.comparison.kili_listing import KiliListing
from kili_export.changes.events.pending_changes import (
    CHECK,
    REBUILD,
    PendingChangeRecorder,
    PendingChangeStore,
    asset_of,
    asset_subject,
)
from kili_export.changes.events.replay_events import (
    CursorStore,
    PastEvents,
    Replayed,
    mark_replayed,
)
from kili_export.core.clock import TimeLeft
from kili_export.core.errors import InvalidConfiguration
from kili_export.core.project import Project
from kili_export.maintenance.reconciliation.messages import Repaired
from kili_export.registration.declaration import ProjectRegistration
from kili_export.registration.stored_registrations import load_registration
from kili_export.runs.held_removals import HeldRemovals, RemovalStore
from kili_export.storage.object_store import ObjectStore

_FAILED_REST: Final = timedelta(hours=6)
"""How long a full export waits for assets that are in Kili: another try fetches all of them."""
_MANY: Final = 1000
"""More differing assets than this, and half of the project, are one rebuild instead."""


class ComparedKili(KiliListing, PastEvents, Protocol):
    """Kili, as far as a comparison asks it."""


@dataclass(frozen=True, slots=True)
class RepairProject:
    """The use case, with what it needs of the outside. It only marks; runs do the rest."""

    objects: ObjectStore
    changes: PendingChangeStore
    removals: RemovalStore
    cursors: CursorStore
    kili: ComparedKili
    marks: PendingChangeRecorder
    rewriting: CompactionPolicy = field(default_factory=CompactionPolicy)

    def __call__(self, project_id: str, time_left: TimeLeft | None = None) -> Repaired | None:
        """Marks changes that no event reported. Answers what was marked, by kind.

        None when the time was up before all assets were listed: the next one goes on with it.

        Raises InvalidConfiguration when the project is not registered, AccessDenied when Kili
        does not show it, TransientError when something does not answer.
        """
        registration = load_registration(self.objects, project_id)
        if registration is None:
            raise InvalidConfiguration(f"project {project_id} has no exports")
        # First of all: without it an empty listing would look like a deletion of everything.
        project = self.kili.project(project_id)
        past = self._replay(registration, time_left)
        listing = ComparisonListing(
            self.objects, self.kili, self.marks.clock, self.marks.random, project_id, "sweep"
        )
        listed = listing.read(time_left)
        if listed is None:
            return None
        thorough = past.cursor.thorough
        outdated, found = self._compare(project, registration, listed, thorough=thorough)
        repaired = self._mark(project_id, outdated, found, past.assets)
        self.cursors.move(project_id, replace(past.cursor, thorough=False))
        listing.forget(listed)
        return repaired

    def _replay(self, registration: ProjectRegistration, time_left: TimeLeft | None) -> Replayed:
        """What past events ask for, marked now.

        Not when the comparison ends, which may take several invocations: a long list of events
        would be read from its beginning in each of them.
        """
        return mark_replayed(
            self.kili, self.cursors, self.changes, self.marks, registration, time_left
        )

    def _compare(
        self,
        project: Project,
        registration: ProjectRegistration,
        listed: ListedAssets,
        *,
        thorough: bool,
    ) -> tuple[Sequence[ExportState], ListingDifferences]:
        """The exports that must be made again, and the assets of the others that differ."""
        held = self.removals.held(project.project_id)
        waiting = held.exports if held else frozenset()
        declared = list(read_declared(self.objects, project, registration))
        exports = [export for export in declared if not export.problem]
        found = compare_listing(
            self.objects,
            self.kili,
            project.project_id,
            [export for export in exports if export.is_current and export.name not in waiting],
            listed=listed,
            waiting=[export for export in exports if export.name in waiting],
            thorough=thorough,
        )
        lately = max((self._lately(one) for one in exports if one.name in waiting), default=0)
        rests = held is not None and self._rests(held)
        if (
            waiting
            and not rests
            and not must_ask(found.waiting_vanished, found.listed, 0, lately=lately)
        ):
            # What had vanished is there again: nobody needs to be asked.
            self.removals.drop(project.project_id)
            found.returned = True
            waiting = frozenset()
        found.damaged |= {one.name: one.problem for one in declared if one.is_damaged}
        found.overdue = sum(self._is_overdue(export) for export in exports)
        now = self.marks.clock.now()
        found.gates = sum(one.are_gates_due(now) for one in exports if one.is_current)
        outdated = [
            export for export in exports if not export.is_current and export.name not in waiting
        ]
        return outdated, found

    def _rests(self, held: HeldRemovals) -> bool:
        """Whether it is too early to try again what no listing tells of."""
        return bool(held.failed or held.left) and self.marks.clock.now() - held.at < _FAILED_REST

    def _lately(self, export: ExportState) -> int:
        past = export.manifest.recent_removals if export.manifest else ()
        return removed_lately(past, self.marks.clock.now())

    def _is_overdue(self, export: ExportState) -> bool:
        """Whether deltas follow an archive that may be written again: no other change may come."""
        manifest = export.manifest
        if manifest is None or not manifest.deltas:
            return False
        return is_rewriting_due(self.rewriting, manifest, manifest.deltas, self.marks.clock.now())

    def _mark(
        self,
        project_id: str,
        outdated: Sequence[ExportState],
        found: ListingDifferences,
        missed: frozenset[str],
    ) -> Repaired:
        """Marks what is not marked already: attempts that were counted must not begin again."""
        subjects = {mark.subject for mark in self.changes.marks(project_id)}
        known = {asset_of(subject) for subject in subjects}
        asked = outdated or found.returned or found.overdue or found.gates
        if asked and not subjects & {CHECK, REBUILD}:
            self.marks.mark(project_id, CHECK)
        if len(found.changed | found.unknown | found.vanished) > max(_MANY, found.listed // 2):
            if REBUILD not in subjects:
                self.marks.mark(project_id, REBUILD)
        else:
            self._mark_assets(project_id, found.all() - known)
        known -= missed
        return Repaired(
            missed_events=len(missed),
            changed=len(found.changed - known),
            unknown=len(found.unknown - known),
            vanished=len(found.vanished - known),
            quarantined=len(found.quarantined - known),
            rebuilds=len(outdated) + found.returned,
            rewrites=found.overdue,
            gates=found.gates,
            damaged=found.damaged,
        )

    def _mark_assets(self, project_id: str, assets: Iterable[str]) -> None:
        for asset_id in sorted(assets):
            self.marks.mark(project_id, asset_subject(asset_id))
