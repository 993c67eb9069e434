"""How many assets may vanish unasked, however many runs they are spread over."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kili_export.archives.removal_guard import (
    ALWAYS_ALLOWED,
    SPAN,
    RemovedAssets,
    must_ask,
    remembered_removals,
    removed_lately,
)

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("removed", "known", "lately", "unanswered", "asks"),
    [
        (3, 20, 0, 0, False),
        (4, 20, 0, 0, True),
        (1, 17, 3, 0, True),
        (1, 18, 2, 0, False),
        (3, 20, 0, 1, True),
        (0, 20, 3, 50, False),
        (100, 1000, 0, 0, False),
        (101, 1000, 0, 0, True),
        (50, 950, 50, 0, False),
        (51, 950, 50, 0, True),
    ],
)
def test_what_went_lately_and_what_nobody_could_tell_count(
    removed: int, known: int, lately: int, unanswered: int, *, asks: bool
) -> None:
    assert must_ask(removed, known, 0, lately=lately, unanswered=unanswered) is asks


def test_what_a_person_confirmed_may_go_whatever_went_before() -> None:
    assert not must_ask(5, 20, 5, lately=3, unanswered=9)
    assert must_ask(6, 20, 5, lately=0)


def test_a_removal_counts_for_a_day_and_not_longer() -> None:
    past = remembered_removals((), 3, 0, NOW)
    almost = NOW + SPAN - timedelta(seconds=1)
    assert removed_lately(past, almost) == 3
    assert removed_lately(past, NOW + SPAN) == 0
    assert remembered_removals(past, 0, 0, NOW + SPAN) == ()


def test_whoever_confirms_agrees_to_what_went_before() -> None:
    past = remembered_removals((), 3, 0, NOW)
    assert remembered_removals(past, 5, 5, NOW) == ()
    assert remembered_removals(past, 0, 5, NOW) == past, "nothing was removed under it"


def test_a_clock_that_runs_behind_makes_nothing_be_forgotten() -> None:
    past = remembered_removals((), 2, 0, NOW)
    earlier = NOW - timedelta(minutes=5)
    assert removed_lately(past, earlier) == 2
    (merged,) = remembered_removals(past, 1, 0, earlier)
    assert merged == RemovedAssets(3, NOW, NOW)


REMOVALS = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 40 * 60), st.integers(0, 30)), max_size=60
)


@given(known=st.integers(0, 400), steps=REMOVALS)
def test_however_a_deletion_is_split_no_day_loses_more_than_may_go_at_once(
    known: int, steps: list[tuple[int, int, int]]
) -> None:
    now = NOW
    past: tuple[RemovedAssets, ...] = ()
    gone: list[tuple[datetime, int]] = []
    for wanted, minutes, added in steps:
        now += timedelta(minutes=minutes)
        known += added
        removed = min(wanted, known)
        if must_ask(removed, known, 0, lately=removed_lately(past, now)):
            removed = 0
        past = remembered_removals(past, removed, 0, now)
        known -= removed
        gone.append((now, removed))
        day = sum(count for at, count in gone if now - at < SPAN)
        if removed:
            assert day <= max(ALWAYS_ALLOWED, (known + day) // 10)
        assert removed_lately(past, now) >= day, "something was forgotten too early"
        assert len(past) <= 25, "the list grows with the number of runs"


def test_a_removal_counts_for_twenty_four_hours() -> None:
    assert timedelta(hours=24) == SPAN
    past = remembered_removals((), 3, 0, NOW)
    assert removed_lately(past, NOW + timedelta(hours=23, minutes=59)) == 3
    assert removed_lately(past, NOW + timedelta(hours=24)) == 0


@pytest.mark.parametrize(("minutes", "counts"), [(0, [5]), (59, [5]), (60, [3, 2]), (90, [3, 2])])
def test_what_goes_within_an_hour_is_remembered_together(minutes: int, counts: list[int]) -> None:
    later = NOW + timedelta(minutes=minutes)
    past = remembered_removals(remembered_removals((), 3, 0, NOW), 2, 0, later)
    assert [one.count for one in past] == counts
    assert (past[0].first_at, past[-1].last_at) == (NOW, later)
