"""Clears the marks of what a run published, tells the consumers, releases the lease."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from kili_export import bootstrap
from kili_export.contracts.workflow import FinishRequest

logger = Logger()
metrics = Metrics()


@logger.inject_lambda_context(correlation_id_path="execution_arn", clear_state=True)
def lambda_handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answers a FinishAnswer to a FinishRequest. Raises the errors of domain.errors."""
    request = FinishRequest.from_payload(event)
    answer = bootstrap.finish_export()(request)
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
    }
    logger.info("Run finished", extra=known)
    metrics.add_metric("RunsFailed", MetricUnit.Count, int(request.error is not None))
    metrics.add_metric("ExportsPublished", MetricUnit.Count, outcomes.count("committed"))
    metrics.add_metric("ExportsFailed", MetricUnit.Count, outcomes.count("failed"))
    metrics.add_metric("ExportsHeld", MetricUnit.Count, outcomes.count("held"))
    metrics.add_metric("AssetsUnanswered", MetricUnit.Count, answer.unanswered)
    if answer.freshness_seconds is not None:
        metrics.add_metric("FreshnessSeconds", MetricUnit.Seconds, answer.freshness_seconds)
    for key, value in known.items():
        metrics.add_metadata(key, value)
    metrics.flush_metrics()
    return answer.model_dump(mode="json")
