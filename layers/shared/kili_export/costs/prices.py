"""What runs cost by list price: priced units, how much of each was used, and their product.

Prices are dollars before tax, without free tiers, discounts or traffic out of the region. They
change and differ by region: `--prices` takes another list.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

GB: Final = 10**9
"""Storage and logs are priced by gigabytes."""
MONTH: Final = timedelta(hours=730)
"""A month as price lists reckon it."""


class Unit(StrEnum):
    """What is paid for."""

    S3_WRITE = "s3_write"
    S3_READ = "s3_read"
    S3_GB_MONTH = "s3_gb_month"
    LAMBDA_REQUEST = "lambda_request"
    LAMBDA_GB_SECOND = "lambda_gb_second"
    TRANSITION = "transition"
    EXPRESS_REQUEST = "express_request"
    EXPRESS_GB_SECOND = "express_gb_second"
    TABLE_WRITE = "table_write"
    TABLE_READ = "table_read"
    BUS_EVENT = "bus_event"
    API_REQUEST = "api_request"
    SCHEDULED_CALL = "scheduled_call"
    SECRET_READ = "secret_read"  # noqa: S105 the unit's name
    SECRET_MONTH = "secret_month"  # noqa: S105 the unit's name
    LOG_GB = "log_gb"
    ALARM_MONTH = "alarm_month"
    METRIC_MONTH = "metric_month"
    DASHBOARD_MONTH = "dashboard_month"


@dataclass(frozen=True, slots=True)
class PricedUnit:
    """A unit as the price list of its service names it, with dollars for `per` of them."""

    service: str
    meaning: str
    dollars: float
    per: int = 1

    @property
    def each(self) -> float:
        """Dollars for one."""
        return self.dollars / self.per


_MILLION = 10**6
LISTED: Final[Mapping[Unit, PricedUnit]] = MappingProxyType(
    {
        Unit.S3_WRITE: PricedUnit("S3", "PUT, COPY, POST and LIST requests", 5.0, _MILLION),
        Unit.S3_READ: PricedUnit("S3", "GET and HEAD requests", 0.4, _MILLION),
        Unit.S3_GB_MONTH: PricedUnit("S3", "GB kept for a month, Standard", 0.023),
        Unit.LAMBDA_REQUEST: PricedUnit("Lambda", "invocations", 0.2, _MILLION),
        Unit.LAMBDA_GB_SECOND: PricedUnit("Lambda", "GB-seconds, x86", 16.6667, _MILLION),
        Unit.TRANSITION: PricedUnit("Step Functions", "transitions, Standard", 25.0, _MILLION),
        Unit.EXPRESS_REQUEST: PricedUnit("Step Functions", "executions, Express", 1.0, _MILLION),
        Unit.EXPRESS_GB_SECOND: PricedUnit(
            "Step Functions", "GB-seconds, Express", 16.67, _MILLION
        ),
        Unit.TABLE_WRITE: PricedUnit("DynamoDB", "write units on demand", 0.625, _MILLION),
        Unit.TABLE_READ: PricedUnit("DynamoDB", "read units on demand", 0.125, _MILLION),
        Unit.BUS_EVENT: PricedUnit("EventBridge", "events published", 1.0, _MILLION),
        Unit.API_REQUEST: PricedUnit("API Gateway", "HTTP API calls", 1.0, _MILLION),
        Unit.SCHEDULED_CALL: PricedUnit("EventBridge", "scheduled calls", 1.0, _MILLION),
        Unit.SECRET_READ: PricedUnit("Secrets Manager", "API calls", 5.0, _MILLION),
        Unit.SECRET_MONTH: PricedUnit("Secrets Manager", "secrets for a month", 0.4),
        Unit.LOG_GB: PricedUnit("CloudWatch", "GB of logs taken in", 0.5),
        Unit.ALARM_MONTH: PricedUnit("CloudWatch", "alarms for a month", 0.1),
        Unit.METRIC_MONTH: PricedUnit("CloudWatch", "metrics with values for a month", 0.3),
        Unit.DASHBOARD_MONTH: PricedUnit("CloudWatch", "dashboards for a month", 3.0),
    }
)
"""Public list prices of us-east-1."""
Usage = Mapping[Unit, float]
"""How much of each unit."""


@dataclass(frozen=True, slots=True)
class PriceList:
    """Dollars for one of each unit, where and when they were read."""

    region: str = "us-east-1"
    as_of: str = "2025-06"
    each: Mapping[Unit, float] = field(
        default_factory=lambda: {unit: priced.each for unit, priced in LISTED.items()}
    )

    @property
    def name(self) -> str:
        """What an estimate says it was made with."""
        return f"{self.region} {self.as_of}"

    def but(self, dollars: Mapping[str, float]) -> "PriceList":
        """The list with other prices for one of some units.

        Raises ValueError for a unit that does not exist and for a price below zero.
        """
        changed = {Unit(name): price for name, price in dollars.items()}
        if wrong := sorted(name for name, price in changed.items() if not price >= 0):
            raise ValueError(f"prices must be numbers of at least zero: {', '.join(wrong)}")
        return replace(self, each={**self.each, **changed})

    def dollars(self, usage: Usage) -> float:
        """The price of it all."""
        return sum(self.each[unit] * amount for unit, amount in usage.items())

    def by_service(self, usage: Usage) -> dict[str, float]:
        """Dollars by service, the dearest first; services that cost nothing are left out."""
        dollars: dict[str, float] = {}
        for unit, amount in usage.items():
            service = LISTED[unit].service
            dollars[service] = dollars.get(service, 0.0) + self.each[unit] * amount
        ordered = sorted(dollars.items(), key=lambda one: (-one[1], one[0]))
        return {service: cost for service, cost in ordered if cost}


LIST_PRICES: Final = PriceList()


def added(usages: Iterable[Usage]) -> dict[Unit, float]:
    """The sum of what was used."""
    total: dict[Unit, float] = {}
    for usage in usages:
        for unit, amount in usage.items():
            total[unit] = total.get(unit, 0.0) + amount
    return total


def times(usage: Usage, factor: float) -> dict[Unit, float]:
    """The same, so many times over."""
    return {unit: amount * factor for unit, amount in usage.items()}


_READS: Final = frozenset({"GetObject", "HeadObject", "HeadBucket", "GetObjectTagging"})
_FREE: Final = frozenset({"DeleteObject", "DeleteObjects", "AbortMultipartUpload"})


def s3_requests(requests: Mapping[str, float]) -> dict[Unit, float]:
    """S3's price classes of requests that were counted by operation.

    Removing and giving up cost nothing (Amazon S3 pricing, "Requests and data retrievals"). What
    is not known counts as the dearest class.
    """
    reads = sum(count for name, count in requests.items() if name in _READS)
    writes = sum(
        count for name, count in requests.items() if name not in _READS and name not in _FREE
    )
    return {Unit.S3_READ: reads, Unit.S3_WRITE: writes}


def lambda_use(seconds: float, megabytes: int, invocations: float = 1) -> dict[Unit, float]:
    """What invocations with this much memory cost that together took `seconds`."""
    return {
        Unit.LAMBDA_REQUEST: invocations,
        Unit.LAMBDA_GB_SECOND: seconds * megabytes / 1024,
    }


def kept(size: float, time: timedelta) -> dict[Unit, float]:
    """What keeping `size` bytes for a time costs."""
    return {Unit.S3_GB_MONTH: size / GB * (time / MONTH)}


_TABLE_READS: Final = frozenset({"GetItem", "Query", "Scan", "BatchGetItem", "TransactGetItems"})


def aws_requests(requests: Mapping[str, float]) -> dict[Unit, float]:
    """The price classes of requests that were counted by service and operation (`s3.GetObject`).

    A request to the table counts as one unit: items here are far below the kilobyte, or the four
    that are read, of a unit, and a query of many is rare. Services that are free here, Step
    Functions' API among them, count as nothing.
    """
    by_service: dict[str, dict[str, float]] = {}
    for name, count in requests.items():
        service, _, operation = name.partition(".")
        by_service.setdefault(service, {})[operation] = count
    table = by_service.get("dynamodb", {})
    reads = sum(count for name, count in table.items() if name in _TABLE_READS)
    return {
        **s3_requests(by_service.get("s3", {})),
        Unit.TABLE_READ: reads,
        Unit.TABLE_WRITE: sum(table.values()) - reads,
        Unit.SECRET_READ: sum(by_service.get("secrets-manager", {}).values()),
        Unit.BUS_EVENT: sum(by_service.get("eventbridge", {}).values()),
    }
