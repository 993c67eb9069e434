"""Ids and dates that sort by creation, as Kili's do.

An id looks like a cuid: `c`, eight base-36 digits of milliseconds, four of a counter, twelve of
chance. With a seeded generator and a fixed clock the same world has the same ids in every run.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_MILLISECOND = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def base36(number: int, width: int) -> str:
    """The last `width` base-36 digits of a number, zero-padded."""
    digits = []
    for _ in range(width):
        number, rest = divmod(number, 36)
        digits.append(_DIGITS[rest])
    return "".join(reversed(digits))


class IdentifierSource:
    """Hands out ids; deterministic for a given seed and sequence of dates."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._counter = 0

    def next_id(self, created_at: datetime) -> str:
        """A new id. Ids of later dates sort after those of earlier ones."""
        milliseconds = (created_at - _EPOCH) // _MILLISECOND
        self._counter += 1
        chance = self._random.getrandbits(60)
        return f"c{base36(milliseconds, 8)}{base36(self._counter, 4)}{base36(chance, 12)}"


class Clock:
    """The server's clock: whole milliseconds, never the same twice."""

    def __init__(self, now: Callable[[], datetime] | None = None) -> None:
        self._now = now or (lambda: datetime.now(UTC))
        self._last = _EPOCH

    def tick(self) -> datetime:
        """The present, moved on by a millisecond when it was already handed out."""
        self._last = max(self._whole(self._now()), self._last + _MILLISECOND)
        return self._last

    def now(self) -> datetime:
        """The present, for comparing with; it may repeat."""
        return self._now()

    @staticmethod
    def _whole(moment: datetime) -> datetime:
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def iso(moment: datetime) -> str:
    """A date as the API writes it: `2026-01-05T08:00:00.000Z`."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def parse_date(text: str) -> datetime:
    """Reads `2026-01-31` (midnight UTC) or a full ISO date; raises ValueError for anything else."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
