"""A label whose content is not readable yet is waited for, but not for ever."""

from datetime import timedelta

import pytest

from kili_export.changes.events.pending_changes import labels_to_await, retry_after
from tests.support.fakes import NOON
from tests.support.protocol_world import PROJECT, World


@pytest.fixture
def world() -> World:
    world = World()
    world.publish_everything()
    return world


def test_a_label_that_is_not_readable_yet_keeps_its_mark(world: World) -> None:
    name = f"{PROJECT}-{world.post('as_001', 'second').window}"
    world.run(name)
    assert world.changes.subjects(PROJECT) == {"asset#as_001"}
    assert world.generations()["raw"] == 1, "what was read before the label is nothing new"
    world.kili.label("as_001", "second", left=0.6)
    world.run_pending()
    assert world.changes.held == {}
    assert world.generations()["raw"] == 2


def test_an_earlier_label_is_waited_for_although_a_later_one_is_readable(world: World) -> None:
    world.post("as_001", "second")
    world.submit("as_001", "third", left=0.6)
    world.run(world.pending()[0])
    assert world.changes.subjects(PROJECT) == {"asset#as_001"}, "the earlier label was forgotten"


def test_a_label_that_never_shows_is_not_waited_for_for_ever(world: World) -> None:
    world.post("as_001", "deleted-since")
    world.run_pending()
    assert world.changes.held == {}


def test_other_assets_of_the_batch_are_done_with(world: World) -> None:
    world.post("as_001", "second")
    world.submit("as_002", "second", left=0.6)
    world.run(world.pending()[0])
    assert world.changes.subjects(PROJECT) == {"asset#as_001"}


@pytest.mark.parametrize(
    ("attempts", "age", "awaited"),
    [
        (0, timedelta(0), ("a", "b")),
        (2, timedelta(minutes=9), ("a", "b")),
        (3, timedelta(0), ()),
        (0, timedelta(minutes=10), ()),
    ],
)
def test_waiting_ends_after_three_runs_or_ten_minutes(
    attempts: int, age: timedelta, awaited: tuple[str, ...]
) -> None:
    labels = frozenset({"b", "a"})
    assert labels_to_await(labels, attempts=attempts, last_event_at=NOON - age, now=NOON) == awaited


def test_a_new_event_is_waited_for_although_the_first_is_old(world: World) -> None:
    # Runs have failed for an hour; the asset's newest label must still be readable.
    world.post("as_001", "second")
    world.clock.advance(3600)
    world.post("as_001", "third")
    name = world.pending()[-1]
    world.kili.label("as_001", "second", left=0.6)
    world.run(name)
    assert world.changes.subjects(PROJECT) == {"asset#as_001"}


def test_rests_double_and_end_at_six_hours() -> None:
    assert [retry_after(number).total_seconds() for number in (1, 2, 3)] == [10, 20, 40]
    assert retry_after(10**9) == timedelta(hours=6)
