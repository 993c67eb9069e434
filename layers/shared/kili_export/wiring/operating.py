"""What people ask of a stack: a run, another try, a confirmation, the status."""

from kili_export.changes.events.request_run import RequestRun
from kili_export.maintenance.reconciliation.project_status import StatusReader
from kili_export.maintenance.reconciliation.retry_assets import RetryAssets
from kili_export.maintenance.retention.eraser import Eraser
from kili_export.steps.completion.confirm_removals import ConfirmRemovals
from kili_export.wiring.application import Application


def request_run(app: Application) -> RequestRun:
    """Starts a run that a person asks for."""
    return RequestRun(objects=app.objects, marks=app.marks, random=app.random, starter=app.starter)


def retry_assets(app: Application) -> RetryAssets:
    """Tries assets again that could not be exported."""
    return RetryAssets(app.objects, request_run(app))


def confirm_removals(app: Application) -> ConfirmRemovals:
    """Allows removals that wait for confirmation."""
    return ConfirmRemovals(removals=app.project_state, request_run=request_run(app))


def eraser(app: Application) -> Eraser:
    """Erases what was published."""
    return Eraser(
        objects=app.objects,
        leases=app.project_state,
        executions=app.workflow,
        follow_up=app.follow_up,
        clock=app.clock,
        random=app.random,
    )


def status(app: Application) -> StatusReader:
    """Reads the state of projects."""
    return StatusReader(
        objects=app.objects,
        changes=app.changes,
        leases=app.project_state,
        removals=app.project_state,
        executions=app.workflow,
        clock=app.clock,
    )
