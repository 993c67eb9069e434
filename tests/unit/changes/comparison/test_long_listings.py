"""A listing of all assets may take many invocations, and survives each of them."""

from dataclasses import dataclass, replace

import pytest

from kili_export.changes.comparison.resumable_listing import PendingListing, ProjectListing
from kili_export.core.bucket_layout import listing_key, listings_prefix
from kili_export.core.errors import ConflictError, Unavailable
from kili_export.costs.usage import Usage
from kili_export.runs.messages import PlanRequest
from kili_export.runs.plan import load_plan
from tests.support.protocol_world import PROJECT, World, arn
from tests.unit.steps.planning.sliced import ASSETS, assert_all_is_published, listings, sliced

KEY = listing_key(PROJECT)


class Killed(Exception):
    """A process was ended in the middle of something."""


@dataclass
class OnePage:
    """An invocation has time for one page."""

    def is_up(self) -> bool:
        return True


def die() -> None:
    raise Killed


def listing_names(world: World) -> list[str]:
    """Every asset that stored slices hold."""
    return [
        line
        for key in sorted(listings(world))
        if key != KEY
        for line in world.objects.stored[key][0].decode().splitlines()
    ]


@pytest.mark.parametrize("slices", [True, False])
def test_a_listing_that_outlasts_invocations_is_gone_on_with(slices: bool) -> None:
    world = sliced() if slices else World(assets=ASSETS)
    world.time_left = OnePage()
    world.request_run(PROJECT)
    world.run_pending()
    assert world.continued == 3
    assert world.kili.pages_from == [0, 3, 6, 9], "pages were read again, or not at all"
    assert sorted(one for some in world.kili.fetches for one in some) == sorted(world.kili.assets)
    world.time_left = None
    assert_all_is_published(world)


def test_slices_hold_what_was_exported_before_and_is_not_listed_now() -> None:
    world = sliced()
    world.request_run(PROJECT)
    world.run_pending()
    assert_all_is_published(world)
    world.kili.unlisted = {"as_000", "as_001", "as_004"}
    before = len(world.kili.fetches)
    world.request_run(PROJECT, full=True)
    world.run_pending()
    asked = {one for some in world.kili.fetches[before:] for one in some}
    assert asked == world.kili.assets.keys()
    assert_all_is_published(world)


class _OneEach:
    """A meter by which each invocation took a second."""

    def spent(self) -> Usage:
        return Usage(invocations=1, seconds=1)


def test_what_all_invocations_of_a_listing_used_is_counted() -> None:
    world = World(assets=ASSETS)
    world.time_left = OnePage()
    world.plan = replace(world.plan, meter=_OneEach())
    name = world.request_run(PROJECT)
    planned = world.begin(name)
    assert world.continued == 3
    assert planned.plan_key is not None
    spent = load_plan(world.objects, planned.plan_key).spent
    assert (spent.invocations, spent.seconds) == (4, 4)


def test_nothing_but_the_listing_is_left_between_invocations() -> None:
    world = World(assets=ASSETS)
    name = world.request_run(PROJECT)
    world.workflow.running.add(arn(name))
    planned = world.plan(PlanRequest(project_id=PROJECT, execution_arn=arn(name)), OnePage())
    assert (planned.status, planned.run_id, planned.work) == ("continue", None, None)
    assert listings(world) == [KEY]
    assert not [key for key in world.objects.stored if key.startswith("runs/")]


def test_a_listing_that_a_crash_interrupted_is_gone_on_with_by_the_next_run() -> None:
    world = sliced()
    name = world.request_run(PROJECT)
    for _ in range(2):
        world.kili.interleaving.before("page", lambda: None)
    world.kili.interleaving.before("page", die)
    with pytest.raises(Killed):
        world.begin(name)
    assert KEY in world.objects.stored
    world.workflow.running.discard(arn(name))
    world.clock.advance(600)
    world.look_after(compare=False)
    world.run_pending()
    assert world.kili.pages_from == [0, 6]
    assert_all_is_published(world)


def test_what_comes_and_goes_between_invocations_is_neither_missed_nor_published() -> None:
    world = sliced()
    world.time_left = OnePage()
    name = world.request_run(PROJECT)
    request = PlanRequest(project_id=PROJECT, execution_arn=arn(name))
    world.workflow.running.add(arn(name))
    assert world.plan(request, world.time_left).status == "continue"
    del world.kili.assets["as_001"]
    world.kili.label("as_050", "late")
    world.run_pending()
    fetched = {one for some in world.kili.fetches for one in some}
    assert "as_050" in fetched
    assert not any("as_001" in name for name in world.files("raw"))
    world.time_left = None
    assert_all_is_published(world)


def test_a_listing_from_before_another_full_export_is_not_used() -> None:
    world = sliced()
    stale = PendingListing(session_id="old", base="of another time", offset=9, seen=9)
    world.objects.put(KEY, stale.to_bytes())
    world.request_run(PROJECT)
    world.run_pending()
    assert world.kili.pages_from == [0]
    assert_all_is_published(world)


@pytest.mark.parametrize("stored", [b"", b"{}", b'{"session_id": 5}', b"\xff"])
def test_a_listing_that_cannot_be_read_is_started_again(stored: bytes) -> None:
    world = sliced()
    world.objects.put(KEY, stored)
    world.request_run(PROJECT)
    world.run_pending()
    assert world.kili.pages_from == [0]
    assert_all_is_published(world)


def test_a_listing_that_cannot_be_gone_on_with_is_forgotten() -> None:
    world = sliced()
    world.time_left = OnePage()
    name = world.request_run(PROJECT)
    request = PlanRequest(project_id=PROJECT, execution_arn=arn(name))
    world.workflow.running.add(arn(name))
    assert world.plan(request, world.time_left).status == "continue"

    def shifted() -> None:
        raise ConflictError("too many assets went away")

    world.kili.interleaving.before("page", shifted)
    with pytest.raises(Unavailable, match="starts again"):
        world.plan(request, world.time_left)
    assert KEY not in world.objects.stored
    world.time_left = None
    world.run_pending()
    assert world.kili.pages_from == [0, 3, 0]
    assert_all_is_published(world)


def test_who_is_taken_for_dead_cannot_go_on_with_what_another_took_over() -> None:
    world = sliced()
    dead = ProjectListing(world.objects, world.kili, PROJECT, 2)
    alive = replace(dead)

    def taken_over() -> None:
        assert alive.read("alive", base=None, time_left=OnePage()) is None

    world.kili.interleaving.before("page", lambda: None)
    world.kili.interleaving.before("page", taken_over)
    with pytest.raises(ConflictError):
        dead.read("dead", base=None, time_left=None)


def test_a_listing_holds_one_slice_and_names_each_asset_once() -> None:
    world = sliced()
    listing = ProjectListing(world.objects, world.kili, PROJECT, 2)
    for _ in range(3):
        assert listing.read("run", base=None, time_left=OnePage()) is None
        pending = PendingListing.from_bytes(world.objects.stored[KEY][0])
        assert len(pending.rest) <= 2
    found = listing.read("run", base=None, time_left=OnePage())
    assert found is not None
    assert (found.count, found.slices, found.items) == (ASSETS, ASSETS // 2, ())
    names = listing_names(world)
    assert len(names) == len(set(names)) == ASSETS
    assert all(key.startswith(listings_prefix(PROJECT)) for key in listings(world))
