"""What changes and full exports will cost, by what runs used that were counted.

Everything is linear in what was counted, the fixed share of a run too: figures of small projects
lead to estimates for large ones that are rather too high.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from kili_export.costs.prices import MONTH, Unit, added, aws_requests, kept, times
from kili_export.costs.run_cost import MEGABYTES, WHOLE_BATCHES, Step, run_usage, step_usage

MILLION: Final = 1_000_000
BATCH: Final = 50
"""Assets that one conversion takes."""
EVENT: Final = Step(1, 0.02, {"dynamodb.UpdateItem": 1})
"""One event at the webhook: its change. A warm function needs a few milliseconds; one of a deployed
stack was not measured."""
FIRST_OF_WINDOW: Final = {"dynamodb.UpdateItem": 1, "dynamodb.GetItem": 1}
"""What the first event of a window asks for besides."""
RUN_STATE: Final = {
    "dynamodb.GetItem": 7,
    "dynamodb.Query": 27,
    "dynamodb.UpdateItem": 6,
    "dynamodb.DeleteItem": 1,
    "secrets-manager.GetSecretValue": 1,
}
"""What a run asks of table and secrets, which one machine keeps in files and does not count."""
SWEEP: Final = {"s3.GetObject": 3, "dynamodb.Query": 9, "dynamodb.GetItem": 2}
"""What a sweep asks for each project in which nothing happens."""
COMPARISON: Final = {
    "s3.GetObject": 9,
    "dynamodb.Query": 27,
    "dynamodb.GetItem": 6,
    "dynamodb.UpdateItem": 6,
}
"""What an hourly comparison asks for such a project with one export, its sweep included."""
_SWEEP_EVERY: Final = timedelta(minutes=5)
_SWEEPS_A_MONTH: Final = MONTH / _SWEEP_EVERY
_COMPARISONS_A_MONTH: Final = MONTH / timedelta(hours=1)
_SWEEP_SECONDS: Final = 0.1
_COMPARISON_SECONDS: Final = 2.0
"""For each project; functions of a deployed stack were not measured."""
_WORKING_FILES: Final = 3
"""Plan, work list and changes of a run whose steps have invocations of their own."""
_SECRETS: Final = 2
_ALARMS: Final = 16
"""Each metric that an alarm looks at is paid for."""
_METRICS_AT_REST: Final = 2
"""ProjectsReconciled, which tells that the schedules work, and one to spare."""


@dataclass(frozen=True, slots=True)
class CountedRun:
    """What a run used, step by step, and how many assets it converted."""

    plan: Step
    convert: Step
    publish: Step
    finish: Step
    exports: int
    assets: int

    def with_state(self) -> "CountedRun":
        """The same run with what it asks of table and secrets, if these were not counted."""
        if any(name.startswith("dynamodb.") for name in self.plan.requests):
            return self
        requests = _sum(self.plan.requests, RUN_STATE)
        return replace(self, plan=replace(self.plan, requests=requests))

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
class CountedRuns:
    """Runs of a project that published changes, that looked again in vain, and of full exports."""

    changes: list[CountedRun]
    looks: list[CountedRun]
    full: list[CountedRun]


@dataclass(frozen=True, slots=True)
class Republished:
    """What each run writes again: bytes, and for how long what it replaces is kept."""

    size: int
    kept: timedelta


def per_million_events(
    counted: CountedRuns, republished: Republished, per_window: int, window: timedelta
) -> dict[Unit, float]:
    """A million events of labels, `per_window` in each window, each of another asset.

    What an event named is fetched once more five minutes later. After an event that is alone in
    its window nothing else happens, so that this takes a run of its own; otherwise windows follow
    each other, and the sweep gathers what is to be fetched.

    Raises ValueError without a run that took up changes, and for a window of nothing.
    """
    changes, full = counted.changes, counted.full
    if not changes or per_window < 1:
        raise ValueError("there must be a run that took up changes, and an event in each window")
    runs = MILLION / per_window
    converted = [one for one in full if one.assets]
    each = sum(one.convert.seconds for one in converted) / max(1, sum(o.assets for o in converted))
    looks = counted.looks or changes
    gathered = 1.0 if per_window == 1 else min(1.0, window / _SWEEP_EVERY)
    return added(
        (
            times(step_usage(EVENT, MEGABYTES["webhook"]), MILLION),
            times(aws_requests(FIRST_OF_WINDOW), runs),
            {Unit.API_REQUEST: MILLION},
            *(
                times(run.of_size(per_window, each).usage(), runs * share / len(group))
                for group, share in ((changes, 1.0), (looks, gathered))
                for run in group
            ),
            times({Unit.BUS_EVENT: 1}, runs * sum(run.exports for run in changes) / len(changes)),
            times(kept(republished.size, republished.kept), runs),
        )
    )


def full_export(full: list[CountedRun], assets: int) -> dict[Unit, float]:
    """One full export of so many assets. Raises ValueError without a run that made one."""
    counted = sum(run.assets for run in full)
    if not counted:
        raise ValueError("there must be a run that made a full export")
    return times(added(run.usage() for run in full), assets / counted)


def at_rest(size: int, projects: int, *, dashboard: bool = False) -> dict[Unit, float]:
    """A month in which nothing happens: what is kept, and the schedules that look after it."""
    sweep = Step(1, _SWEEP_SECONDS * projects, {"s3.ListObjectsV2": 1, **_each(SWEEP, projects)})
    comparison = Step(
        1, _COMPARISON_SECONDS * projects, {"s3.ListObjectsV2": 1, **_each(COMPARISON, projects)}
    )
    return added(
        (
            kept(size, MONTH),
            {
                Unit.SECRET_MONTH: _SECRETS,
                Unit.ALARM_MONTH: _ALARMS,
                Unit.METRIC_MONTH: _METRICS_AT_REST,
                Unit.DASHBOARD_MONTH: int(dashboard),
                Unit.SCHEDULED_CALL: _SWEEPS_A_MONTH + _COMPARISONS_A_MONTH,
            },
            times(step_usage(sweep, MEGABYTES["finish"]), _SWEEPS_A_MONTH),
            times(step_usage(comparison, MEGABYTES["finish"]), _COMPARISONS_A_MONTH),
        )
    )


def _each(requests: Mapping[str, int], projects: int) -> dict[str, int]:
    return {name: count * projects for name, count in requests.items()}


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in {*one, *other}}
