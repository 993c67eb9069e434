"""Paces this process's calls by the budget that it shares with all other workers of its key."""

import random
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from kili_export.core.clock import Clock
from kili_export.core.errors import Throttled
from kili_export.core.rate_limit import (
    HORIZON,
    LONGEST_PAUSE,
    MOST_TOGETHER,
    SECOND,
    VALIDITY,
    BudgetRules,
    BudgetStore,
)
from kili_export.kili.http.retrying import Jitter, RateLimiter

UNTOLD_PAUSE: Final = 5 * SECOND
"""How long everybody waits when Kili asks for a pause and does not say how long."""
_RECENT: Final = 2 * SECOND
_UNCONFIRMED: Final = SECOND
"""So long a place is used without asking whether everybody has to wait meanwhile."""
_SHORTEST_SLEEP: Final = SECOND // 4


class SharedRateLimiter:
    """Implements RateLimiter over a store. Safe to share between threads.

    Who calls often and waits little takes several places at once; others one at a time, so that
    places are not lost with workers that end. `patience` bounds one wait, in seconds.
    """

    def __init__(
        self,
        store: BudgetStore,
        clock: Clock,
        rules: BudgetRules,
        patience: float,
        jitter: Jitter = random.random,
    ) -> None:
        self._store = store
        self._clock = clock
        self._rules = rules
        self._patience = int(patience * SECOND)
        self._jitter = jitter
        self._places: deque[int] = deque()
        self._taken_at = 0
        self._asked_at = 0
        self._together = 1
        self._resume_at = 0
        # Threads take turns: a later place is of no use before an earlier one.
        self._turn = threading.Lock()

    def acquire(self) -> None:
        """See RateLimiter."""
        with self._turn:
            gives_up = self._store.now() + self._patience
            while not self._use(self._next(gives_up), gives_up):
                self._places.clear()

    def slow_down(self, seconds: float | None) -> None:
        """See RateLimiter."""
        pause = UNTOLD_PAUSE if seconds is None else int(max(seconds, 0.0) * SECOND)
        until = self._store.now() + min(pause, LONGEST_PAUSE)
        # Not in turn: whose turn it is may be asleep, and is stopped by this when it wakes.
        self._resume_at = max(self._resume_at, until)
        self._store.pause(until)

    def _next(self, gives_up: int) -> int:
        """The time of the next place of ours."""
        while self._places:
            place = self._places.popleft()
            if place + VALIDITY >= self._store.now():
                return place
        while True:
            began = self._store.now()
            taken = self._store.take(self._rules, self._count(began))
            self._resume_at = max(self._resume_at, taken.state.resume_at)
            if taken.places:
                self._keep(taken.places)
                return self._places.popleft()
            # Not all at the same moment: only some of those who wait will find places then.
            wait = max(taken.state.next_at - HORIZON - began, _SHORTEST_SLEEP)
            self._sleep(wait + int(self._jitter() * SECOND), gives_up)

    def _keep(self, places: Sequence[int]) -> None:
        self._places.extend(places)
        self._taken_at = self._asked_at = self._store.now()
        if places[0] > self._taken_at + _RECENT:
            self._together = 1

    def _count(self, now: int) -> int:
        """How many to take: more and more for a caller that used up what it took just before."""
        busy = self._taken_at and now - self._taken_at < _RECENT + self._rules.interval
        self._together = min(MOST_TOGETHER, 2 * self._together) if busy else 1
        return max(1, min(self._together, VALIDITY // self._rules.interval))

    def _use(self, place: int, gives_up: int) -> bool:
        """Waits for a place. False when everybody was asked to wait until after it."""
        self._sleep(place - self._store.now(), gives_up)
        now = self._store.now()
        if now - self._asked_at > _UNCONFIRMED:
            self._resume_at = max(self._resume_at, self._store.resume_at())
            self._asked_at = now
        return max(place, now) >= self._resume_at

    def _sleep(self, wait: int, gives_up: int) -> None:
        now = self._store.now()
        if now + wait > gives_up:
            seconds = wait / SECOND
            raise Throttled(
                f"the calls to Kili of the next {seconds:.0f} seconds are taken by other workers",
                retry_after=seconds,
            )
        if wait > 0:
            self._clock.sleep(max(wait, 1) / SECOND)


@dataclass(frozen=True, slots=True)
class Both:
    """A budget within a budget: `own` leaves some of the `shared` calls to others."""

    own: RateLimiter
    shared: RateLimiter

    def acquire(self) -> None:
        """See RateLimiter."""
        self.own.acquire()
        self.shared.acquire()

    def slow_down(self, seconds: float | None) -> None:
        """See RateLimiter."""
        self.own.slow_down(seconds)
        self.shared.slow_down(seconds)
