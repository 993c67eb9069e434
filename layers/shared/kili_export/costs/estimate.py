"""What changes and full exports will cost, by what runs used that were counted.

Everything is linear in what was counted, the fixed share of a run too: figures of small projects
lead to estimates for large ones that are rather too high.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from kili_export.costs.prices import MONTH, Unit, added, kept, times
from kili_export.costs.run_cost import MEGABYTES, Step, run_usage, step_usage

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

    def usage(self, convert: Step | None = None) -> dict[Unit, float]:
        """Of each priced unit; with other conversions than its own if they are given."""
        return run_usage(
            plan=self.plan,
            convert=convert or self.convert,
            publish=self.publish,
            finish=self.finish,
            exports=self.exports,
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
    usages = [run.usage(_conversions(run, full, per_window)) for run in changes]
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


def _conversions(run: CountedRun, full: Iterable[CountedRun], assets: int) -> Step:
    """Conversions of so many assets, by those of a run and, for full batches, of full exports."""
    batches = math.ceil(assets / BATCH)
    counted = max(1, run.convert.invocations)
    converted = [one for one in full if one.assets]
    each = sum(one.convert.seconds for one in converted) / max(1, sum(o.assets for o in converted))
    more = max(0, assets - run.assets) * each
    return Step(
        invocations=batches,
        seconds=run.convert.seconds / counted * batches + more,
        requests={
            name: math.ceil(count / counted * batches)
            for name, count in run.convert.requests.items()
        },
    )
