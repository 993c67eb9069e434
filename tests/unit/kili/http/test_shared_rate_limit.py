"""Workers of one key call Kili at the pace that it allows them together."""

import bisect
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kili_export.core.errors import Throttled
from kili_export.core.rate_limit import (
    HORIZON,
    MOST_TOGETHER,
    SECOND,
    VALIDITY,
    BudgetRules,
    BudgetState,
    TakenCalls,
    paused,
)
from kili_export.kili.http.shared_rate_limit import UNTOLD_PAUSE, Both, SharedRateLimiter
from tests.support.fakes import ManualClock
from tests.unit.kili.doubles import Line, Unlimited, data, in_turn, told

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
START = 1_700_000_000 * SECOND
MINUTE = 60 * SECOND


@dataclass(slots=True)
class SharedState:
    """What the table holds, and what it was asked for."""

    state: BudgetState = field(default_factory=BudgetState)
    takes: int = 0
    looks: int = 0
    given: int = 0


@dataclass(slots=True)
class Store:
    """One worker's view of it, through a clock of its own."""

    shared: SharedState
    clock: ManualClock

    def now(self) -> int:
        return (self.clock.now() - EPOCH) // timedelta(microseconds=1)

    def take(self, rules: BudgetRules, count: int) -> TakenCalls:
        self.shared.takes += 1
        self.shared.state, places = rules.take(self.shared.state, count, self.now())
        self.shared.given += len(places)
        return TakenCalls(places, self.shared.state)

    def resume_at(self) -> int:
        self.shared.looks += 1
        return self.shared.state.resume_at

    def pause(self, until: int) -> None:
        self.shared.state = paused(self.shared.state, until)


@dataclass(slots=True)
class Worker:
    """A process with a budget; its clock moves when it sleeps or works."""

    budget: SharedRateLimiter
    clock: ManualClock
    store: Store

    @classmethod
    def at(
        cls,
        shared: SharedState,
        rules: BudgetRules,
        *,
        patience: float = 600.0,
        moment: int = START,
    ) -> "Worker":
        clock = ManualClock(EPOCH + timedelta(microseconds=moment))
        store = Store(shared, clock)
        return cls(SharedRateLimiter(store, clock, rules, patience, lambda: 0.5), clock, store)

    def call(self) -> int:
        """When a call was made."""
        self.budget.acquire()
        return self.store.now()

    def wait_until(self, moment: int) -> None:
        self.clock.advance(max(0, moment - self.store.now()) / SECOND)


def most_in_a_minute(moments: list[int]) -> int:
    ordered = sorted(moments)
    return max(bisect.bisect_left(ordered, at + MINUTE) - first for first, at in enumerate(ordered))


@given(
    st.sampled_from([1, 2, 3, 7, 60, 250, 500]),
    st.lists(
        st.tuples(
            st.integers(0, 30 * SECOND), st.integers(1, MOST_TOGETHER), st.integers(0, VALIDITY)
        ),
        min_size=1,
        max_size=300,
    ),
)
def test_no_minute_has_more_calls_than_allowed(
    per_minute: int, takings: list[tuple[int, int, int]]
) -> None:
    """Callers take places, however many, at any time, and use each as late as may be."""
    rules = BudgetRules.per_minute(per_minute)
    state, now, calls = BudgetState(), START, []
    for pause, count, late in takings:
        now += pause
        state, places = rules.take(state, count, now)
        calls += [max(now, place + late) for place in places]
    assert not calls or most_in_a_minute(calls) <= per_minute


@given(st.integers(1, 500), st.integers(1, 8), st.integers(-(10**12), 10**12))
def test_places_never_overlap(per_minute: int, count: int, behind: int) -> None:
    rules = BudgetRules.per_minute(per_minute)
    state = BudgetState(START + behind)
    after, places = rules.take(state, count, START)
    _, more = rules.take(after, count, START)
    ordered = [*places, *more]
    assert all(later - earlier == rules.interval for earlier, later in pairwise(ordered))


def test_what_is_allowed_is_also_given() -> None:
    rules = BudgetRules.per_minute(250)
    worker = Worker.at(SharedState(), rules)
    calls = [worker.call() for _ in range(1000)]
    assert most_in_a_minute(calls) > 225


def test_a_state_that_no_honest_clock_made_does_not_stop_everybody_for_ever() -> None:
    rules = BudgetRules.per_minute(60)
    _, places = rules.take(BudgetState(rules.absurd(START) + 1), 1, START)
    assert places == (START,)
    _, none = rules.take(BudgetState(rules.absurd(START)), 1, START)
    assert none == ()


def together(workers: list[Worker], until: int) -> Iterator[tuple[int, int]]:
    """Everybody calls as fast as it may; who is behind goes first. Gives worker and moment."""
    while True:
        number = min(range(len(workers)), key=lambda one: workers[one].store.now())
        moment = workers[number].call()
        if moment > until:
            return
        yield number, moment


def test_forty_workers_have_equal_shares_and_stay_within_the_budget() -> None:
    rules = BudgetRules.per_minute(250)
    shared = SharedState()
    workers = [Worker.at(shared, rules) for _ in range(40)]
    calls = list(together(workers, START + 5 * MINUTE))
    assert most_in_a_minute([moment for _, moment in calls]) <= 250
    shares = [sum(number == one for number, _ in calls) for one in range(40)]
    assert sum(shares) > 5 * 225
    assert max(shares) <= 2 * min(shares), shares


def test_who_is_alone_asks_once_for_many_calls() -> None:
    rules = BudgetRules.per_minute(250)
    shared = SharedState()
    worker = Worker.at(shared, rules)
    for _ in range(400):
        worker.call()
    # Not more together than can be used before they are lost.
    assert shared.takes <= 400 / (VALIDITY // rules.interval) + 5
    assert shared.looks <= shared.takes


def test_who_calls_now_and_then_takes_one_at_a_time() -> None:
    rules = BudgetRules.per_minute(250)
    shared = SharedState()
    worker = Worker.at(shared, rules)
    for _ in range(20):
        worker.clock.advance(30)
        worker.call()
    assert shared.given == 20, "places were lost"


def test_places_of_a_worker_that_died_are_passed_by() -> None:
    rules = BudgetRules.per_minute(60)
    shared = SharedState()
    dead, alive = Worker.at(shared, rules), Worker.at(shared, rules)
    dead.store.take(rules, MOST_TOGETHER)
    assert alive.call() - START <= MOST_TOGETHER * rules.interval


def test_a_pause_that_one_worker_gets_holds_for_all() -> None:
    rules = BudgetRules.per_minute(250)
    shared = SharedState()
    workers = [Worker.at(shared, rules) for _ in range(8)]
    for _ in together(workers, START + 10 * SECOND):
        pass
    told_at = max(worker.store.now() for worker in workers)
    for worker in workers:
        worker.wait_until(told_at)
    workers[0].budget.slow_down(30.0)
    moments = [worker.call() for worker in workers]
    assert min(moments) >= told_at + 30 * SECOND
    assert max(moments) < told_at + 40 * SECOND


def test_a_place_is_not_used_in_a_pause_that_was_told_while_it_was_waited_for() -> None:
    rules = BudgetRules.per_minute(60)
    shared = SharedState()
    worker, other = Worker.at(shared, rules), Worker.at(shared, rules)
    other.store.take(rules, 8)
    worker.budget = SharedRateLimiter(
        worker.store, AskedMeanwhile(worker.clock, other.budget), rules, 600.0
    )
    assert worker.call() >= START + 20 * SECOND


@dataclass(slots=True)
class AskedMeanwhile:
    """A clock on which another worker is asked to slow down while this one sleeps."""

    clock: ManualClock
    other: SharedRateLimiter

    def now(self) -> datetime:
        return self.clock.now()

    def sleep(self, seconds: float) -> None:
        self.other.slow_down(20.0)
        self.clock.sleep(seconds)


@pytest.mark.parametrize(
    ("told_seconds", "waited"), [(None, UNTOLD_PAUSE), (7.0, 7 * SECOND), (9999.0, MINUTE), (-1, 0)]
)
def test_pauses_are_as_long_as_told_but_for_the_absurd(
    told_seconds: float | None, waited: int
) -> None:
    shared = SharedState()
    Worker.at(shared, BudgetRules.per_minute(250)).budget.slow_down(told_seconds)
    assert shared.state.resume_at == START + waited


def test_who_would_wait_too_long_says_so_and_takes_nothing() -> None:
    rules = BudgetRules.per_minute(60)
    shared = SharedState(BudgetState(START + HORIZON + 20 * SECOND))
    worker = Worker.at(shared, rules, patience=10)
    with pytest.raises(Throttled, match="taken by other workers") as error:
        worker.call()
    assert error.value.retry_after
    assert error.value.retry_after > 10
    assert shared.given == 0


def test_who_waits_for_the_horizon_is_served_in_the_end() -> None:
    rules = BudgetRules.per_minute(60)
    shared = SharedState(BudgetState(START + HORIZON + 20 * SECOND))
    moment = Worker.at(shared, rules, patience=60).call()
    assert START + HORIZON + 20 * SECOND <= moment <= START + HORIZON + 25 * SECOND


def test_a_budget_within_another_takes_of_both() -> None:
    own, shared = Unlimited(), Unlimited()
    both = Both(own, shared)
    both.acquire()
    both.slow_down(3.0)
    assert (own.taken, shared.taken, own.pauses, shared.pauses) == (1, 1, [3.0], [3.0])


def test_a_429_is_told_to_the_budget_and_nothing_else_is() -> None:
    line = Line(
        in_turn(
            told({}, 429, **{"Retry-After": "9"}),
            told({}, 429),
            told({}, 502),
            data([{"id": "project1", "inputType": "IMAGE"}]),
        )
    )
    line.client.project("project1")
    assert line.budget.pauses == [9.0, None]
