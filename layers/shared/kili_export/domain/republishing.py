"""From which size on, and how often, writing a whole archive anew costs too much.

An increment moves what changed; an archive that is written anew costs by its size, however little
changed: requests that copy it, the function that waits for them and, above all, the storage of
the archive that it replaces, for as long as that one is kept.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from kili_export.domain.archive.limits import DEFAULT_LIMITS
from kili_export.domain.cost import LIST_PRICES, PriceList, Unit, added, kept, lambda_use

DAY: Final = timedelta(days=1)
_LARGEST: Final = 50 * 2**40
"""S3 holds no larger object (Amazon S3 User Guide, "Amazon S3 objects overview")."""


@dataclass(frozen=True, slots=True)
class Republishing:
    """What writing one archive, or one copy of it, anew means.

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
        return DAY * (spent / self.dollars_a_day)

    def size_for(self, interval: timedelta) -> int:
        """The largest size, in bytes, that may be written anew at every `interval`."""
        least, most = 0, _LARGEST
        while least < most:
            middle = (least + most + 1) // 2
            if self.interval(middle) <= interval:
                least = middle
            else:
                most = middle - 1
        return least
