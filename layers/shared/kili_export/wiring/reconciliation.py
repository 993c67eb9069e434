"""What reconcile does: starts runs that a crash prevented, and finds what a lost event left out."""

from typing import Any

from kili_export.changes.events.delayed_recheck import DelayedRechecks
from kili_export.maintenance.reconciliation.messages import ReconcileAnswer, ReconcileRequest
from kili_export.maintenance.reconciliation.reconcile import Reconcile
from kili_export.maintenance.reconciliation.repair_project import RepairProject
from kili_export.wiring.application import Application, application
from kili_export.wiring.following import follow_events
from kili_export.wiring.invocation import Invocation


def reconcile(app: Application) -> Reconcile:
    """Looks after projects on a schedule. Leaves half of the requests to Kili to runs."""
    return Reconcile(
        objects=app.objects,
        changes=app.changes,
        removals=app.project_state,
        clock=app.clock,
        lease=app.lease,
        follow_up=app.follow_up,
        marks=app.marks,
        second_looks=DelayedRechecks(app.objects, app.clock),
        repair=lambda project_id, time_left: _repair(app, project_id)(project_id, time_left),
        follow=lambda project_id: follow_events(app, project_id),
    )


def _repair(app: Application, project_id: str) -> RepairProject:
    half = max(1, app.settings.kili_requests_per_minute // 2)
    return RepairProject(
        objects=app.objects,
        changes=app.changes,
        removals=app.project_state,
        cursors=app.project_state,
        kili=app.kili(project_id, most=half),
        marks=app.marks,
        rewriting=app.settings.rewriting,
    )


def answer_request(event: dict[str, Any], invocation: Invocation) -> dict[str, Any]:
    """Answers a ReconcileAnswer to a ReconcileRequest. Raises the errors of core.errors."""
    request = ReconcileRequest.model_validate(event)
    answer = reconcile(application())(request, invocation.time_left)
    _log(answer, invocation)
    _count(answer, invocation)
    return answer.model_dump(mode="json")


def _log(answer: ReconcileAnswer, invocation: Invocation) -> None:
    for project in answer.projects:
        known = project.model_dump(mode="json")
        if project.error:
            invocation.log("Project could not be reconciled", known, "error")
        elif project.unfinished:
            invocation.log("Comparison goes on next time", known)
        elif project.started or project.repaired.total:
            invocation.log("Project repaired", known, "warning")
    failed = sum(project.error is not None for project in answer.projects)
    repaired = sum(project.repaired.total for project in answer.projects)
    summary = {"projects": len(answer.projects), "failed": failed, "repaired": repaired}
    invocation.log("Reconciled", summary)


def _count(answer: ReconcileAnswer, invocation: Invocation) -> None:
    """Counts what there is. Each metric with a value is paid for by the hour; absence is zero."""
    waiting = [project.waiting for project in answer.projects]
    # Its being there tells that the schedules work.
    failed = sum(project.error is not None for project in answer.projects)
    invocation.count("ProjectsReconciled", len(answer.projects) - failed)
    if failed:
        invocation.count("ReconcileFailed", failed)
    if repaired := sum(one.repaired.total for one in answer.projects):
        invocation.count("ReconcileRepaired", repaired)
    if started := sum(one.started is not None for one in answer.projects):
        invocation.count("RunsSwept", started)
    if oldest := max((one.seconds for one in waiting), default=0):
        invocation.count("OldestMarkSeconds", oldest, "Seconds")
    if held := sum(one.removals > 0 for one in waiting):
        invocation.count("ProjectsHeld", held)
    if left_out := sum(one.left_out for one in waiting):
        invocation.count("ExportsLeftOut", left_out)
