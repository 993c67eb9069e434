"""How many calls to Kili all workers of one API key make together: the rules of their budget.

Calls have places in time, one `interval` apart (a generic cell rate algorithm). The budget's whole
state is the time of the next free place: a worker takes places by moving it on, and makes its calls
when their time has come. Who dies leaves places unused, and nobody has to give anything back.

Times are whole microseconds since 1970, as they are stored: sums of them are exact.
"""

from dataclasses import dataclass
from typing import Final, Protocol, Self

SECOND: Final = 1_000_000
VALIDITY: Final = 2 * SECOND
"""A place may be used so long after its time; then it is lost."""
HORIZON: Final = 20 * SECOND
"""How far ahead places may be taken. Who comes when more are taken asks again."""
LONGEST_PAUSE: Final = 60 * SECOND
MOST_TOGETHER: Final = 8
"""Places that are taken at once at most."""
_SLACK: Final = 2 * 60 * SECOND
_MINUTE: Final = 60 * SECOND


@dataclass(frozen=True, slots=True)
class BudgetState:
    """What all workers share. No call may be made before `resume_at`, whatever place it has."""

    next_at: int = 0
    resume_at: int = 0


@dataclass(frozen=True, slots=True)
class BudgetRules:
    """`interval` lies between two places; `burst` of them are there at once after a rest."""

    interval: int
    burst: int

    @classmethod
    def per_minute(cls, most: int) -> Self:
        """No sixty seconds see more than `most` calls, late ones and bursts included.

        The calls of a minute have places in it, or up to a burst and the validity before it.
        """
        burst = most // 50
        spaced = max(1, most - burst - 1)
        return cls(interval=-(-(_MINUTE + VALIDITY) // spaced), burst=burst)

    def earliest(self, now: int) -> int:
        """The first place that may be given out at `now`: what lies before it was not needed."""
        return now - self.burst * self.interval

    def latest(self, now: int) -> int:
        """The last time of the next free place at which places are given out."""
        return now + HORIZON

    def absurd(self, now: int) -> int:
        """No honest clock takes places this far ahead: such a state is taken for damaged."""
        return now + HORIZON + LONGEST_PAUSE + MOST_TOGETHER * self.interval + _SLACK

    def places(self, first: int, count: int) -> tuple[int, ...]:
        """The times of places that were taken together."""
        return tuple(first + number * self.interval for number in range(count))

    def take(self, state: BudgetState, count: int, now: int) -> tuple[BudgetState, tuple[int, ...]]:
        """The state after `count` places were taken, and these; none when too many are taken."""
        if self.latest(now) < state.next_at <= self.absurd(now):
            return state, ()
        first = max(state.next_at, self.earliest(now))
        if state.next_at > self.absurd(now):
            first = now
        after = first + count * self.interval
        return BudgetState(after, state.resume_at), self.places(first, count)


def paused(state: BudgetState, until: int) -> BudgetState:
    """The state after Kili asked to wait: nothing before `until`, and no rush after it."""
    return BudgetState(max(state.next_at, until), max(state.resume_at, until))


@dataclass(frozen=True, slots=True)
class TakenCalls:
    """When calls may be made, none when too many are taken already; and the budget after that.

    Times are microseconds since 1970 by the budget's own clock.
    """

    places: tuple[int, ...]
    state: BudgetState


class BudgetStore(Protocol):
    """The calls to Kili that all workers of one key share (see core.rate_limit)."""

    def now(self) -> int:
        """The present by the clock that all workers share."""

    def take(self, rules: BudgetRules, count: int) -> TakenCalls:
        """Takes places for `count` calls; nobody else gets them. They need not be given back."""

    def resume_at(self) -> int:
        """Until when everybody is to wait, because Kili asked one of them to."""

    def pause(self, until: int) -> None:
        """Makes everybody wait until then."""
