"""Where marks are kept, when they are tried again, and which labels they wait for."""

from collections import Counter
from datetime import timedelta

import pytest

from kili_export.changes.events.pending_changes import (
    CHECK,
    MOST_FOLLOW_UPS,
    MOST_LABELS,
    PROJECT_SUBJECTS,
    REBUILD,
    RECONCILE,
    SHARDS,
    PendingChange,
    all_shards,
    asset_of,
    asset_subject,
    labels_to_await,
    retry_after,
    shard_of,
)
from tests.support.fakes import NOON

LABELS = frozenset({"b", "a"})


def test_a_subject_names_its_asset() -> None:
    assert asset_subject("as_1") == "asset#as_1"
    assert asset_of("asset#as_1") == "as_1"
    assert asset_of("asset#asset#1") == "asset#1"
    assert [asset_of(subject) for subject in sorted(PROJECT_SUBJECTS)] == [None, None, None]
    assert {"rebuild", "reconcile", "check"} == PROJECT_SUBJECTS
    assert (REBUILD, RECONCILE, CHECK) == ("rebuild", "reconcile", "check")


@pytest.mark.parametrize(
    ("asset_id", "shard"),
    [("asset12", "0"), ("as_5", "1"), ("as_000", "3"), ("as_10", "5"), ("asset9", "6")],
)
def test_the_partition_of_a_mark_is_the_same_for_ever(asset_id: str, shard: str) -> None:
    assert shard_of(asset_subject(asset_id)) == shard


def test_marks_are_spread_over_eight_partitions_and_all_of_them_are_read() -> None:
    assert list(all_shards()) == ["project", *"01234567"]
    assert SHARDS == 8
    used = Counter(shard_of(asset_subject(f"asset{number}")) for number in range(800))
    assert used.keys() == set("01234567")
    assert min(used.values()) > 50
    assert {shard_of(subject) for subject in PROJECT_SUBJECTS} == {"project"}


@pytest.mark.parametrize(
    ("attempts", "seconds"),
    [(0, 10), (1, 10), (2, 20), (3, 40), (12, 20_480), (13, 21_600), (10_000, 21_600)],
)
def test_a_mark_rests_twice_as_long_each_time_and_six_hours_at_most(
    attempts: int, seconds: int
) -> None:
    assert retry_after(attempts) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("attempts", "seconds", "awaited"),
    [
        (0, 0, ("a", "b")),
        (2, 599, ("a", "b")),
        (3, 0, ()),
        (0, 600, ()),
    ],
)
def test_labels_are_awaited_for_three_runs_and_ten_minutes(
    attempts: int, seconds: float, awaited: tuple[str, ...]
) -> None:
    now = NOON + timedelta(seconds=seconds)
    assert labels_to_await(LABELS, attempts=attempts, last_event_at=NOON, now=now) == awaited


def test_a_mark_names_twenty_labels_and_starts_six_runs() -> None:
    assert (MOST_LABELS, MOST_FOLLOW_UPS) == (20, 6)


@pytest.mark.parametrize(
    ("event_in", "retry_in", "is_ahead"),
    [
        *((-60, None, False), (30, None, False), (31, None, True)),
        *((0, 21_630, False), (0, 21_631, True), (31, 10, True)),
    ],
)
def test_times_that_are_too_far_away_are_those_of_a_clock_that_was_ahead(
    event_in: int, retry_in: int | None, is_ahead: bool
) -> None:
    at = NOON + timedelta(seconds=event_in)
    retry_at = None if retry_in is None else NOON + timedelta(seconds=retry_in)
    mark = PendingChange("project1", "asset#as_1", "v", NOON, at, retry_at=retry_at)
    assert mark.is_ahead(NOON) is is_ahead
