"""What plan_export does besides planning: makes a small run whole."""

import faulthandler
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Final

from kili_export.reading.deliver_tree import DeliverTree
from kili_export.runs.messages import (
    AggregateAnswer,
    AggregateRequest,
    BatchResult,
    ConvertRequest,
    FinishAnswer,
    FinishRequest,
    PlanAnswer,
    PlanRequest,
)
from kili_export.steps.planning.plan_run import PlanExport
from kili_export.steps.short_run import ShortRun, held_for_run
from kili_export.steps.whole_run import WholeRun
from kili_export.wiring.application import Application
from kili_export.wiring.completion import finish_export, tell_finished
from kili_export.wiring.conversion import convert_assets, tell_converted
from kili_export.wiring.invocation import Invocation
from kili_export.wiring.publishing import aggregate_archive, tell_published

_LONGEST_BATCH: Final = 58.0
"""Seconds, as convert_assets has: an asset that never ends must not hold up its project."""

_FEW_FILES: Final = 1
"""A tree that lacks more than its delivery takes on at once holds up the run's other exports: the
workflow delivers it beside these."""
_STDERR: Final = 2

EndsAfter = Callable[[float], AbstractContextManager[None]]
"""Ends what is done within, unless it ends before so many seconds have passed."""


def short_run(
    app: Application,
    project_id: str,
    plan_export: PlanExport,
    invocation: Invocation,
    ends_after: EndsAfter,
) -> ShortRun:
    """Plans runs of a project, and makes the small ones whole in this very invocation.

    `ends_after` ends the process when a batch takes too long; the workflow then goes through single
    steps.
    """
    held = held_for_run(app.objects, project_id, app.recent)
    time_left = invocation.time_left

    def plan(request: PlanRequest) -> PlanAnswer:
        return replace(plan_export, objects=held)(request, time_left)

    def convert(request: ConvertRequest) -> BatchResult:
        meter = app.meter.part_of_invocation()
        with ends_after(_LONGEST_BATCH):
            use_case = replace(convert_assets(app, project_id), objects=held, meter=meter)
            return tell_converted(request, use_case(request), invocation)

    def publish(request: AggregateRequest) -> AggregateAnswer:
        meter = app.meter.part_of_invocation()
        trees = DeliverTree(held, app.clock, app.random, most=_FEW_FILES)
        use_case = replace(aggregate_archive(app, held), meter=meter, trees=trees, is_first=True)
        return tell_published(request, use_case(request, time_left), invocation)

    def finish(request: FinishRequest) -> FinishAnswer:
        meter = app.meter.part_of_invocation()
        announcer = replace(app.announcer, objects=held)
        use_case = replace(finish_export(app), objects=held, meter=meter, announcer=announcer)
        return tell_finished(request, use_case(request), invocation)

    return ShortRun(held, plan, WholeRun(held, convert, publish, finish), time_left)


@contextmanager
def process_ends_after(seconds: float) -> Iterator[None]:
    """Ends the process, wherever it is, unless the block ends before."""
    faulthandler.dump_traceback_later(seconds, exit=True, file=_STDERR)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
