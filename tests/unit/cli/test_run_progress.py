"""What people who wait are shown of a run, by what its stack tells."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from kili_export.cli.execution_summary import ExecutionSummary
from kili_export.cli.run_progress import progress_of
from kili_export.core.progress import Progress
from kili_export.maintenance.reconciliation.project_status import (
    FullExportProgress,
    PendingMarks,
    ProjectStatus,
)

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
RUNNING = ProjectStatus("p", (), PendingMarks(), "arn:run", None)
MAP: dict[str, Any] = {
    "status": "RUNNING",
    "items": 120,
    "results": [{"items": 50}, {"items": 50}],
}


def run(state: str, *maps: dict[str, Any]) -> ExecutionSummary:
    return ExecutionSummary(
        "p-1", "arn:run", "RUNNING", AT, states=("PlanExport", state), map_runs=maps
    )


@pytest.mark.parametrize(
    ("status", "found", "expected"),
    [
        (replace(RUNNING, runner=None), None, Progress("waiting")),
        (RUNNING, None, Progress("running")),
        (RUNNING, run("PlanExport"), Progress("listing")),
        (RUNNING, run("ConvertAssets", MAP), Progress("converting", 100, 120)),
        (RUNNING, run("AggregateArchives", {**MAP, "status": "ENDED"}), Progress("publishing")),
        (RUNNING, replace(run("FinishExport"), stopped=AT), Progress("running")),
        (RUNNING, run("SomethingNew"), Progress("running")),
        (
            replace(RUNNING, full_export=FullExportProgress(("yolo",), 5000, 12_000)),
            run("ConvertAssets", MAP),
            Progress("converting", 5100, 12_000),
        ),
        (
            replace(RUNNING, full_export=FullExportProgress(("yolo",), 5000, 12_000)),
            None,
            Progress("running", 5000, 12_000),
        ),
    ],
)
def test_phase_and_assets(
    status: ProjectStatus, found: ExecutionSummary | None, expected: Progress
) -> None:
    assert progress_of(status, found) == expected
