"""How often an archive of a size may be written again."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kili_export.archives.compaction import CompactionCost, CompactionPolicy, DeltaSize
from kili_export.maintenance.retention.retention_rules import RetentionRules

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
TERABYTE = 10**12


def test_a_terabyte_each_minute_is_far_beyond_any_budget() -> None:
    archives = CompactionCost(kept=DAY)
    assert archives.interval(TERABYTE) > timedelta(hours=12)
    assert 10**8 < archives.size_for(MINUTE) < 2 * 10**9


def test_what_replaces_nothing_that_is_kept_may_be_larger() -> None:
    assert CompactionCost(kept=timedelta()).size_for(MINUTE) > CompactionCost(kept=DAY).size_for(
        MINUTE
    )


def test_a_small_archive_is_one_request() -> None:
    once = CompactionCost(kept=timedelta(), copy_rate=float("inf"))
    assert once.dollars(1000) == pytest.approx(5e-6)
    assert once.dollars(0) == 0


@given(
    seconds=st.integers(60, 86_400 * 7),
    hours=st.integers(0, 100),
    budget=st.floats(0.01, 1000),
)
def test_the_size_for_an_interval_is_the_largest(seconds: int, hours: int, budget: float) -> None:
    rule = CompactionCost(kept=timedelta(hours=hours), dollars_a_day=budget)
    interval = timedelta(seconds=seconds)
    size = rule.size_for(interval)
    assert rule.interval(size) <= interval
    assert size == 50 * 2**40 or rule.interval(size + 1) > interval


@given(st.integers(0, 10**13), st.integers(0, 10**13))
def test_larger_archives_wait_at_least_as_long(one: int, other: int) -> None:
    rule = CompactionCost(kept=DAY)
    small, large = sorted((one, other))
    assert rule.interval(small) <= rule.interval(large)


def test_what_every_generation_writes_is_paid_from_the_same_budget() -> None:
    """COCO of a million assets: a ledger of 1.2 GB a minute beside an archive of 700 MB."""
    rules = CompactionPolicy(CompactionCost(kept=DAY))
    archive, ledger = 700_000_000, 1_200_000_000
    assert rules.is_due(archive, MINUTE, [DeltaSize(1000, 1)])
    assert not rules.is_due(archive, MINUTE, [DeltaSize(1000, 1)], ledger)
    assert rules.is_due(archive, 2 * MINUTE, [DeltaSize(1000, 1)], ledger)


@given(
    archive=st.integers(0, 10**12),
    ledger=st.integers(0, 2 * 10**9),
    deltas=st.lists(st.integers(0, 10**8), min_size=1, max_size=50),
    minutes=st.integers(1, 10_000),
)
def test_an_archive_that_is_due_leaves_the_budget_whole(
    archive: int, ledger: int, deltas: list[int], minutes: int
) -> None:
    budget = CompactionCost(kept=DAY)
    rules = CompactionPolicy(budget, share=1e9)
    due = rules.is_due(archive, minutes * MINUTE, [DeltaSize(size, 1) for size in deltas], ledger)
    spent = budget.dollars(archive) + sum(
        budget.dollars(size) + budget.dollars(ledger, budget.ledgers_kept) for size in deltas
    )
    assert due == (DAY * spent <= minutes * MINUTE)


def test_the_smallest_budget_gives_an_interval_still() -> None:
    assert CompactionCost(kept=DAY, dollars_a_day=1e-15).interval(TERABYTE) > 10**6 * DAY


def test_a_ledger_is_kept_as_long_as_it_is_reckoned_with() -> None:
    assert CompactionCost(kept=DAY).ledgers_kept == RetentionRules().ledgers


def test_a_budget_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="budget"):
        CompactionCost(kept=DAY, dollars_a_day=0).interval(1)
