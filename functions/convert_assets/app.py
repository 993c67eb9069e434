"""Fetches a batch of assets from Kili and converts it for every export of the project."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from kili_export import bootstrap
from kili_export.contracts.workflow import ConvertRequest

logger = Logger()
metrics = Metrics()


@logger.inject_lambda_context(correlation_id_path="batch.run_id", clear_state=True)
def lambda_handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answers a BatchResult to a ConvertRequest. Raises the errors of domain.errors."""
    request = ConvertRequest.from_payload(event)
    result = bootstrap.convert_assets(request.batch.project_id)(request)
    known = {
        "project_id": request.batch.project_id,
        "run_id": request.batch.run_id,
        "assets": len(request.items),
        "failed": len(result.failed),
        "missing": len(result.missing),
        "pending": len(result.pending),
        "bytes": result.size,
    }
    logger.info("Batch converted", extra=known)
    for failure in result.failed:
        logger.warning("Asset failed", extra=failure.model_dump())
    metrics.add_metric("AssetsConverted", MetricUnit.Count, len(result.asset_ids))
    metrics.add_metric("AssetsFailed", MetricUnit.Count, len(result.failed))
    metrics.add_metric("AssetsNotReadableYet", MetricUnit.Count, len(result.pending))
    for key, value in known.items():
        metrics.add_metadata(key, value)
    metrics.flush_metrics()
    return result.model_dump(mode="json")
