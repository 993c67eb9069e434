"""How far the runs of a project have come, for people who wait for them."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from kili_export.cli.execution_summary import ExecutionSummary
from kili_export.cli.executions import Executions
from kili_export.cli.progress import ProgressDisplay
from kili_export.cli.stack_connection import StackConnection
from kili_export.core.progress import Progress
from kili_export.maintenance.reconciliation.project_status import ProjectStatus

_PHASES: Final = {
    "WaitForWindow": "waiting for the window to close",
    "PlanExport": "listing",
    "ConvertAssets": "converting",
    "AggregateArchives": "publishing",
    "FinishExport": "finishing",
}
"""By the state of the workflow that a run is in."""
_PAUSE: Final = 1.0
"""Seconds between two looks at the run: the runs of this machine are read from files."""


@dataclass(slots=True)
class RunProgress:
    """Shows what each status tells, and of a stack of this machine the run's state too."""

    connection: StackConnection
    display: ProgressDisplay
    elapsed: Callable[[], float] = time.monotonic
    _run: ExecutionSummary | None = None
    _looked_at: float = float("-inf")

    def __call__(self, status: ProjectStatus) -> None:
        """Shows a status."""
        now = self.elapsed()
        if self.connection.local is not None and now - self._looked_at >= _PAUSE:
            self._looked_at = now
            self._run = next(iter(Executions(self.connection).latest(status.project_id, 1)), None)
        self.display(progress_of(status, self._run))


def progress_of(status: ProjectStatus, run: ExecutionSummary | None) -> Progress:
    """What is being done. Assets are those of a full export in slices, else those of the run."""
    full = status.full_export
    done, assets = (full.done, full.listed) if full else (0, 0)
    if status.runner is None or run is None or run.stopped is not None or not run.states:
        return Progress("running" if status.runner else "waiting", done, assets)
    maps = [one for one in run.map_runs if one["status"] == "RUNNING"]
    converted = sum(int(child["items"]) for one in maps for child in one["results"])
    if not full:
        assets = sum(int(one["items"]) for one in maps)
    phase = _PHASES.get(run.states[-1], "running")
    return Progress(phase, min(done + converted, assets), assets)
