"""What changes and full exports will cost, by what runs used that were counted.

Everything is linear in what was counted, the fixed share of a run too: figures of small projects
lead to estimates for large ones that are rather too high.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from kili_export.costs.prices import MONTH, Unit, added, kept, times
from kili_export.costs.run_cost import MEGABYTES, WHOLE_BATCHES, Step, run_usage, step_usage

MILLION: Final = 1_000_000
BATCH: Final = 50
"""Assets that one conversion takes."""
EVENT: Final = Step(1, 0.02, {"dynamodb.UpdateItem": 2, "dynamodb.GetItem": 1})
"""One event at the webhook, at most: its mark, and the window that it falls into. A warm function
needs a few milliseconds; that of a deployed stack was not measured."""
_SWEEP: Final = Step(
    1, 0.2, {"dynamodb.Query": 2, "dynamodb.GetItem": 2, "s3.ListObjectsV2": 1, "s3.GetObject": 1}
)
_SWEEPS_A_MONTH: Final = MONTH / timedelta(minutes=5)
_WORKING_FILES: Final = 3
"""Plan, work list and changes of a run whose steps have invocations of their own."""
_SECRETS: Final = 2
_ALARMS: Final = 15
"""Each metric that an alarm looks at is paid for."""


@dataclass(frozen=True, slots=True)
class CountedRun:
    """What a run used, step by step, and how many assets it converted."""

    plan: Step
    convert: Step
    publish: Step
    finish: Step
    exports: int
    assets: int

    def usage(self) -> dict[Unit, float]:
        """Of each priced unit."""
        return run_usage(
            plan=self.plan,
            convert=self.convert,
            publish=self.publish,
            finish=self.finish,
            exports=self.exports,
        )

    def of_size(self, assets: int, seconds_more: float) -> "CountedRun":
        """The same run for so many assets; each after the counted ones takes `seconds_more`.

        A whole run that is too large to be one takes invocations of its own and working files.
        """
        batches = math.ceil(assets / BATCH)
        share = batches / max(1, self.convert.invocations)
        more = max(0, assets - self.assets) * seconds_more
        convert = Step(
            0 if self.convert.is_of_planning and batches <= WHOLE_BATCHES else batches,
            self.convert.seconds * share + more,
            {name: math.ceil(count * share) for name, count in self.convert.requests.items()},
        )
        run = replace(self, convert=convert, assets=assets)
        if not (self.publish.is_of_planning and convert.invocations):
            return run
        files = {"s3.PutObject": _WORKING_FILES + batches, "s3.GetObject": _WORKING_FILES * batches}
        return replace(
            run,
            plan=replace(run.plan, requests=_sum(run.plan.requests, files)),
            publish=replace(run.publish, invocations=run.exports),
            finish=replace(run.finish, invocations=1),
        )


@dataclass(frozen=True, slots=True)
class Republished:
    """What each run writes again: bytes, and for how long what it replaces is kept."""

    size: int
    kept: timedelta


def per_million_events(
    changes: list[CountedRun], full: list[CountedRun], republished: Republished, per_window: int
) -> dict[Unit, float]:
    """A million events of labels, `per_window` in each window, each of another asset.

    Raises ValueError without a run that took up changes, and for a window of nothing.
    """
    if not changes or per_window < 1:
        raise ValueError("there must be a run that took up changes, and an event in each window")
    runs = MILLION / per_window
    converted = [one for one in full if one.assets]
    each = sum(one.convert.seconds for one in converted) / max(1, sum(o.assets for o in converted))
    usages = [run.of_size(per_window, each).usage() for run in changes]
    return added(
        (
            times(step_usage(EVENT, MEGABYTES["webhook"]), MILLION),
            {Unit.API_REQUEST: MILLION},
            times(added(usages), runs / len(changes)),
            times(kept(republished.size, republished.kept), runs),
        )
    )


def full_export(full: list[CountedRun], assets: int) -> dict[Unit, float]:
    """One full export of so many assets. Raises ValueError without a run that made one."""
    counted = sum(run.assets for run in full)
    if not counted:
        raise ValueError("there must be a run that made a full export")
    return times(added(run.usage() for run in full), assets / counted)


def at_rest(size: int) -> dict[Unit, float]:
    """A month in which nothing happens: what is kept, and the schedule that looks after it."""
    return added(
        (
            kept(size, MONTH),
            {
                Unit.SECRET_MONTH: _SECRETS,
                Unit.ALARM_MONTH: _ALARMS,
                Unit.SCHEDULED_CALL: _SWEEPS_A_MONTH,
            },
            times(step_usage(_SWEEP, MEGABYTES["finish"]), _SWEEPS_A_MONTH),
        )
    )


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in {*one, *other}}
