"""On a schedule: starts runs that a crash prevented, and marks what a lost event left unmarked."""

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import PurePath
from typing import Final

from kili_export.contracts.workflow import (
    ReconcileAnswer,
    ReconciledProject,
    ReconcileRequest,
    Repaired,
)
from kili_export.domain.errors import ExportError
from kili_export.ports import ChangeStore, Clock, ObjectStore, TimeLeft
from kili_export.usecases.follow_up import FollowUp
from kili_export.usecases.project_lease import ProjectLease
from kili_export.usecases.registrations import registered_projects

_TURN: Final = timedelta(hours=1)
"""After so long another project is the first to be looked after."""

_FRAMES: Final = 6
"""So many of the places that an unexpected error came through are told."""

_GRACE: Final = timedelta(seconds=30)
"""How long a run of its own may take to begin before the sweep starts one."""


@dataclass(frozen=True, slots=True)
class Reconcile:
    """The use case, with what it needs of the outside."""

    objects: ObjectStore
    changes: ChangeStore
    clock: Clock
    lease: ProjectLease
    follow_up: FollowUp
    repair: Callable[[str, TimeLeft | None], Repaired | None]
    """Compares one project with Kili and marks what differs, None when the time was up before."""

    def __call__(
        self, request: ReconcileRequest, time_left: TimeLeft | None = None
    ) -> ReconcileAnswer:
        """Looks after one project, or all. What fails in one project does not stop the others."""
        projects = self._in_turn(list(registered_projects(self.objects)))
        if request.project_id is not None:
            projects = [request.project_id]
        return ReconcileAnswer(
            projects=tuple(
                self._look_after(project_id, time_left, compare=request.compare)
                for project_id in projects
            )
        )

    def _in_turn(self, projects: Sequence[str]) -> Sequence[str]:
        """Another first one every hour: a listing that takes all the time starves no others."""
        first = int(self.clock.now().timestamp() // _TURN.total_seconds()) % (len(projects) or 1)
        return [*projects[first:], *projects[:first]]

    def sweep(self, project_id: str) -> str | None:
        """Starts a run if there is something to do and nobody is at work. Answers its name.

        That is: marks are due, or the last run ended without having given the lease back or
        without having told the consumers.
        """
        latest = self.clock.now() - _GRACE
        due = any(self.follow_up.due_at(mark) <= latest for mark in self.changes.marks(project_id))
        if due and self.lease.is_at_work(project_id):
            return None
        if not due and not self.lease.is_abandoned(project_id):
            return None
        return self.follow_up.starter.at_once(project_id, "s")

    def _look_after(
        self, project_id: str, time_left: TimeLeft | None, *, compare: bool
    ) -> ReconciledProject:
        started: str | None = None
        try:
            started = self.sweep(project_id)
            repaired = self.repair(project_id, time_left) if compare else Repaired()
            if repaired is None:
                return ReconciledProject(project_id=project_id, started=started, unfinished=True)
            if repaired.total or repaired.quarantined or repaired.rewrites:
                self.follow_up.starter.after_change(project_id)
        except Exception as error:  # noqa: BLE001 - a mistake of ours must stop no other project
            return ReconciledProject(project_id=project_id, started=started, error=_told(error))
        return ReconciledProject(project_id=project_id, started=started, repaired=repaired)


def _told(error: Exception) -> str:
    """The error's class, and its message if it is one of ours: of others it may hold anything."""
    name = type(error).__name__
    if isinstance(error, ExportError):
        return f"{name}: {error}"
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    places = [f"{PurePath(frame.filename).name}:{frame.lineno}" for frame in frames]
    return f"{name}, unexpected, at {' > '.join(places)}"
