"""Splices what a run converted into an export's archive, and publishes it."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from kili_export import bootstrap
from kili_export.contracts.workflow import AggregateRequest

logger = Logger()
metrics = Metrics()


@logger.inject_lambda_context(correlation_id_path="run_id", clear_state=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answers an AggregateAnswer to an AggregateRequest. Raises the errors of domain.errors."""
    request = AggregateRequest.from_payload(event)
    answer = bootstrap.aggregate_archive()(request, bootstrap.time_left(context))
    known = {
        "project_id": request.project_id,
        "run_id": request.run_id,
        "export": answer.export,
        "status": answer.status,
        "generation": answer.generation,
        "added": answer.added,
        "changed": answer.changed,
        "removed": answer.removed,
        "held_removals": answer.held_removals,
    }
    logger.info("Archive aggregated", extra=known)
    metrics.add_metric("AssetsQuarantined", MetricUnit.Count, answer.quarantined)
    metrics.add_metric("ArchiveBytes", MetricUnit.Bytes, answer.size)
    metrics.add_metric("S3Requests", MetricUnit.Count, answer.requests)
    metrics.add_metric("BytesDown", MetricUnit.Bytes, answer.bytes_down)
    metrics.add_metric("BytesUp", MetricUnit.Bytes, answer.bytes_up)
    for key, value in known.items():
        metrics.add_metadata(key, value)
    metrics.flush_metrics()
    return answer.model_dump(mode="json")
