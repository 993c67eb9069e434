"""When an archive is written again, and when deltas follow it instead."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from kili_export.archives.manifest import DeltaReference, Manifest
from kili_export.costs.prices import LIST_PRICES, PriceList, Unit, added, kept, lambda_use
from kili_export.splicing.part_limits import DEFAULT_LIMITS

DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class DeltaSize:
    """A delta that follows an archive: its size in bytes, and how many files it tells of."""

    size: int
    files: int


@dataclass(frozen=True, slots=True)
class CompactionCost:
    """What writing one archive, or one copy of it, again means.

    `kept` is how long the replaced one still takes room: the retention of archives or, at a fixed
    key, that of old versions (zero in a bucket without versions); `ledgers_kept` is that of
    ledgers. `dollars_a_day` is what one export may spend on it. `copy_rate` is how many bytes a
    second the server copies for one function of `megabytes`; it was not measured on AWS.
    """

    kept: timedelta
    dollars_a_day: float = 1.0
    prices: PriceList = LIST_PRICES
    copy_rate: float = 500e6
    megabytes: int = 3008
    ledgers_kept: timedelta = timedelta(hours=1)

    def dollars(self, size: int, held: timedelta | None = None) -> float:
        """The cost of writing an object of `size` bytes once, an archive if not `held` so long."""
        parts = math.ceil(size / DEFAULT_LIMITS.copy)
        # One part is written at once; more are an upload that is begun and completed.
        requests = parts if parts <= 1 else parts + 2
        usage = added(
            (
                {Unit.S3_WRITE: requests},
                lambda_use(size / self.copy_rate, self.megabytes, 0),
                kept(size, self.kept if held is None else held),
            )
        )
        return self.prices.dollars(usage)

    def interval(self, size: int, deltas: Iterable[int] = (), ledger: int = 0) -> timedelta:
        """The shortest time between two writings that the budget allows.

        In between `deltas` of these sizes were written, and with each of them a ledger. Raises
        ValueError for a budget of nothing.
        """
        if not self.dollars_a_day > 0:
            raise ValueError("a budget of nothing allows no writing")
        spent = self.dollars(size)
        each = self.dollars(ledger, self.ledgers_kept)
        spent += sum(self.dollars(delta) + each for delta in deltas)
        return DAY * min(spent / self.dollars_a_day, _FOR_EVER)

    def size_for(self, interval: timedelta) -> int:
        """The largest size, in bytes, that may be written again at every `interval`."""
        least, most = 0, _LARGEST
        while least < most:
            middle = (least + most + 1) // 2
            if self.interval(middle) <= interval:
                least = middle
            else:
                most = middle - 1
        return least


@dataclass(frozen=True, slots=True)
class CompactionPolicy:
    """Archives are written again as often as the budget of `republishing` allows.

    It also pays for what every generation writes, its delta and its newest tables.
    What may be written once in `at_once` is written at once. However seldom that is, it is time
    when deltas take a `share` of the archive or tell of `most_files` files, because readers fetch
    both, or when there are `most_deltas`.

    An archive of up to `tiny` bytes, or of which the delta is a `large_share`, is written before
    the generation is published: it costs less than what another commit needs. Any other is
    written after.
    """

    republishing: CompactionCost = field(default_factory=lambda: CompactionCost(DAY))
    at_once: timedelta = timedelta(minutes=1)
    share: float = 0.25
    most_files: int = 50_000
    most_deltas: int = 500
    tiny: int = 1 << 20
    large_share: float = 0.5

    def is_written_first(self, size: int, delta: int) -> bool:
        """Whether an archive of `size` bytes that is due is written before the commit."""
        return size <= self.tiny or size * self.large_share <= delta

    def is_due(
        self, size: int, age: timedelta, deltas: Sequence[DeltaSize], ledger: int = 0
    ) -> bool:
        """Whether an archive of `size` bytes, written `age` ago, is written again.

        `deltas` follow it, the newest included; each came with a `ledger` of so many bytes.
        """
        interval = self.republishing.interval(size, (one.size for one in deltas), ledger)
        return (
            interval <= max(self.at_once, age)
            or sum(delta.size for delta in deltas) > size * self.share
            or sum(delta.files for delta in deltas) > self.most_files
            or len(deltas) > self.most_deltas
        )


_FOR_EVER: Final = timedelta.max.days
_LARGEST: Final = 50 * 2**40
"""S3 holds no larger object (Amazon S3 User Guide, "Amazon S3 objects overview")."""


def is_rewriting_due(
    rules: CompactionPolicy, manifest: Manifest, following: Sequence[DeltaReference], now: datetime
) -> bool:
    """Whether a manifest's archive is written again, instead of being followed by these deltas."""
    archive = manifest.archive
    if archive.written_at is None:
        return True
    sizes = [DeltaSize(one.size, one.added + one.changed + one.removed) for one in following]
    return rules.is_due(archive.size, now - archive.written_at, sizes, manifest.newest_tables)
