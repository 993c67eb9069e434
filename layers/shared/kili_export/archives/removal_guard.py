"""How many assets may vanish from an export without confirmation."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from kili_export.core.counted import counted

ALWAYS_ALLOWED: Final = 3
"""So few may always go: a tenth of a small project would be none."""
SPAN: Final = timedelta(hours=24)
"""What goes within so long goes at once: a deletion may reach the exports over several runs."""
_SHARE: Final = 10
_MERGED: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class RemovedAssets:
    """Assets that were removed from an export unasked, the first and the last of them when."""

    count: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Removals:
    """Assets that an export would lose at once, by why.

    Kili has them no more, they were exported and now cannot be, or nothing is exported of them any
    more: their labels are gone, or a filter lets them pass no more.
    """

    vanished: int = 0
    failed: int = 0
    left: int = 0

    @property
    def count(self) -> int:
        """All of them."""
        return self.vanished + self.failed + self.left

    def summary(self) -> str:
        """In words."""
        shown = [
            f"{counted(count, 'asset')} {what}"
            for count, what in (
                (self.vanished, "vanished from Kili"),
                (self.failed, "could not be exported any more"),
                (self.left, "lost all that was exported of them"),
            )
            if count
        ]
        return " and ".join(shown) or "none"


NONE: Final = Removals()


def removed_lately(past: Iterable[RemovedAssets], now: datetime) -> int:
    """How many assets an export lost unasked within the last `SPAN`."""
    return sum(one.count for one in past if now - one.last_at < SPAN)


def must_ask(
    removed: int, known: int, confirmed: int, *, lately: int = 0, unanswered: int = 0
) -> bool:
    """Whether removing `removed` of `known` assets needs more than what was `confirmed`.

    More than a tenth of a project vanishing is more often lost access or a mistake than a wish.
    `lately` assets were removed already, which are not among the known any more. `unanswered`
    ones of the same run are known and may be gone as well: nobody could tell.
    """
    if removed == 0 or removed <= confirmed:
        return False
    allowed = max(ALWAYS_ALLOWED, (known + lately) // _SHARE)
    return removed + lately + unanswered > allowed


def remembered_removals(
    past: Iterable[RemovedAssets], removed: int, confirmed: int, now: datetime
) -> tuple[RemovedAssets, ...]:
    """What is to be remembered after `removed` assets left: what counts yet, oldest first.

    Nothing when a person confirmed them: who agreed knows how the project is now. What goes within
    an hour is remembered together, so that the list stays short however many runs a day has.
    """
    if 0 < removed <= confirmed:
        return ()
    kept = [one for one in past if now - one.last_at < SPAN]
    if not removed:
        return tuple(kept)
    if kept and now - kept[-1].first_at < _MERGED:
        last = kept.pop()
        now = max(now, last.last_at)
        return (*kept, RemovedAssets(last.count + removed, last.first_at, now))
    return (*kept, RemovedAssets(removed, now, now))
