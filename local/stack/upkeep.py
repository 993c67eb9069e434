"""What a stack does by itself while it runs: compares with Kili, trims its journal, clears up."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kili_export.core.errors import ExportError
from kili_export.maintenance.reconciliation.messages import ReconcileAnswer
from local.stack.expiry import Expiry
from local.stack.recovery import Recovery
from local.stack.schedule import Schedule

_TRIM_SECONDS = 2.0
_EXPIRE_SECONDS = 6 * 3600.0


@dataclass(frozen=True, slots=True)
class Upkeep:
    """The repeated tasks. `invoke` runs a function, `tell` says a line to people.

    `save_again` stores what became of runs, where a full disk prevented that.
    """

    recovery: Recovery
    expiry: Expiry
    invoke: Callable[[str, Any], Any]
    tell: Callable[[str], None]
    save_again: Callable[[], None]

    def start(self, reconcile_every: float) -> Schedule:
        """Begins; stop the schedule to end. Reconciles at once, because events may be missing."""
        schedule = Schedule()
        schedule.every(_TRIM_SECONDS, "trim the journal", self.recovery.trim)
        schedule.every(_TRIM_SECONDS, "store what became of runs", self.save_again)
        schedule.every(reconcile_every, "reconcile", self._reconcile, at_once=True)
        schedule.every(_EXPIRE_SECONDS, "expire", lambda: self.expiry.apply(datetime.now(UTC)))
        schedule.start(self._report)
        return schedule

    def _reconcile(self) -> None:
        answer = ReconcileAnswer.model_validate(self.invoke("reconcile", {}))
        for project in answer.projects:
            if project.error:
                self.tell(f"Project {project.project_id} was not compared: {project.error}")

    def _report(self, name: str, error: Exception) -> None:
        kind = "" if isinstance(error, ExportError) else f"{type(error).__name__}: "
        self.tell(f"{name}: {kind}{error}")
