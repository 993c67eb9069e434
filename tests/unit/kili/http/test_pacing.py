"""How fast calls go out."""

import threading
from dataclasses import dataclass, field
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kili_export.kili.http.retrying import ProcessRateLimiter
from tests.support.fakes import NOON, ManualClock


@given(
    st.integers(1, 600),
    st.integers(1, 20),
    st.lists(st.floats(0, 120), min_size=1, max_size=200),
)
def test_no_minute_sees_more_calls_than_allowed_but_for_the_burst(
    per_minute: int, burst: int, pauses: list[float]
) -> None:
    clock = ManualClock()
    budget = ProcessRateLimiter(clock, per_minute, burst)
    began = clock.now()
    calls = []
    for pause in pauses:
        clock.advance(pause)
        budget.acquire()
        calls.append((clock.now() - began).total_seconds())

    for first, at in enumerate(calls):
        within = sum(at <= later < at + 60 for later in calls[first:])
        # A microsecond of rounding per call is not a broken promise.
        assert within <= per_minute + burst + 1


def test_a_burst_goes_out_at_once_and_the_rest_evenly() -> None:
    clock = ManualClock()
    budget = ProcessRateLimiter(clock, per_minute=60, burst=3)
    began = clock.now()
    moments = []
    for _ in range(6):
        budget.acquire()
        moments.append(round((clock.now() - began).total_seconds(), 3))

    assert moments == [0, 0, 0, 1, 2, 3]


def test_a_clock_that_is_set_back_takes_nothing_away() -> None:
    clock = ManualClock()
    budget = ProcessRateLimiter(clock, per_minute=60, burst=1)
    budget.acquire()
    clock.advance(-3600)
    set_back = clock.now()

    budget.acquire()

    assert (clock.now() - set_back).total_seconds() == pytest.approx(1)


@dataclass
class StoppedClock:
    """Time stands still; who sleeps is noted."""

    slept: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return NOON

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def test_threads_share_one_budget() -> None:
    clock = StoppedClock()
    budget = ProcessRateLimiter(clock, per_minute=60, burst=5)
    threads = [threading.Thread(target=budget.acquire) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(clock.slept) == pytest.approx([float(turn) for turn in range(1, 16)])
