"""Adds up what a run uses."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from kili_export.costs.usage import NOTHING_MOVED, RunUsage, Traffic, TrafficCount, Transfer, Usage
from kili_export.runs.messages import BatchResult
from kili_export.runs.plan import RunPlan


class NoMeter:
    """The meter of callers that do not ask what was used."""

    def spent(self) -> Usage:
        """Nothing."""
        return Usage()


class Meter(Protocol):
    """Counts what one invocation uses."""

    def spent(self) -> Usage:
        """What was used until now."""


@dataclass(frozen=True, slots=True)
class ResumedMeter:
    """The meter of an invocation that goes on with the work of others, which used `earlier`."""

    meter: Meter
    earlier: Usage

    def spent(self) -> Usage:
        """What all of them used until now."""
        return self.earlier.plus(self.meter.spent())


@dataclass(frozen=True, slots=True)
class TransferTally:
    """What publishing moved: `earlier` by other invocations, and by this one since `begun`."""

    traffic: Traffic
    begun: TrafficCount
    earlier: Transfer = NOTHING_MOVED

    def moved(self) -> Transfer:
        """What all of them moved until now."""
        begun, now = self.begun, self.traffic.snapshot()
        requests = {
            name: now.requests[name] - begun.requests.get(name, 0) for name in sorted(now.requests)
        }
        own = Transfer(
            requests={name: count for name, count in requests.items() if count},
            bytes_down=now.bytes_down - begun.bytes_down,
            bytes_up=now.bytes_up - begun.bytes_up,
        )
        return self.earlier.plus(own)


@dataclass(slots=True)
class UsageTally:
    """What a run used so far. `converted` grows while the batches' results are read."""

    meter: Meter = field(default_factory=NoMeter)
    converted: Usage = field(default_factory=Usage)

    def over(self, batches: Iterable[BatchResult]) -> Iterator[BatchResult]:
        """The same results; what they used is added on the way."""
        for batch in batches:
            self.converted = self.converted.plus(batch.spent)
            yield batch

    def of_export(self, plan: RunPlan) -> RunUsage:
        """For the manifest of one export, by the function that publishes it."""
        exports = sum(export.mode != "slice" for export in plan.exports)
        return RunUsage(
            plan=plan.spent,
            convert=self.converted,
            publish=self.meter.spent(),
            exports=exports,
            rebuilt=_rebuilt(plan),
        ).estimated()

    def of_run(self, plan: RunPlan, published: Iterable[Usage]) -> RunUsage:
        """For the whole run, by the function that ends it."""
        total = Usage()
        exports = 0
        for one in published:
            total, exports = total.plus(one), exports + 1
        return RunUsage(
            plan=plan.spent,
            convert=self.converted,
            publish=total,
            finish=self.meter.spent(),
            exports=exports,
            rebuilt=_rebuilt(plan),
        ).estimated()


def _rebuilt(plan: RunPlan) -> int:
    return sum(export.mode != "incremental" for export in plan.exports)
