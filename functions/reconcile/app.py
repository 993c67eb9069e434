"""Starts runs that a crash prevented, and marks what a lost event left unmarked."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from kili_export import bootstrap
from kili_export.contracts.workflow import ReconcileRequest

logger = Logger()
metrics = Metrics()


@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answers a ReconcileAnswer to a ReconcileRequest. Raises the errors of domain.errors."""
    request = ReconcileRequest.model_validate(event)
    answer = bootstrap.reconcile()(request, bootstrap.time_left(context))
    for project in answer.projects:
        told = project.model_dump(mode="json")
        if project.error:
            logger.error("Project could not be reconciled", extra=told)
        elif project.unfinished:
            logger.info("Comparison goes on next time", extra=told)
        elif project.started or project.repaired.total:
            logger.warning("Project repaired", extra=told)
    failed = sum(project.error is not None for project in answer.projects)
    started = sum(project.started is not None for project in answer.projects)
    repaired = sum(project.repaired.total for project in answer.projects)
    logger.info(
        "Reconciled",
        extra={"projects": len(answer.projects), "failed": failed, "repaired": repaired},
    )
    metrics.add_metric("ProjectsReconciled", MetricUnit.Count, len(answer.projects) - failed)
    metrics.add_metric("ReconcileFailed", MetricUnit.Count, failed)
    metrics.add_metric("ReconcileRepaired", MetricUnit.Count, repaired)
    metrics.add_metric("RunsSwept", MetricUnit.Count, started)
    waiting = [project.waiting for project in answer.projects]
    oldest = max((one.seconds for one in waiting), default=0)
    metrics.add_metric("OldestMarkSeconds", MetricUnit.Seconds, oldest)
    metrics.add_metric("ProjectsHeld", MetricUnit.Count, sum(one.removals > 0 for one in waiting))
    metrics.add_metric("ExportsLeftOut", MetricUnit.Count, sum(one.left_out for one in waiting))
    metrics.flush_metrics()
    return answer.model_dump(mode="json")
