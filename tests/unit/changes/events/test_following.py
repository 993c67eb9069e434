"""Kili's list of events, followed: what is marked, what is not marked again, and what it costs."""

from datetime import timedelta

import pytest

from kili_export.changes.events.pending_changes import RECONCILE, asset_subject
from kili_export.changes.events.replay_events import EventsCursor
from kili_export.core.errors import RequestRefused, Unavailable
from tests.support.protocol_world import PROJECT, World

EDITED = "label.workflow.edited"
ASSET = "as_001"


@pytest.fixture
def world() -> World:
    made = World()
    made.publish_everything()
    made.look_after(follow=True, compare=False)
    made.clock.advance(3600)
    return made


def follow(world: World) -> None:
    (project,) = world.look_after(follow=True, compare=False).projects
    assert project.error is None


def tell(world: World, event_id: str, *, ago: float = 0, name: str = EDITED) -> None:
    at = world.clock.now() - timedelta(seconds=ago)
    world.kili.tell_past(event_id, at, name, ASSET, f"label_{event_id}")


def test_an_event_that_no_webhook_brought_is_published(world: World) -> None:
    world.kili.label(ASSET, "label_e1", left=0.7)
    tell(world, "e1")
    follow(world)
    assert world.changes.subjects(PROJECT) == {asset_subject(ASSET)}
    world.run_pending()
    assert not world.changes.held
    assert any(b"0.7" in data for data in world.files("raw").values())


def test_a_quiet_project_costs_one_call(world: World) -> None:
    before = world.kili.past_calls
    follow(world)
    assert world.kili.past_calls == before + 1
    assert world.changes.subjects(PROJECT) == set()


def test_an_event_is_marked_once_though_its_moment_is_asked_for_again(world: World) -> None:
    tell(world, "e1")
    tell(world, "e2", name="asset.updated")
    follow(world)
    versions = {mark.version for mark in world.changes.marks(PROJECT)}
    world.clock.advance(10)
    follow(world)
    assert {mark.version for mark in world.changes.marks(PROJECT)} == versions


def test_an_event_that_is_listed_late_is_marked_though_its_moment_was_read(world: World) -> None:
    tell(world, "e1")
    follow(world)
    world.kili.tell_past("e2", world.clock.now(), EDITED, "as_002", "label_e2")
    follow(world)
    assert world.changes.subjects(PROJECT) == {asset_subject(ASSET), asset_subject("as_002")}


def test_what_the_webhook_took_in_is_not_marked_again(world: World) -> None:
    tell(world, "e1", ago=1)
    world.submit(ASSET, "label_e1")
    versions = {mark.version for mark in world.changes.marks(PROJECT)}
    follow(world)
    assert {mark.version for mark in world.changes.marks(PROJECT)} == versions


def test_what_was_published_by_the_webhook_is_not_fetched_again(world: World) -> None:
    world.submit(ASSET, "label_e1")
    tell(world, "e1")
    world.run_pending()
    assert not world.changes.held
    follow(world)
    assert world.changes.subjects(PROJECT) == set()


def test_a_later_event_of_an_asset_that_waits_is_marked(world: World) -> None:
    world.submit(ASSET, "label_e1")
    versions = {mark.version for mark in world.changes.marks(PROJECT)}
    world.clock.advance(5)
    tell(world, "e2")
    follow(world)
    assert {mark.version for mark in world.changes.marks(PROJECT)} != versions


def test_a_crash_before_the_cursor_moves_marks_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(world, "e1")

    def crash(*_: object) -> None:
        raise Unavailable("the table does not answer")

    with monkeypatch.context() as broken:
        broken.setattr(type(world.state), "move", crash)
        (project,) = world.look_after(follow=True, compare=False).projects
        assert project.error is not None
    world.changes.held.clear()
    follow(world)
    assert world.changes.subjects(PROJECT) == {asset_subject(ASSET)}


def test_the_first_round_goes_back_to_before_the_first_listing() -> None:
    world = World()
    tell(world, "e1", ago=600)
    before = world.changes.subjects(PROJECT)
    follow(world)
    assert world.changes.subjects(PROJECT) == before
    cursor = world.state.cursor(PROJECT)
    begin = world.clock.now() - timedelta(minutes=5)
    assert cursor == EventsCursor("", begin.isoformat())


def test_a_label_between_the_first_listing_and_the_first_round_is_not_missed() -> None:
    world = World()
    tell(world, "e1", ago=20)
    world.changes.held.clear()
    follow(world)
    follow(world)
    assert world.changes.subjects(PROJECT) == {asset_subject(ASSET)}


def test_an_event_that_names_no_asset_has_the_project_compared(world: World) -> None:
    world.kili.tell_past("e1", world.clock.now(), "label.workflow.edited", None)
    follow(world)
    assert world.changes.subjects(PROJECT) == {RECONCILE}


def test_a_kili_without_a_list_of_events_is_done_without(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RequestRefused("no such field")

    monkeypatch.setattr(type(world.kili), "events_since", refuse)
    follow(world)
    assert world.changes.subjects(PROJECT) == set()
