"""What runs use, as they count it themselves."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from pydantic import Field

from kili_export.core.document import Document
from kili_export.costs.prices import LIST_PRICES, PriceList, Unit
from kili_export.costs.run_cost import Step, run_usage


class Usage(Document):
    """What invocations of one function used, and how many there were.

    `seconds` are of their time, together. `requests` are those to AWS, by service and operation
    (`s3.GetObject`), retries included; `kili_calls` those to Kili's API. Bytes are those of S3.
    """

    invocations: int = 0
    seconds: float = 0.0
    requests: dict[str, int] = Field(default_factory=dict)
    kili_calls: int = 0
    bytes_down: int = 0
    bytes_up: int = 0

    def plus(self, other: "Usage") -> "Usage":
        """Both together."""
        return Usage(
            invocations=self.invocations + other.invocations,
            seconds=round(self.seconds + other.seconds, 3),
            requests=_sum(self.requests, other.requests, 1),
            kili_calls=self.kili_calls + other.kili_calls,
            bytes_down=self.bytes_down + other.bytes_down,
            bytes_up=self.bytes_up + other.bytes_up,
        )

    def since(self, earlier: "Usage") -> "Usage":
        """What came after an earlier count of the same process, as one invocation."""
        return Usage(
            invocations=1,
            seconds=round(max(0.0, self.seconds - earlier.seconds), 3),
            requests=_sum(self.requests, earlier.requests, -1),
            kili_calls=self.kili_calls - earlier.kili_calls,
            bytes_down=self.bytes_down - earlier.bytes_down,
            bytes_up=self.bytes_up - earlier.bytes_up,
        )

    def as_step(self) -> Step:
        """What of it is paid for."""
        return Step(self.invocations, self.seconds, self.requests)


class Transfer(Document):
    """What the publishing step of a run moved: S3 requests by operation, bytes both ways."""

    requests: dict[str, int]
    bytes_down: int
    bytes_up: int

    def plus(self, other: "Transfer") -> "Transfer":
        """Both together."""
        return Transfer(
            requests=_sum(self.requests, other.requests, 1),
            bytes_down=self.bytes_down + other.bytes_down,
            bytes_up=self.bytes_up + other.bytes_up,
        )


NOTHING_MOVED: Final = Transfer(requests={}, bytes_down=0, bytes_up=0)


class RunUsage(Document):
    """What a run used until this was written, step by step.

    In a manifest `publish` is of that export alone and `finish` is still to come, `plan` and
    `convert` are of the whole run: what `exports` exports of it share. `convert` covers all
    slices of a full export. `rebuilt` is how many exports were made again, or a slice of them.
    `dollars` is the estimate by the list `prices`.
    """

    plan: Usage = Usage()
    convert: Usage = Usage()
    publish: Usage = Usage()
    finish: Usage = Usage()
    exports: int = 0
    rebuilt: int = 0
    dollars: float = 0.0
    prices: str = LIST_PRICES.name

    def usage(self) -> dict[Unit, float]:
        """How much of each priced unit that is."""
        return run_usage(
            plan=self.plan.as_step(),
            convert=self.convert.as_step(),
            publish=self.publish.as_step(),
            finish=self.finish.as_step(),
            exports=self.exports,
        )

    def estimated(self, prices: PriceList = LIST_PRICES) -> "RunUsage":
        """The same with its estimate."""
        dollars = float(f"{prices.dollars(self.usage()):.3g}")
        return self.model_copy(update={"dollars": dollars, "prices": prices.name})


def _sum(one: Mapping[str, int], other: Mapping[str, int], sign: int) -> dict[str, int]:
    total = {name: one.get(name, 0) + sign * other.get(name, 0) for name in sorted({*one, *other})}
    return {name: count for name, count in total.items() if count}


@dataclass(frozen=True, slots=True)
class TrafficCount:
    """What one process moved so far: requests by operation, bytes both ways."""

    requests: Mapping[str, int]
    bytes_down: int
    bytes_up: int


class Traffic(Protocol):
    """Counts what a client moves."""

    def snapshot(self) -> TrafficCount:
        """The counts since the process began."""
