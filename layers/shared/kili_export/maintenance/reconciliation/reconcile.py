"""On a schedule: starts runs that a crash prevented, and marks what is to be looked at again.

That is what a lost event left unmarked, and what a label's event may have come too early for.
"""

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import PurePath
from typing import Final

from kili_export.archives.manifest_store import load_manifest
from kili_export.archives.tree_state import is_tree_behind, load_tree_state
from kili_export.changes.events.delayed_recheck import DelayedRechecks
from kili_export.changes.events.follow_up import FollowUpRuns
from kili_export.changes.events.pending_changes import (
    CHECK,
    PendingChangeRecorder,
    PendingChangeStore,
)
from kili_export.core.clock import Clock, TimeLeft
from kili_export.core.errors import ExportError, IntegrityError
from kili_export.maintenance.reconciliation.messages import (
    ReconcileAnswer,
    ReconciledProject,
    ReconcileRequest,
    Repaired,
    Waiting,
)
from kili_export.registration.stored_registrations import load_registration, registered_projects
from kili_export.runs.held_removals import RemovalStore
from kili_export.runs.lease import ProjectLease
from kili_export.runs.tracked_exports import stored_list
from kili_export.storage.object_store import ObjectStore

_TURN: Final = timedelta(hours=1)
"""After so long another project is the first to be looked after."""
_FRAMES: Final = 6
"""So many of the places that an unexpected error came through are logged."""
_GRACE: Final = timedelta(seconds=30)
"""How long a run of its own may take to begin before the sweep starts one."""


@dataclass(frozen=True, slots=True)
class _Marks:
    """Whether a run may take any mark, and how long ago the oldest was stored."""

    are_due: bool
    longest: timedelta


@dataclass(frozen=True, slots=True)
class Reconcile:
    """The use case, with what it needs of the outside."""

    objects: ObjectStore
    changes: PendingChangeStore
    removals: RemovalStore
    clock: Clock
    lease: ProjectLease
    follow_up: FollowUpRuns
    marks: PendingChangeRecorder
    second_looks: DelayedRechecks
    repair: Callable[[str, TimeLeft | None], Repaired | None]
    """Compares one project with Kili and marks what differs, None when the time was up before."""
    follow: Callable[[str], object]
    """Takes in the events of one project that nobody brought."""

    def __call__(
        self, request: ReconcileRequest, time_left: TimeLeft | None = None
    ) -> ReconcileAnswer:
        """Looks after one project, or all. What fails in one project does not stop the others."""
        projects = self._in_turn(list(registered_projects(self.objects)))
        if request.project_id is not None:
            projects = [request.project_id]
        return ReconcileAnswer(
            projects=tuple(
                self._look_after(project_id, time_left, request) for project_id in projects
            )
        )

    def _in_turn(self, projects: Sequence[str]) -> Sequence[str]:
        """Another first one every hour: a listing that takes all the time starves no others."""
        first = int(self.clock.now().timestamp() // _TURN.total_seconds()) % (len(projects) or 1)
        return [*projects[first:], *projects[:first]]

    def _marks(self, project_id: str) -> _Marks:
        now = self.clock.now()
        due, longest = False, timedelta()
        for mark in self.changes.marks(project_id):
            due = due or mark.is_ahead(now) or self.follow_up.due_at(mark) <= now - _GRACE
            longest = max(longest, now - mark.last_event_at)
        return _Marks(due, longest)

    def _sweep(self, project_id: str, marks: _Marks) -> str | None:
        """Starts a run if there is something to do and nobody is at work. Answers its name.

        That is: marks are due, or the last run ended without having given the lease back or
        without an announcement to consumers.
        """
        if marks.are_due and self.lease.is_at_work(project_id):
            return None
        if not marks.are_due and not self.lease.is_abandoned(project_id):
            return None
        return self.follow_up.starter.at_once(project_id, "s")

    def _waiting(self, project_id: str, marks: _Marks) -> Waiting:
        held = self.removals.held(project_id)
        waits = held.exports if held else frozenset()
        left_out = stored_list(self.objects, project_id).left_out
        return Waiting(
            seconds=marks.longest.total_seconds(),
            removals=held.count if held else 0,
            left_out=len(left_out.keys() - waits),
        )

    def _check_trees(self, project_id: str) -> str | None:
        """Lets a run bring trees up to what is published, that an earlier one could not.

        Answers what is wrong with one that no run can bring there.
        """
        registration = load_registration(self.objects, project_id)
        exports = registration.exports if registration else ()
        damage: str | None = None
        is_behind = False
        for export in exports:
            try:
                is_behind |= export.has_tree and self._is_behind(project_id, export.name)
            except IntegrityError as error:
                damage = _summary_of(error)
        if not is_behind or self.lease.is_at_work(project_id):
            return damage
        if all(mark.subject != CHECK for mark in self.changes.marks(project_id)):
            self.marks.mark(project_id, CHECK)
            self.follow_up.starter.after_change(project_id)
        return damage

    def _is_behind(self, project_id: str, export: str) -> bool:
        manifest, _ = load_manifest(self.objects, project_id, export)
        if manifest is None:
            return False
        state, _ = load_tree_state(self.objects, project_id, export)
        return is_tree_behind(state, manifest, self.clock.now())

    def _look_after(
        self, project_id: str, time_left: TimeLeft | None, request: ReconcileRequest
    ) -> ReconciledProject:
        started: str | None = None
        waiting = Waiting()
        try:
            looked = self.second_looks.take_due(
                project_id, lambda subject: self.marks.mark(project_id, subject)
            )
            if looked:
                self.follow_up.starter.after_change(project_id)
            if request.follow:
                self.follow(project_id)
            marks = self._marks(project_id)
            started = self._sweep(project_id, marks)
            waiting = self._waiting(project_id, marks)
            repaired = self.repair(project_id, time_left) if request.compare else Repaired()
            if repaired and repaired.asks_for_a_run:
                self.follow_up.starter.after_change(project_id)
            damage = self._check_trees(project_id)
        except Exception as error:  # noqa: BLE001 - a mistake of ours must stop no other project
            return ReconciledProject(
                project_id=project_id, waiting=waiting, started=started, error=_summary_of(error)
            )
        return ReconciledProject(
            project_id=project_id,
            waiting=waiting,
            started=started,
            repaired=repaired or Repaired(),
            unfinished=repaired is None,
            error=(_damage(repaired) if repaired else None) or damage,
        )


def _damage(repaired: Repaired) -> str | None:
    """Which exports could not be compared, as an error: an alarm counts these."""
    damaged = [f"export {name}: {why}" for name, why in sorted(repaired.damaged.items())]
    return f"IntegrityError: {'; '.join(damaged)}" if damaged else None


def _summary_of(error: Exception) -> str:
    """The error's class, and its message if it is one of ours: of others it may hold anything."""
    name = type(error).__name__
    if isinstance(error, ExportError):
        return f"{name}: {error}"
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    places = [f"{PurePath(frame.filename).name}:{frame.lineno}" for frame in frames]
    return f"{name}, unexpected, at {' > '.join(places)}"
