"""When an archive is written anew, and when deltas follow it instead."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from kili_export.domain.republishing import DAY, Republishing


@dataclass(frozen=True, slots=True)
class DeltaSize:
    """A delta that follows an archive: its size in bytes, and how many files it tells of."""

    size: int
    files: int


@dataclass(frozen=True, slots=True)
class RewritingRules:
    """Archives are written anew as often as the budget of `republishing` allows.

    It also pays for what every generation writes, its delta and its ledger.
    What may be written once in `at_once` is written at once. However seldom that is, it is time
    when deltas take a `share` of the archive or tell of `most_files` files, because readers fetch
    both and whoever publishes reads all their directories, or when there are `most_deltas`.
    """

    republishing: Republishing = field(default_factory=lambda: Republishing(DAY))
    at_once: timedelta = timedelta(minutes=1)
    share: float = 0.25
    most_files: int = 50_000
    most_deltas: int = 500

    def is_due(
        self, size: int, age: timedelta, deltas: Sequence[DeltaSize], ledger: int = 0
    ) -> bool:
        """Whether an archive of `size` bytes, written `age` ago, is written anew.

        `deltas` follow it, the newest included; each came with a `ledger` of so many bytes.
        """
        interval = self.republishing.interval(size, (one.size for one in deltas), ledger)
        return (
            interval <= max(self.at_once, age)
            or sum(delta.size for delta in deltas) > size * self.share
            or sum(delta.files for delta in deltas) > self.most_files
            or len(deltas) > self.most_deltas
        )
