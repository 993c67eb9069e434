"""A full export of many assets takes turns with changes, and comes to the same archives."""

import pytest

from kili_export.changes.events.pending_changes import CHECK, REBUILD, RECONCILE, asset_subject
from kili_export.core.bucket_layout import registration_key, session_key
from kili_export.runs.messages import FinishAnswer
from tests.support.kili_samples import job
from tests.support.protocol_world import PROJECT, World
from tests.unit.steps.planning.sliced import (
    assert_all_is_published,
    followed,
    is_open,
    listings,
    members,
    modes,
    open_session,
    plan_of,
    position,
    run_slices,
    sliced,
    taken,
    with_new_export,
)


def test_what_fits_in_one_slice_is_made_in_one_run() -> None:
    world = World(assets=4, slice_assets=4)
    world.publish_everything()
    assert session_key(PROJECT) not in world.objects.stored
    assert world.generations() == {"raw": 1, "yolo": 1}


def test_each_run_converts_one_slice_and_the_last_one_publishes() -> None:
    world = sliced()
    world.request_run(PROJECT)
    for number in range(5):
        assert world.generations() == {}, "something was published before all was converted"
        world.kili.fetches.clear()
        name = world.pending()[0]
        planned = world.begin(name)
        mode = "rebuild" if number == 4 else "slice"
        assert modes(world, planned) == {"raw": mode, "yolo": mode}
        assert len(planned.exports) == (2 if number == 4 else 0)
        world.end(name, planned)
        assert world.kili.fetches == [(f"as_{2 * number:03d}", f"as_{2 * number + 1:03d}")]
    assert world.generations() == {"raw": 1, "yolo": 1}
    assert world.manifest("raw").counts.assets == 10
    assert world.kili.listings == [None], "the assets were listed more than once"
    assert_all_is_published(world)


def test_the_next_slice_begins_at_once_under_a_name_of_its_own() -> None:
    world = sliced()
    world.request_run(PROJECT)
    begun = world.clock.now()
    run_slices(world, 4)
    followers = list(world.workflow.started)[1:]
    assert len(set(followers)) == 4
    assert all("-r" in name for name in followers)
    world.run_pending()
    assert world.clock.now() == begun, "a slice waited for something"


def test_a_change_that_comes_meanwhile_is_published_before_the_next_slice() -> None:
    world = with_new_export()
    run_slices(world, 1)
    name = world.pending()[0]
    planned = world.begin(name)
    assert taken(world, planned) == 1
    world.submit("as_000", "second", left=0.3)
    world.end(name, planned)
    published = world.manifest("raw").generation

    name = world.pending()[0]
    planned = world.begin(name)
    assert taken(world, planned) is None
    assert modes(world, planned) == {"raw": "incremental", "yolo": "slice"}
    world.end(name, planned)
    assert world.manifest("raw").generation == published + 1
    assert asset_subject("as_000") not in world.changes.subjects(PROJECT)
    assert position(world) == 2, "the third slice was begun"
    world.run_pending()
    assert_all_is_published(world)


def test_changes_without_end_do_not_keep_the_slices_from_their_turn() -> None:
    world = with_new_export()
    turns = []
    for number in range(9):
        world.submit("as_000", f"label_{number}", left=0.2 + number / 100)
        name = next(name for name in world.pending() if "-r" in name or "-m" in name)
        planned = world.begin(name)
        turns.append(taken(world, planned))
        world.end(name, planned)
    assert turns == [None, 0, None, 1, None, 2, None, 3, None]
    world.run_pending()
    assert_all_is_published(world)


def test_a_change_after_its_slice_and_after_an_earlier_change_is_in_what_is_published() -> None:
    world = sliced()
    world.submit("as_000", "second", left=0.2)
    name = world.pending()[0]
    world.end(name, world.begin(name))
    assert world.changes.subjects(PROJECT) == {CHECK}, "the change was not done with"
    world.submit("as_000", "third", left=0.3)
    run_slices(world, 1)
    assert world.changes.subjects(PROJECT) == {CHECK}, "the change was not done with"
    world.run_pending()
    assert_all_is_published(world)


@pytest.mark.parametrize("converted_again", [False, True])
def test_of_several_results_for_an_asset_the_latest_counts(*, converted_again: bool) -> None:
    world = sliced()
    world.request_run(PROJECT)
    run_slices(world, 1)
    gone = world.kili.assets.pop("as_000")
    world.post("as_000", event="asset.deleted")
    world.kili.broken.add("as_001")
    world.post("as_001", "unreadable")
    run_slices(world, 1)
    if converted_again:
        world.kili.assets["as_000"] = gone
        world.kili.broken.clear()
        world.submit("as_000", "back", left=0.4)
        world.submit("as_001", "mended", left=0.5)
    world.run_pending()
    manifest = world.manifest("raw")
    assert manifest.counts.assets == (10 if converted_again else 8)
    quarantined = [entry.asset_id for entry in manifest.quarantined]
    assert quarantined == ([] if converted_again else ["as_001"])
    assert not [name for name in members(world, "raw") if not converted_again and "as_000" in name]


def test_an_asset_that_came_after_the_listing_is_in_what_is_published() -> None:
    world = sliced()
    world.request_run(PROJECT)
    run_slices(world, 2)
    world.submit("as_010", "first", left=0.3)
    world.run_pending()
    assert world.manifest("raw").counts.assets == 11
    assert_all_is_published(world)


def test_exports_are_followed_and_marks_of_the_project_cleared_when_all_is_published() -> None:
    world = sliced()
    world.publish_everything()
    assert followed(world) == {"raw", "yolo"}
    world.request_run(PROJECT, full=True)
    run_slices(world, 4)
    assert followed(world) == frozenset()
    assert world.changes.subjects(PROJECT) == {REBUILD, CHECK}
    run_slices(world, 1)
    assert followed(world) == {"raw", "yolo"}
    assert world.changes.held == {}


def test_marks_that_wait_for_the_last_slice_are_not_taken_for_tried() -> None:
    world = sliced()
    world.request_run(PROJECT, full=True)
    run_slices(world, 4)
    assert {mark.attempts for mark in world.changes.held.values()} == {0}
    assert {mark.retry_at for mark in world.changes.held.values()} == {None}


def test_a_slice_that_lost_a_batch_is_taken_again_after_a_rest() -> None:
    world = sliced()
    world.request_run(PROJECT)
    run_slices(world, 1)
    name = world.pending()[0]
    planned = world.begin(name)
    answer = world.finish_run(name, planned, world.convert(planned, lose=[0]), [])
    assert position(world) == 1
    assert answer.follow_up is not None
    assert "-f" in answer.follow_up, "it was tried again without a rest"
    assert taken(world, world.begin(answer.follow_up)) == 1


def test_a_change_in_a_batch_that_was_lost_stays_marked() -> None:
    world = sliced()
    world.submit("as_009", "second", left=0.3)
    name = world.pending()[0]
    planned = world.begin(name)
    world.finish_run(name, planned, world.convert(planned, lose=[0]), [])
    assert asset_subject("as_009") in world.changes.subjects(PROJECT)
    assert position(world) == 0
    world.run_pending()
    assert_all_is_published(world)


def test_a_change_that_another_export_could_not_publish_stays_marked() -> None:
    world = with_new_export()
    run_slices(world, 1)
    world.submit("as_000", "second", left=0.4)
    name = world.pending()[0]
    planned = world.begin(name)
    results = world.convert(planned)
    world.finish_run(name, planned, results, world.aggregate(planned, results, broken=["raw"]))
    assert asset_subject("as_000") in world.changes.subjects(PROJECT)
    assert taken(world, world.begin(world.pending()[0])) == 1, "it held up the slices"


@pytest.mark.parametrize("change", ["interface", "options"])
def test_what_changes_the_exports_begins_them_again(change: str) -> None:
    world = sliced()
    world.request_run(PROJECT)
    run_slices(world, 3)
    before = open_session(world).session_id
    if change == "interface":
        world.kili.interface = {"CARS": job(["BIG", "SMALL", "TINY"])}
    else:
        world.register(raw="kili", yolo={"format": "yolo_v8", "layout": "merged"})
    run_slices(world, 1)
    assert open_session(world).session_id != before
    assert position(world) == 1
    assert {key.split("/")[3] for key in listings(world)} == {open_session(world).session_id}
    world.run_pending()
    assert_all_is_published(world)


def test_another_export_to_be_made_again_begins_with_the_others() -> None:
    world = sliced(raw="kili")
    world.request_run(PROJECT)
    run_slices(world, 3)
    world.register(raw="kili", yolo="yolo_v8")
    run_slices(world, 1)
    assert open_session(world).names == {"raw", "yolo"}
    assert position(world) == 1
    world.run_pending()
    assert_all_is_published(world)


def test_a_project_that_is_not_registered_any_more_is_left_and_its_listing_deleted() -> None:
    world = sliced()
    world.request_run(PROJECT)
    run_slices(world, 3)
    world.objects.delete([registration_key(PROJECT)])
    world.run_pending()
    assert world.generations() == {}
    assert not is_open(world)
    assert listings(world) == []


def test_to_be_asked_for_again_makes_all_again_once_more_when_this_is_published() -> None:
    world = sliced()
    world.request_run(PROJECT, full=True)
    run_slices(world, 3)
    world.kili.label("as_000", "unheard", left=0.6)
    world.request_run(PROJECT, full=True)
    run_slices(world, 2)
    assert not is_open(world)
    assert world.generations() == {"raw": 1, "yolo": 1}
    assert REBUILD in world.changes.subjects(PROJECT)
    world.run_pending()
    assert world.generations() == {"raw": 2, "yolo": 2}
    assert_all_is_published(world)


def test_a_full_export_whose_mark_rests_after_a_failure_is_cleared_when_published() -> None:
    world = sliced()
    world.request_run(PROJECT, full=True)
    run_slices(world, 1)
    name = world.pending()[0]
    world.fail(name, world.begin(name))
    world.request_run(PROJECT)
    world.run_pending()
    assert world.changes.held == {}
    assert world.generations() == {"raw": 1, "yolo": 1}


def test_changes_without_a_name_are_found_in_what_was_converted_before_them() -> None:
    world = with_new_export()
    run_slices(world, 3)
    world.kili.label("as_000", "unheard", left=0.7)
    world.post(None, event="project.workflow.bulkAction.sendBackToQueue.started")
    compared = len(world.kili.listings)
    run_slices(world, 1)
    assert RECONCILE in world.changes.subjects(PROJECT)
    assert len(world.kili.listings) == compared + 1
    run_slices(world, 2)
    assert len(world.kili.listings) == compared + 1, "each run compared everything"
    world.run_pending()
    assert_all_is_published(world)


def test_changes_without_a_name_are_found_though_no_other_export_is_there_to_compare() -> None:
    world = sliced()
    world.request_run(PROJECT)
    run_slices(world, 3)
    world.kili.label("as_000", "unheard", left=0.7)
    world.post(None, event="project.workflow.bulkAction.sendBackToQueue.started")
    world.run_pending()
    assert_all_is_published(world)


def test_freshness_is_that_of_the_changes_not_of_the_slices() -> None:
    world = with_new_export()
    run_slices(world, 1)
    world.clock.advance(5000)
    world.submit("as_000", "second", left=0.3)
    world.clock.advance(7)
    ended = world.run(world.pending()[0])
    assert isinstance(ended, FinishAnswer)
    assert ended.freshness_seconds == 7


def test_allowed_removals_stay_allowed_until_the_last_slice() -> None:
    world = sliced()
    world.publish_everything()
    for number in range(5):
        del world.kili.assets[f"as_{number:03d}"]
    world.state.confirm(PROJECT, 5)
    world.request_run(PROJECT, full=True)
    world.run_pending()
    assert world.manifest("raw").counts.assets == 5
    assert world.state.confirmed(PROJECT) == 0
    assert_all_is_published(world)


def test_the_date_of_the_files_is_that_of_the_beginning() -> None:
    world = sliced()
    begun = world.clock.now().isoformat()
    name = world.request_run(PROJECT)
    planned = world.begin(name)
    world.end(name, planned)
    world.clock.advance(5000)
    planned = world.begin(world.pending()[0])
    assert {export.dated for export in plan_of(world, planned).exports} == {begun}


@pytest.mark.parametrize("name", ["rebuild", "rebuild-slices", "slices"])
def test_no_export_is_called_like_the_places_of_the_slices(name: str) -> None:
    world = sliced(**{name: "kili"})
    world.publish_everything()
    world.request_run(PROJECT, full=True)
    run_slices(world, 2)
    assert world.manifest(name).ledger.key in world.objects.stored
    world.run_pending()
    assert world.manifest(name).ledger.key in world.objects.stored
    assert_all_is_published(world)


def test_a_tracked_export_with_other_options_is_made_in_slices_once_more() -> None:
    """Nothing says so but its declaration: the closed session is asked for then."""
    world = sliced(raw="kili")
    world.publish_everything()
    world.register(raw={"format": "kili", "single_file": True})
    world.replace("as_000", "changed", 0.3)
    planned = world.begin(world.pending()[0])
    assert plan_of(world, planned).session is not None
    assert is_open(world)


def test_where_all_is_tracked_no_session_is_asked_for() -> None:
    world = sliced(raw="kili")
    world.publish_everything()
    world.replace("as_000", "changed", 0.3)
    before = len(world.objects.requests)
    world.run_pending()
    assert ("get", session_key(PROJECT)) not in world.objects.requests[before:]
    assert world.generations() == {"raw": 2}
