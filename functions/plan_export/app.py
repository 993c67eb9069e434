"""Takes a project's lease and freezes what a run works from."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from kili_export import bootstrap
from kili_export.contracts.workflow import PlanRequest

logger = Logger()
metrics = Metrics()


@logger.inject_lambda_context(correlation_id_path="execution_arn", clear_state=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answers a PlanAnswer to a PlanRequest. Raises the errors of domain.errors."""
    request = PlanRequest.model_validate(event)
    answer = bootstrap.plan_export(request.project_id)(request, bootstrap.time_left(context))
    planned = answer.work.count if answer.work else 0
    known = {
        "project_id": answer.project_id,
        "run_id": answer.run_id,
        "status": answer.status,
        "exports": [export.name for export in answer.exports],
        "assets": planned,
    }
    logger.info("Run planned", extra=known)
    metrics.add_metric("RunsPlanned", MetricUnit.Count, int(answer.status == "run"))
    metrics.add_metric("AssetsPlanned", MetricUnit.Count, planned)
    for key, value in known.items():
        metrics.add_metadata(key, value)
    metrics.flush_metrics()
    return answer.model_dump(mode="json")
