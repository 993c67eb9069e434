"""A comparison lists as long as that takes, over invocations, and removes nothing by itself."""

from dataclasses import dataclass

import pytest

from kili_export.changes.comparison.comparison_listing import ComparisonListing
from kili_export.changes.events.pending_changes import RECONCILE
from kili_export.changes.events.replay_events import EventsCursor, replay_events
from kili_export.core.bucket_layout import comparisons_prefix
from kili_export.core.errors import ConflictError, Unavailable
from kili_export.maintenance.reconciliation.messages import (
    ReconciledProject,
    ReconcileRequest,
    Repaired,
)
from kili_export.registration.stored_registrations import load_registration
from tests.support.protocol_world import PROJECT, World

ASSETS = 12
PREFIXES = {name: comparisons_prefix(PROJECT, name) for name in ("sweep", "run")}


class Killed(Exception):
    """A process was ended in the middle of something."""


@dataclass
class OnePage:
    """An invocation has time for one page."""

    def is_up(self) -> bool:
        return True


@dataclass
class TwoPages:
    """An invocation has time for two."""

    asked: int = 0

    def is_up(self) -> bool:
        self.asked += 1
        return self.asked == 2


@pytest.fixture
def world() -> World:
    world = World(assets=ASSETS)
    world.publish_everything()
    world.look_after()
    world.kili.pages_from.clear()
    return world


def compared(world: World) -> ReconciledProject:
    """One invocation of the scheduled comparison, with time for one page."""
    (report,) = world.reconcile(ReconcileRequest(), OnePage()).projects
    return report


def stored(world: World, purpose: str = "sweep") -> list[str]:
    return [key for key in world.objects.stored if key.startswith(PREFIXES[purpose])]


def listing_of(world: World) -> ComparisonListing:
    return ComparisonListing(
        world.objects, world.kili, world.clock, world.tokens, PROJECT, "sweep", part_assets=3
    )


def test_the_next_comparison_goes_on(world: World) -> None:
    world.kili.label("as_001", "unheard", left=0.6)
    for _ in range(3):
        report = compared(world)
        assert report.unfinished
        assert report.error is None
        assert not world.changes.held, "something was marked by half a listing"
    assert len(stored(world)) == 4
    last = compared(world)
    assert (last.unfinished, last.repaired) == (False, Repaired(changed=1))
    assert world.kili.pages_from == [0, 3, 6, 9], "pages were read again, or not at all"
    assert stored(world) == []
    world.run_pending()
    assert compared(world).unfinished, "the comparison after that did not begin again"


def test_ledgers_are_read_by_an_invocation_of_their_own(world: World) -> None:
    assert listing_of(world).read(TwoPages()) is None
    assert listing_of(world).read(TwoPages()) is None
    found = listing_of(world).read(TwoPages())
    assert found is not None
    assert world.kili.pages_from == [0, 6, 12], "a listing that is whole was not kept"
    assert (found.count, len(list(found.lines))) == (ASSETS, ASSETS)


def test_what_is_missing_from_a_listing_is_not_removed(world: World) -> None:
    compared(world)
    compared(world)
    world.kili.label("as_050", "late")
    del world.kili.assets["as_001"]
    world.kili.label("as_002", "late", left=0.6)
    assert compared(world).unfinished
    assert compared(world).unfinished
    # Listed before they changed: the asset that is gone is not found before the next comparison.
    assert compared(world).repaired == Repaired(unknown=1)
    world.run_pending()
    assert world.manifest("raw").counts.assets == ASSETS + 1
    assert world.look_after().projects[0].repaired == Repaired(changed=1, vanished=1)
    world.run_pending()
    assert world.manifest("raw").counts.assets == ASSETS


def test_what_was_exported_since_it_was_listed_is_only_looked_at_again(world: World) -> None:
    compared(world)
    world.submit("as_001", "known", left=0.6)
    world.run_pending()
    world.kili.fetches.clear()
    while compared(world).unfinished:
        pass
    world.run_pending()
    assert world.kili.fetches == [("as_001",)]
    assert world.manifest("raw").counts.assets == ASSETS


def test_a_crash_loses_nothing_that_was_stored(world: World) -> None:
    def die() -> None:
        raise Killed

    for _ in range(3):
        world.kili.interleaving.before("page", lambda: None)
    world.kili.interleaving.before("page", die)
    with pytest.raises(Killed):
        listing_of(world).read(None)
    found = listing_of(world).read(None)
    assert found is not None
    assert (found.count, len(list(found.lines))) == (ASSETS, ASSETS)
    assert world.kili.pages_from == [0, 9]


def test_of_two_at_once_one_gives_up(world: World) -> None:
    def other() -> None:
        assert listing_of(world).read(OnePage()) is None

    world.kili.interleaving.before("page", other)
    with pytest.raises(ConflictError):
        listing_of(world).read(OnePage())
    found = listing_of(world).read(None)
    assert found is not None
    assert (found.count, len(list(found.lines))) == (ASSETS, ASSETS)


def test_an_old_listing_or_one_that_lost_a_part_is_started_again(world: World) -> None:
    compared(world)
    (part,) = (key for key in stored(world) if key.endswith(".jsonl"))
    world.objects.delete([part])
    compared(world)
    assert world.kili.pages_from == [0, 0]
    compared(world)
    world.clock.advance(24 * 3600)
    compared(world)
    assert world.kili.pages_from == [0, 0, 3, 0]


@pytest.mark.parametrize("broken", [b"", b"{}", b"[1]", b"\xff"])
def test_a_listing_that_cannot_be_read_is_started_again(world: World, broken: bytes) -> None:
    world.objects.put(PREFIXES["sweep"] + "listing.json", broken)
    compared(world)
    assert world.kili.pages_from == [0]


def test_a_listing_that_cannot_be_gone_on_with_is_forgotten(world: World) -> None:
    def shifted() -> None:
        raise ConflictError("too many assets went away")

    compared(world)
    world.kili.interleaving.before("page", shifted)
    with pytest.raises(Unavailable, match="starts again"):
        listing_of(world).read(None)
    assert stored(world) == []


def test_a_run_that_is_to_compare_goes_on_as_well(world: World) -> None:
    world.kili.label("as_001", "unheard", left=0.6)
    world.marks.mark(PROJECT, RECONCILE)
    world.request_run(PROJECT)
    world.time_left = OnePage()
    world.run_pending()
    assert world.continued == 3
    assert world.kili.pages_from == [0, 3, 6, 9]
    assert stored(world, "run") == []
    assert not world.changes.held
    world.time_left = None
    assert world.look_after().projects[0].repaired == Repaired()


def test_who_asks_while_a_run_lists_is_answered_by_the_next(world: World) -> None:
    world.marks.mark(PROJECT, RECONCILE)
    world.time_left = OnePage()
    world.kili.interleaving.before("page", lambda: None)
    world.kili.interleaving.before("page", lambda: world.marks.mark(PROJECT, RECONCILE))
    world.request_run(PROJECT)
    (name,) = world.pending()
    world.run(name)
    assert RECONCILE in world.changes.subjects(PROJECT)
    world.run_pending()
    assert world.kili.pages_from == [0, 3, 6, 9] * 2
    assert not world.changes.held


def test_another_project_is_the_first_every_hour(world: World) -> None:
    world.objects.put("registrations/other.json", b"{}")
    firsts = set()
    for _ in range(2):
        answer = world.reconcile(ReconcileRequest(compare=False))
        assert len(answer.projects) == 2
        firsts.add(answer.projects[0].project_id)
        world.clock.advance(3600)
    assert firsts == {PROJECT, "other"}


def test_a_backlog_of_events_is_read_over_invocations_and_keeps_no_listing_from_its_end(
    world: World,
) -> None:
    for number in range(6):
        world.clock.advance(60)
        world.kili.tell_past(f"e{number}", world.clock.now(), "asset.updated", f"as_{number:03d}")
    marked = []
    for _ in range(20):
        compared(world)
        marked.append(len(world.changes.subjects(PROJECT)))
    assert marked[:6] == [1, 2, 3, 4, 5, 6], "an event was read twice, or none"
    assert not stored(world), "no listing came to its end"
    world.run_pending()
    world.look_after()
    assert not world.changes.held, "an event was replayed again"


def test_what_events_ask_of_a_comparison_is_not_forgotten_before_it_is_made() -> None:
    filters = {"consensus_mark_gte": 0.5}
    world = World(exports={"best": {"format": "kili", "filters": filters}}, assets=ASSETS)
    world.kili.filtered = set(world.kili.assets) - {"as_001"}
    world.publish_everything()
    world.look_after()
    world.kili.filtered.add("as_001")
    world.clock.advance(60)
    world.kili.tell_past(
        "e1", world.clock.now(), "asset.workflow.step.consensus.activated", "as_001"
    )
    reports = [compared(world)]
    while reports[-1].unfinished:
        reports.append(compared(world))
    assert len(reports) > 2
    assert reports[-1].repaired.changed == 1, "the comparison was not thorough"
    cursor = world.state.cursor(PROJECT)
    assert cursor
    assert not cursor.thorough


def test_more_events_of_one_moment_than_can_be_read_are_passed_over(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.clock.advance(60)
    now = world.clock.now()
    for number in range(5):
        world.kili.tell_past(f"e{number}", now, "asset.updated", f"as_{number:03d}")
    registration = load_registration(world.objects, PROJECT)
    assert registration
    began = EventsCursor("", now.isoformat())
    world.clock.advance(60)
    past = replay_events(world.kili, registration, began, now=world.clock.now(), most=3)
    assert past.assets == {"as_000", "as_001", "as_002"}
    assert past.cursor == EventsCursor("", world.clock.now().isoformat(), thorough=True)
    assert "they are passed over" in caplog.text
