"""What of a run is paid for: functions, requests, and the workflow's own steps."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from kili_export.costs.prices import Unit, added, aws_requests, lambda_use

MEGABYTES: Final[Mapping[str, int]] = {
    "webhook": 512,
    "plan": 1769,
    "convert": 1769,
    "publish": 3008,
    "finish": 1024,
}
"""The memory of the functions, as the template gives it."""
LOG_BYTES: Final = 1_500
"""What an invocation logs, and Lambda with it: three to four lines of JSON."""
_RUN_TRANSITIONS: Final = 6
"""WaitForWindow, PlanExport, WhatToDo, ConvertAssets, AggregateArchives, FinishExport."""
_EXPORT_TRANSITIONS: Final = 3
"""AggregateArchive, IsAggregated, Aggregated."""
WHOLE_BATCHES: Final = 2
"""Of so many batches a run may be for planning to make it whole."""
_WHOLE_TRANSITIONS: Final = 4
"""WaitForWindow, PlanExport, WhatToDo, Published: a small run, which planning makes whole."""
_EXPRESS_MEGABYTES: Final = 64
_EXPRESS_ROUNDING: Final = 0.1


@dataclass(frozen=True, slots=True)
class Step:
    """Invocations of one function, their seconds together, and their requests to AWS.

    A step that the planning invocation made as well has seconds and no invocations of its own.
    """

    invocations: int
    seconds: float
    requests: Mapping[str, int]

    @property
    def is_of_planning(self) -> bool:
        """Whether the planning invocation made it."""
        return not self.invocations and self.seconds > 0


def run_usage(
    *, plan: Step, convert: Step, publish: Step, finish: Step, exports: int
) -> dict[Unit, float]:
    """What a run used of each priced unit. `exports` is how many it published."""
    steps = {"plan": plan, "convert": convert, "publish": publish, "finish": finish}
    workflow = (
        {Unit.TRANSITION: float(_WHOLE_TRANSITIONS)}
        if publish.is_of_planning
        else workflow_usage(convert, exports)
    )
    return added(
        [
            *(
                step_usage(step, MEGABYTES[name if step.invocations else "plan"])
                for name, step in steps.items()
            ),
            workflow,
        ]
    )


def step_usage(step: Step, megabytes: int) -> dict[Unit, float]:
    """Invocations of a function with that much memory, with their requests and logs."""
    return added(
        (
            lambda_use(step.seconds, megabytes, step.invocations),
            aws_requests(step.requests),
            {Unit.LOG_GB: step.invocations * LOG_BYTES / 1e9},
        )
    )


def workflow_usage(convert: Step, exports: int) -> dict[Unit, float]:
    """The workflow itself: its steps, and a child for each batch.

    Starting a child counts as a transition of its parent; the children are Express executions in
    blocks of 64 MB and of 100 ms, which last as long as their function. Reading the work list and
    writing the map's results are requests to S3.
    """
    batches = convert.invocations
    seconds = convert.seconds + batches * _EXPRESS_ROUNDING
    return {
        Unit.TRANSITION: _RUN_TRANSITIONS + _EXPORT_TRANSITIONS * exports + batches,
        Unit.EXPRESS_REQUEST: batches,
        Unit.EXPRESS_GB_SECOND: seconds * _EXPRESS_MEGABYTES / 1024,
        Unit.S3_READ: 1 if batches else 0,
        Unit.S3_WRITE: 2 if batches else 0,
    }
