"""What plan_export does: takes a project's lease, freezes what a run works from, or makes it."""

from typing import Any

from kili_export.runs.messages import PlanAnswer, PlanRequest
from kili_export.steps.planning.plan_run import PlanExport
from kili_export.steps.planning.run_draft import RunLimits
from kili_export.wiring.application import Application, application
from kili_export.wiring.invocation import Invocation
from kili_export.wiring.small_runs import EndsAfter, process_ends_after, short_run


def plan_export(app: Application, project_id: str) -> PlanExport:
    """Plans runs of a project."""
    meter = app.meter.invocation()
    return PlanExport(
        objects=app.objects,
        changes=app.changes,
        removals=app.project_state,
        kili=app.kili(project_id),
        publisher=app.publisher,
        announcer=app.announcer,
        clock=app.clock,
        random=app.random,
        lease=app.lease,
        follow_up=app.follow_up,
        limits=RunLimits(
            app.settings.batch_size,
            app.settings.max_concurrency,
            app.settings.marks_per_run,
            app.settings.slice_assets,
        ),
        meter=meter,
    )


def plan_or_make(
    app: Application,
    request: PlanRequest,
    invocation: Invocation,
    ends_after: EndsAfter = process_ends_after,
) -> PlanAnswer:
    """Plans a run, and makes a small one whole where the request lets it.

    `ends_after` ends what takes longer than some seconds.
    """
    plan = plan_export(app, request.project_id)
    # A plan that goes on with a listing is no small one.
    if request.whole and request.resume is None:
        return short_run(app, request.project_id, plan, invocation, ends_after)(request)
    return plan(request, invocation.time_left)


def answer_request(event: dict[str, Any], invocation: Invocation) -> dict[str, Any]:
    """Answers a PlanAnswer to a PlanRequest. Raises the errors of core.errors."""
    request = PlanRequest.model_validate(event)
    answer = plan_or_make(application(), request, invocation)
    planned = answer.work.count if answer.work else 0
    known = {
        "project_id": answer.project_id,
        "run_id": answer.run_id,
        "status": answer.status,
        "exports": [export.name for export in answer.exports],
        "assets": planned,
    }
    invocation.log("Run planned", known)
    invocation.count("RunsPlanned", int(answer.status in {"run", "done"}))
    invocation.count("AssetsPlanned", planned)
    invocation.describe(**known)
    return answer.model_dump(mode="json")
