"""What finish_export does: clears what a run published, announces it, releases the lease."""

from typing import Any

from kili_export.changes.events.delayed_recheck import DelayedRechecks
from kili_export.runs.messages import FinishAnswer, FinishRequest
from kili_export.steps.completion.finish_run import FinishExport
from kili_export.wiring.application import Application, application
from kili_export.wiring.invocation import Invocation


def finish_export(app: Application) -> FinishExport:
    """Ends runs."""
    meter = app.meter.invocation()
    return FinishExport(
        objects=app.objects,
        changes=app.changes,
        removals=app.project_state,
        clock=app.clock,
        lease=app.lease,
        follow_up=app.follow_up,
        meter=meter,
        announcer=app.announcer,
        second_looks=DelayedRechecks(app.objects, app.clock),
    )


def answer_request(event: dict[str, Any], invocation: Invocation) -> dict[str, Any]:
    """Answers a FinishAnswer to a FinishRequest. Raises the errors of core.errors."""
    request = FinishRequest.from_payload(event)
    answer = finish_export(application())(request)
    return tell_finished(request, answer, invocation).model_dump(mode="json")


def tell_finished(
    request: FinishRequest, answer: FinishAnswer, invocation: Invocation
) -> FinishAnswer:
    """Logs and counts what became of a run. Answers the answer."""
    outcomes = [export.status for export in request.exports]
    known = {
        "project_id": request.project_id,
        "run_id": request.run_id,
        "error": request.error.error if request.error else None,
        "exports": {export.export: export.status for export in request.exports},
        "cleared": answer.cleared,
        "remaining": answer.remaining,
        "follow_up": answer.follow_up,
        "failed_assets": answer.failed_assets,
        "unanswered": answer.unanswered,
        "unanswered_cause": answer.unanswered_cause,
    }
    invocation.log("Run finished", known)
    invocation.count("RunsFailed", int(request.error is not None))
    invocation.count("ExportsPublished", outcomes.count("committed"))
    invocation.count("ExportsFailed", outcomes.count("failed"))
    invocation.count("ExportsHeld", outcomes.count("held"))
    invocation.count("AssetsUnanswered", answer.unanswered)
    if answer.freshness_seconds is not None:
        invocation.count("FreshnessSeconds", answer.freshness_seconds, "Seconds")
    invocation.describe(**known)
    return answer
