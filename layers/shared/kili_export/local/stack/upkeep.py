"""What a stack does by itself while it runs: sweeps, compares with Kili, clears up."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kili_export.core.errors import ExportError
from kili_export.local.stack.expiry import Expiry
from kili_export.local.stack.log_rotation import rotate
from kili_export.local.stack.schedule import Schedule
from kili_export.maintenance.reconciliation.messages import ReconcileAnswer

_SAVE_SECONDS = 2.0
_SWEEP_SECONDS = 60.0
_EXPIRE_SECONDS = 6 * 3600.0
_ROTATE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Upkeep:
    """The repeated tasks. `invoke` runs a function, `tell` says a line to people.

    `save_again` stores what became of runs, where a full disk prevented that. `logs` is a folder.
    """

    expiry: Expiry
    invoke: Callable[[str, Any], Any]
    tell: Callable[[str], None]
    save_again: Callable[[], None]
    logs: Path

    def start(self, reconcile_every: float) -> Schedule:
        """Begins; stop the schedule to end. Reconciles at once, because events may be missing."""
        schedule = Schedule()
        schedule.every(_SAVE_SECONDS, "store what became of runs", self.save_again)
        schedule.every(_SWEEP_SECONDS, "sweep", lambda: self._reconcile({"compare": False}))
        schedule.every(reconcile_every, "reconcile", lambda: self._reconcile({}), at_once=True)
        schedule.every(_EXPIRE_SECONDS, "expire", lambda: self.expiry.apply(datetime.now(UTC)))
        schedule.every(_ROTATE_SECONDS, "rotate logs", lambda: rotate(self.logs))
        schedule.start(self._report)
        return schedule

    def _reconcile(self, request: Mapping[str, Any]) -> None:
        answer = ReconcileAnswer.model_validate(self.invoke("reconcile", request))
        for project in answer.projects:
            if project.error:
                self.tell(f"Project {project.project_id} was not looked after: {project.error}")

    def _report(self, name: str, error: Exception) -> None:
        kind = "" if isinstance(error, ExportError) else f"{type(error).__name__}: "
        self.tell(f"{name}: {kind}{error}")
