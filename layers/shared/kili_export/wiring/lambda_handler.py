"""The frame of all functions: logger, metrics, time."""

import logging
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Final

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from kili_export.core.clock import InvocationTime
from kili_export.wiring.invocation import Invocation, Level, Unit, observers
from kili_export.wiring.settings import Settings

Answer = dict[str, Any]
Function = Callable[[dict[str, Any], Invocation], Answer]

logger: Final = Logger()
metrics: Final = Metrics()
_UNITS: Final = {
    "Count": MetricUnit.Count,
    "Bytes": MetricUnit.Bytes,
    "Seconds": MetricUnit.Seconds,
}
_TALKATIVE: Final = ("boto3", "botocore", "s3transfer", "urllib3")


class _LambdaInvocation:
    """Implements Invocation with Powertools."""

    def __init__(self, context: LambdaContext) -> None:
        self._context = context

    @cached_property
    def time_left(self) -> InvocationTime:
        """See Invocation."""
        return InvocationTime(self._context.get_remaining_time_in_millis)

    def count(self, metric: str, value: float, unit: Unit = "Count") -> None:
        """See Invocation."""
        metrics.add_metric(metric, _UNITS[unit], value)
        for observe in observers:
            observe((metric, value))

    def describe(self, **known: Any) -> None:
        """See Invocation."""
        for key, value in known.items():
            metrics.add_metadata(key, value)

    def log(self, message: str, known: Mapping[str, Any], level: Level = "info") -> None:
        """See Invocation."""
        getattr(logger, level)(message, extra=dict(known))

    def log_failure(self, message: str, error: Exception) -> None:
        """See Invocation."""
        logger.error(message, exc_info=error)


def handler(
    function: Function, correlation_id_path: str | None = None
) -> Callable[[dict[str, Any], LambdaContext], Answer]:
    """The Lambda handler of a function. `correlation_id_path` is where its event names its run.

    The function's errors pass through. Metrics that were counted before are written all the same,
    and none is left for the next invocation.
    """
    keep_clients_quiet()
    set_log_level(Settings.from_environment().log_level)

    # Not as the environment says: an event of the webhook holds its secret, and labels.
    @logger.inject_lambda_context(
        log_event=False, correlation_id_path=correlation_id_path, clear_state=True
    )
    def lambda_handler(event: dict[str, Any], context: LambdaContext) -> Answer:
        try:
            return function(event, _LambdaInvocation(context))
        finally:
            if metrics.provider.metric_set:
                metrics.flush_metrics()

    return lambda_handler


def set_log_level(level: str) -> None:
    """Lets lines of this level and above into the log. Metrics are written at every level.

    Powertools gives the platform's filter precedence over the level that it is given, also in its
    own `setLevel`; that filter stays at INFO, because it would drop metrics too. Source:
    https://docs.aws.amazon.com/powertools/python/latest/core/logger/ (advanced logging controls).
    """
    logging.getLogger(logger.service).setLevel(level)


def keep_clients_quiet() -> None:
    """Keeps what clients say at the level DEBUG out of the log, whatever its level is.

    They write whole requests and answers there: secrets as Secrets Manager answers them, headers
    with the API key, signed links.
    """
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.INFO)
