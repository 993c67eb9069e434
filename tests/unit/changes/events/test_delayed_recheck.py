"""What was exported because of a label's event is looked at once more, a little later."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from kili_export.changes.events.delayed_recheck import (
    AT_ONCE,
    LATER,
    DelayedRechecks,
    has_recent_label,
)
from kili_export.core.bucket_layout import second_looks_key
from kili_export.core.errors import IntegrityError, Unavailable
from kili_export.core.file_dates import LabelDates
from tests.support.fakes import InMemoryObjects
from tests.support.protocol_world import PROJECT, World


@pytest.fixture
def world() -> World:
    world = World()
    world.publish_everything()
    return world


def exported_too_early(world: World) -> None:
    """A label is edited; its event is exported while Kili still shows the former content."""
    world.post("as_001", "first_1")
    world.run_pending()
    assert world.generations()["raw"] == 1, "what was read is what was there before"
    world.kili.label("as_001", "first_1", left=0.6)


def test_an_edit_that_shows_late_is_exported_in_the_end(world: World) -> None:
    exported_too_early(world)
    assert world.changes.held == {}, "nothing waits: the export is what Kili showed"
    world.clock.advance((LATER - timedelta(seconds=1)).total_seconds())
    world.look_after(compare=False)
    assert world.pending() == [], "it is too early yet"
    world.clock.advance(1)
    world.look_after(compare=False)
    assert world.changes.subjects(PROJECT) == {"asset#as_001"}
    world.run_pending()
    assert world.generations()["raw"] == 2


def test_it_is_looked_at_five_minutes_after_it_was_exported(world: World) -> None:
    exported_too_early(world)
    stored = json.loads(world.objects.stored[second_looks_key(PROJECT)][0])
    due = datetime.fromisoformat(stored["due"].pop("as_001"))
    assert due - world.clock.now() == timedelta(minutes=5)
    assert stored["due"] == {}


def test_it_is_looked_at_once_more_and_not_again_and_again(world: World) -> None:
    exported_too_early(world)
    for _ in range(4):
        world.clock.advance(LATER.total_seconds())
        world.look_after(compare=False)
        world.run_pending()
    fetched = [one for batch in world.kili.fetches for one in batch if one == "as_001"]
    assert len(fetched) == 3, "when all was exported, by the event, and once more"


def test_what_no_event_of_a_label_told_of_is_not_looked_at_again(world: World) -> None:
    world.post("as_001", event="asset.updated")
    world.run_pending()
    assert second_looks_key(PROJECT) not in world.objects.stored


def test_a_new_label_that_another_change_exports_is_looked_at_again(world: World) -> None:
    world.kili.label("as_001", "new", at=world.clock.now() - timedelta(minutes=2))
    world.post("as_001", event="asset.updated")
    world.run_pending()
    # By now Kili shows what the label holds, with the same date.
    world.kili.label("as_001", "new", left=0.6, at=world.clock.now() - timedelta(minutes=2))
    before = world.generations()["raw"]
    for _ in range(3):
        world.clock.advance(LATER.total_seconds())
        world.look_after(compare=False)
        world.run_pending()
    assert world.generations()["raw"] == before + 1
    fetched = [one for batch in world.kili.fetches for one in batch if one == "as_001"]
    assert len(fetched) == 3, "when all was exported, by the change, and once more"


def test_a_full_export_looks_again_at_new_labels_alone(world: World) -> None:
    world.kili.label("as_002", "new", at=world.clock.now())
    world.request_run(PROJECT, full=True)
    world.run_pending()
    stored = json.loads(world.objects.stored[second_looks_key(PROJECT)][0])
    assert set(stored["due"]) == {"as_002"}


_ASKED = datetime(2026, 12, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("created", "updated", "recent"),
    [
        ("2026-12-01T11:56:00Z", None, True),
        ("2026-12-01T11:54:00Z", None, False),
        ("2026-11-01T00:00:00Z", "2026-12-01T11:59:59.999Z", True),
        ("2026-12-01T12:02:00Z", None, True),
        ("2026-12-01T15:00:00Z", None, False),
        ("2026-12-01T11:59:00", None, True),
        ("yesterday", "2026-13-01", False),
        (None, None, False),
        (7, ["2026-12-01"], False),
    ],
)
def test_a_label_is_recent_by_creation_or_edit(
    created: object, updated: object, recent: bool
) -> None:
    dates = LabelDates("la", "DEFAULT", created, updated)  # type: ignore[arg-type]
    assert has_recent_label([dates], _ASKED) is recent


def test_a_crash_before_they_are_forgotten_loses_none(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported_too_early(world)
    world.clock.advance(LATER.total_seconds())
    with monkeypatch.context() as broken:

        def put(_objects: InMemoryObjects, key: str, *_data: object, **_options: object) -> None:
            raise Unavailable(f"{key} cannot be written")

        broken.setattr(InMemoryObjects, "put", put)
        [project] = world.look_after(compare=False).projects
        assert project.error is not None
    assert world.changes.subjects(PROJECT) == {"asset#as_001"}
    world.clock.advance(60)
    world.look_after(compare=False)
    world.run_pending()
    assert world.generations()["raw"] == 2


def test_another_that_is_noted_meanwhile_is_kept(world: World) -> None:
    exported_too_early(world)
    world.clock.advance(LATER.total_seconds())

    def another() -> None:
        world.post("as_002", "first_2")
        world.run_pending()

    world.objects.interleaving.before("put", another)
    looks = DelayedRechecks(world.objects, world.clock)
    assert looks.take_due(PROJECT, lambda _subject: None) == 1
    world.clock.advance(LATER.total_seconds())
    found: list[str] = []
    looks.take_due(PROJECT, found.append)
    assert found == ["asset#as_002"]


def test_as_many_are_taken_as_a_call_can_mark(world: World) -> None:
    count = AT_ONCE + 2
    looks = DelayedRechecks(world.objects, world.clock)
    looks.plan(PROJECT, (), ["z"])
    world.clock.advance(1)
    looks.plan(PROJECT, (), [f"as_{number:06d}" for number in range(count)])
    world.clock.advance(LATER.total_seconds())
    first, second = list[str](), list[str]()
    assert looks.take_due(PROJECT, first.append) == AT_ONCE
    assert first[0] == "asset#z", "the one that waits the longest"
    assert looks.take_due(PROJECT, second.append) == 3
    assert len({*first, *second}) == count + 1
    assert looks.take_due(PROJECT, second.append) == 0


def test_what_cannot_be_read_is_told(world: World) -> None:
    world.objects.put(second_looks_key(PROJECT), b"{")
    with pytest.raises(IntegrityError, match="second-looks"):
        DelayedRechecks(world.objects, world.clock).take_due(PROJECT, lambda _subject: None)
