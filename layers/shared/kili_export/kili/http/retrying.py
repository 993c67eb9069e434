"""How fast requests go out, and how long a failing one is pursued."""

import random
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from kili_export.core.clock import Clock
from kili_export.kili.http.failures import FailedAttempt

LONGEST_ASKED_WAIT = 60.0
"""Seconds that a Retry-After is heeded for at most."""
LONGEST_OWN_WAIT = 30.0
FIRST_WAIT = 1.0
Jitter = Callable[[], float]
"""Gives numbers from 0 up to 1, exclusive."""


class RateLimiter(Protocol):
    """A share of the calls that Kili allows. One process may hold its own, or many one."""

    def acquire(self) -> None:
        """Returns when the next call may be made. Raises Throttled when that takes too long."""

    def slow_down(self, seconds: float | None) -> None:
        """Kili asked to wait: for so long, if it said so."""


class ProcessRateLimiter:
    """At most `per_minute` calls a minute in this process, evened out but for short bursts.

    A caller that is asked to slow down waits alone: no other process shares its limit.
    """

    def __init__(self, clock: Clock, per_minute: int = 250, burst: int = 10) -> None:
        self._clock = clock
        self._per_second = per_minute / 60
        self._burst = float(burst)
        self._available = float(burst)
        self._counted_at = clock.now()
        self._lock = threading.Lock()

    def acquire(self) -> None:
        """Takes one call, sleeping until there is one."""
        with self._lock:
            now = self._clock.now()
            # A clock that is set back must not take calls away.
            elapsed = max(0.0, (now - self._counted_at).total_seconds())
            self._counted_at = now
            self._available = min(self._burst, self._available + elapsed * self._per_second) - 1
            shortage = -self._available
        if shortage > 0:
            self._clock.sleep(shortage / self._per_second)

    def slow_down(self, seconds: float | None) -> None:
        """See RateLimiter."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long, in seconds, one request is pursued, and by which dice waits are drawn."""

    clock: Clock
    seconds: float = 60.0
    jitter: Jitter = random.random
    most_attempts: int | None = None

    def retry_loop(self) -> "RetryLoop":
        """Begins to pursue a request."""
        return RetryLoop(self)


class RetryLoop:
    """The attempts at one request."""

    def __init__(self, policy: RetryPolicy) -> None:
        self._policy = policy
        self._began = policy.clock.now()
        self._seen: Counter[str] = Counter()

    def wait_or_give_up(self, failed_attempt: FailedAttempt, *, repeatable: bool) -> None:
        """Sleeps before the next attempt, or raises the error of the failed one when there is none.

        A request that is not `repeatable` is only sent again when Kili did not act on it.
        """
        self._seen[failed_attempt.kind] += 1
        if not self._may_go_on(failed_attempt, repeatable=repeatable):
            raise failed_attempt.error
        wait = self._wait(failed_attempt)
        elapsed = (self._policy.clock.now() - self._began).total_seconds()
        if elapsed + wait > self._policy.seconds:
            raise failed_attempt.error
        self._policy.clock.sleep(wait)

    def _may_go_on(self, failed_attempt: FailedAttempt, *, repeatable: bool) -> bool:
        if failed_attempt.may_have_been_processed and not repeatable:
            return False
        allowed = [
            n for n in (failed_attempt.attempts, self._policy.most_attempts) if n is not None
        ]
        return not allowed or self._seen[failed_attempt.kind] < min(allowed)

    def _wait(self, failed_attempt: FailedAttempt) -> float:
        if failed_attempt.retry_after is not None:
            return min(max(failed_attempt.retry_after, 0.0), LONGEST_ASKED_WAIT)
        longest: float = min(LONGEST_OWN_WAIT, FIRST_WAIT * 2.0 ** (self._seen.total() - 1))
        return self._policy.jitter() * longest
