"""Absence is not deletion: what vanishes at once waits for confirmation."""

import pytest

from kili_export.archives.ledger.ledger_reader import iter_known_assets
from kili_export.archives.removal_guard import SPAN
from kili_export.core.errors import InvalidConfiguration
from tests.support.kili_samples import job
from tests.support.protocol_world import PROJECT, World


@pytest.fixture
def world() -> World:
    world = World(assets=20)
    world.publish_everything()
    return world


def vanish(world: World, count: int, first: int = 0) -> list[str]:
    gone = [f"as_{number:03d}" for number in range(first, first + count)]
    for asset_id in gone:
        del world.kili.assets[asset_id]
        world.post(asset_id, event="asset.deleted")
    return gone


def test_a_deleted_asset_leaves_the_archives(world: World) -> None:
    vanish(world, 1)
    world.run_pending()
    assert world.changes.held == {}
    assert world.manifest("raw").counts.assets == 19


def test_a_deletion_that_is_not_true_removes_nothing(world: World) -> None:
    world.post("as_000", event="asset.deleted")
    world.run_pending()
    assert world.changes.held == {}
    assert world.manifest("raw").counts.assets == 20


def test_what_a_full_export_does_not_find_listed_is_asked_for(world: World) -> None:
    world.kili.unlisted = {"as_000", "as_019"}
    del world.kili.assets["as_005"]
    world.run(world.request_run(PROJECT, full=True))
    files = world.files("raw")
    assert world.manifest("raw").counts.assets == 19
    assert world.state.held(PROJECT) is None
    assert [name for name in files if "as_005" in name] == []
    assert all(any(one in name for name in files) for one in world.kili.unlisted)


def test_too_many_removals_wait_and_everything_else_is_published(world: World) -> None:
    vanish(world, 5)
    world.submit("as_019", "second", left=0.3)
    world.run(world.pending()[0])
    assert world.manifest("raw").counts.assets == 20
    assert world.generations() == {"raw": 2, "yolo": 2}
    held = world.state.held(PROJECT)
    assert held is not None
    assert held.count == 5
    assert held.exports == frozenset()
    assert len(world.changes.held) == 5, "the removals were forgotten"
    assert {told["error"] for told in world.told("Export Failed")} == {"RemovalsHeld"}


def test_a_full_export_of_another_export_makes_no_deletion_a_mass_deletion(world: World) -> None:
    world.register(raw="kili", yolo="yolo_v8", coco="coco")
    vanish(world, 1)
    world.publisher.sent.clear()
    world.request_run(PROJECT)
    world.run_pending()
    assert world.told("Export Failed") == [], "the deletion was held"
    assert world.state.held(PROJECT) is None
    assert {name: world.manifest(name).counts.assets for name in world.generations()} == {
        "raw": 19,
        "yolo": 19,
        "coco": 19,
    }


def test_what_a_changed_asset_has_no_result_for_counts_while_others_are_made(
    world: World,
) -> None:
    """The batches of the assets that changed fail, and so does the first one of all others."""
    world.register(raw="kili", yolo="yolo_v8", coco="coco")
    gone = vanish(world, 3)
    for number in range(3, 6):
        world.submit(f"as_{number:03d}", "second", left=0.3)
    name = world.pending()[0]
    planned = world.begin(name)
    results = world.convert(planned, lose=[1])
    answers = world.aggregate(planned, results)
    world.finish_run(name, planned, results, answers)
    assert {one.export: one.held_removals for one in answers if one.export != "coco"} == {
        "raw": len(gone),
        "yolo": len(gone),
    }


def test_waiting_removals_do_not_start_runs_for_ever(world: World) -> None:
    vanish(world, 5)
    world.run_pending()
    assert len(world.changes.held) == 5


def test_confirmed_removals_are_made_and_the_permission_ends(world: World) -> None:
    vanish(world, 5)
    world.run_pending()
    count, _ = world.confirm_removals(PROJECT)
    assert count == 5
    world.run_pending()
    assert world.changes.held == {}
    assert world.manifest("raw").counts.assets == 15
    assert world.manifest("yolo").counts.assets == 15
    assert world.state.held(PROJECT) is None
    assert world.state.confirmed(PROJECT) == 0, "the next mistake would pass unasked"


def test_a_permission_outlasts_a_run_that_kili_gave_no_answers_to(world: World) -> None:
    vanish(world, 5)
    world.run_pending()
    world.confirm_removals(PROJECT)
    name = world.pending()[0]
    planned = world.begin(name)
    results = world.convert(planned, lose=[0, 1])
    world.finish_run(name, planned, results, world.aggregate(planned, results))
    assert world.manifest("raw").counts.assets == 20
    assert world.state.confirmed(PROJECT) == 5, "the person would be asked again"
    world.run_pending()
    assert world.manifest("raw").counts.assets == 15
    assert world.state.confirmed(PROJECT) == 0


def test_nothing_can_be_confirmed_that_does_not_wait(world: World) -> None:
    with pytest.raises(InvalidConfiguration, match="no removals"):
        world.confirm_removals(PROJECT)


def test_a_rebuild_that_would_lose_too_much_is_held_and_increments_go_on(world: World) -> None:
    for number in range(5):
        del world.kili.assets[f"as_{number:03d}"]
    world.request_run(PROJECT, full=True)
    world.run_pending()
    assert world.generations() == {"raw": 1, "yolo": 1}
    held = world.state.held(PROJECT)
    assert held is not None
    assert held.exports == {"raw", "yolo"}
    assert world.changes.held == {}, "the rebuild would be tried with every run"
    # Another change: the held exports are not touched, and nothing is tried for ever.
    world.submit("as_019", "second", left=0.3)
    world.run_pending()
    assert world.generations() == {"raw": 1, "yolo": 1}
    world.confirm_removals(PROJECT)
    world.run_pending()
    assert world.manifest("raw").counts.assets == 15
    assert world.changes.held == {}
    assert world.state.held(PROJECT) is None
    assert [one.error for one in world.manifest("raw").quarantined] == []


def test_an_export_made_again_after_it_was_held_has_what_it_missed(world: World) -> None:
    for number in range(5):
        del world.kili.assets[f"as_{number:03d}"]
    world.request_run(PROJECT, full=True)
    world.run_pending()
    world.submit("as_019", "second", left=0.25)
    world.run_pending()
    world.confirm_removals(PROJECT)
    world.run_pending()
    known = dict(iter_known_assets(world.objects, world.manifest("raw")))
    assert known["as_019"] == "second:0.25"


def test_held_exports_go_on_when_what_vanished_is_there_again(world: World) -> None:
    lost = {f"as_{number:03d}": world.kili.assets.pop(f"as_{number:03d}") for number in range(5)}
    world.request_run(PROJECT, full=True)
    world.run_pending()
    world.look_after()
    assert world.state.held(PROJECT) is not None
    world.submit("as_019", "second", left=0.25)
    world.run_pending()
    world.kili.assets.update(lost)
    world.look_after()
    assert world.state.held(PROJECT) is None
    world.run_pending()
    known = dict(iter_known_assets(world.objects, world.manifest("raw")))
    assert len(known) == 20
    assert known["as_019"] == "second:0.25", "what it missed while it waited is missing"
    assert world.changes.held == {}


def test_a_deletion_over_several_runs_is_one_deletion(world: World) -> None:
    vanish(world, 3)
    world.run_pending()
    assert world.manifest("raw").counts.assets == 17
    vanish(world, 1, first=3)
    world.submit("as_019", "second", left=0.3)
    world.run_pending()
    assert world.manifest("raw").counts.assets == 17, "the fourth one went unasked"
    assert world.manifest("raw").generation == 3, "other changes wait for the answer as well"
    held = world.state.held(PROJECT)
    assert held is not None
    assert held.count == 1
    world.confirm_removals(PROJECT)
    world.run_pending()
    assert world.manifest("raw").counts.assets == 16
    assert world.state.held(PROJECT) is None
    vanish(world, 3, first=4)
    world.run_pending()
    assert world.manifest("raw").counts.assets == 13, "who confirmed has agreed to what went before"


def test_what_waits_because_of_what_went_lately_goes_a_day_later(world: World) -> None:
    vanish(world, 3)
    world.run_pending()
    vanish(world, 1, first=3)
    world.run_pending()
    world.look_after()
    world.run_pending()
    assert world.manifest("raw").counts.assets == 17
    world.clock.advance(SPAN.total_seconds())
    world.look_after()
    world.run_pending()
    assert world.manifest("raw").counts.assets == 16
    assert world.state.held(PROJECT) is None
    assert world.changes.held == {}


def test_a_batch_that_fails_does_not_split_a_deletion(world: World) -> None:
    vanish(world, 4)
    world.submit("as_019", "second", left=0.3)
    name = world.pending()[0]
    planned = world.begin(name)
    results = world.convert(planned, lose=[1])
    world.finish_run(name, planned, results, world.aggregate(planned, results))
    assert world.manifest("raw").counts.assets == 20, "three went, and the fourth would follow"
    world.clock.advance(3600)
    world.look_after(compare=False)
    world.run_pending()
    assert world.manifest("raw").counts.assets == 20
    assert world.manifest("raw").generation == 2, "what did not vanish was not published"
    held = world.state.held(PROJECT)
    assert held is not None
    assert held.count == 4


def test_a_few_removals_beside_a_failed_batch_go_with_the_next_run(world: World) -> None:
    vanish(world, 1)
    for number in range(10, 16):
        world.submit(f"as_{number:03d}", "second", left=0.3)
    name = world.pending()[0]
    planned = world.begin(name)
    results = world.convert(planned, lose=[1, 2])
    world.finish_run(name, planned, results, world.aggregate(planned, results))
    assert world.manifest("raw").counts.assets == 20
    world.clock.advance(3600)
    world.look_after(compare=False)
    world.run_pending()
    assert world.manifest("raw").counts.assets == 19
    assert world.state.held(PROJECT) is None, "a person is asked for nothing"
    assert world.changes.held == {}


def test_a_rebuild_counts_what_went_lately_and_a_comparison_does_not_forget_it(
    world: World,
) -> None:
    vanish(world, 3)
    world.run_pending()
    del world.kili.assets["as_003"]
    world.request_run(PROJECT, full=True)
    world.run_pending()
    world.look_after()
    held = world.state.held(PROJECT)
    assert held is not None, "the comparison took it for returned"
    assert held.count == 1
    assert held.exports == {"raw", "yolo"}
    world.run_pending()
    assert world.manifest("raw").counts.assets == 17
    world.clock.advance(SPAN.total_seconds())
    world.look_after()
    world.run_pending()
    assert world.manifest("raw").counts.assets == 16
    assert world.state.held(PROJECT) is None


def test_what_a_rebuild_removes_counts_afterwards(world: World) -> None:
    for number in range(3):
        del world.kili.assets[f"as_{number:03d}"]
    world.request_run(PROJECT, full=True)
    world.run_pending()
    assert world.manifest("raw").counts.assets == 17
    vanish(world, 1, first=3)
    world.run_pending()
    assert world.manifest("raw").counts.assets == 17
    assert world.state.held(PROJECT) is not None


def test_lost_access_removes_nothing(world: World) -> None:
    world.kili.visible = False
    report = world.look_after()
    assert report.projects[0].error is not None
    assert report.projects[0].error.startswith("AccessDenied")
    assert world.changes.held == {}


def test_a_full_export_in_which_everything_fails_takes_nothing_away(world: World) -> None:
    before = world.files("raw")
    world.kili.broken = set(world.kili.assets)
    world.request_run(PROJECT, full=True)
    world.run_pending()
    assert world.files("raw") == before
    assert len(world.manifest("raw").quarantined) == 20
    assert world.state.held(PROJECT) is None
    world.kili.broken.clear()
    world.look_after()
    world.run_pending()
    assert world.files("raw") == before
    assert world.manifest("raw").quarantined == ()


def test_assets_that_fail_under_another_definition_wait_for_a_word(world: World) -> None:
    before = world.files("raw")
    world.kili.broken = set(world.kili.assets)
    world.kili.interface = {"CARS": job(["BIG", "SMALL", "NEW"])}
    world.request_run(PROJECT)
    world.run_pending()
    assert world.files("raw") == before
    held = world.state.held(PROJECT)
    assert held is not None
    assert (held.count, held.failed, held.exports) == (20, 20, frozenset({"raw", "yolo"}))
    assert held.losses.summary() == "20 assets could not be exported any more"
    assert {told["error"] for told in world.told("Export Failed")} == {"RemovalsHeld"}
    world.confirm_removals(PROJECT)
    world.run_pending()
    assert world.state.held(PROJECT) is None
    assert world.manifest("raw").counts.exported == 0
    assert len(world.manifest("raw").quarantined) == 20


def test_what_failed_under_another_definition_is_tried_again_after_some_hours(
    world: World,
) -> None:
    world.kili.broken = set(world.kili.assets)
    world.kili.interface = {"CARS": job(["BIG", "SMALL", "NEW"])}
    world.request_run(PROJECT)
    world.run_pending()
    fetched = len(world.kili.fetches)
    world.kili.broken.clear()
    world.look_after()
    world.run_pending()
    assert len(world.kili.fetches) == fetched, "every comparison would fetch everything"
    world.clock.advance(6 * 3600)
    world.look_after()
    world.run_pending()
    assert world.state.held(PROJECT) is None
    assert world.manifest("raw").counts.exported == 20
    assert world.manifest("raw").generation == 2


@pytest.fixture
def selecting() -> World:
    shown = {"format": "kili", "filters": {"skipped": False}}
    world = World(assets=20, exports={"raw": "kili", "shown": shown})
    world.kili.filtered = set(world.kili.assets)
    world.publish_everything()
    return world


def test_a_selection_that_empties_at_once_waits_for_a_word(selecting: World) -> None:
    before = selecting.files("shown")
    selecting.kili.filtered = set()
    selecting.look_after()
    selecting.submit("as_019", "second", left=0.3)
    selecting.run_pending()
    assert selecting.files("shown") == before
    assert selecting.manifest("raw").generation == 2
    held = selecting.state.held(PROJECT)
    assert held is not None
    assert held.losses.summary() == "20 assets lost all that was exported of them"
    assert len(selecting.changes.held) == 20, "the exits were forgotten"
    selecting.confirm_removals(PROJECT)
    selecting.run_pending()
    assert selecting.manifest("shown").counts.exported == 0
    assert selecting.changes.held == {}
    assert selecting.state.held(PROJECT) is None


def test_a_selection_that_is_there_again_needs_no_word(selecting: World) -> None:
    selecting.kili.filtered = set()
    selecting.look_after()
    selecting.run_pending()
    selecting.kili.filtered = set(selecting.kili.assets)
    selecting.clock.advance(3600)
    selecting.look_after()
    selecting.run_pending()
    assert selecting.state.held(PROJECT) is None
    assert selecting.changes.held == {}
    assert selecting.manifest("shown").generation == 1


def test_exits_from_a_selection_count_for_a_day(selecting: World) -> None:
    for number in range(4):
        selecting.kili.filtered.discard(f"as_{number:03d}")
        selecting.look_after()
        selecting.run_pending()
    assert selecting.manifest("shown").counts.exported == 17
    assert selecting.state.held(PROJECT) is not None


def test_a_full_export_counts_exits_unless_other_filters_were_declared(selecting: World) -> None:
    before = selecting.files("shown")
    selecting.kili.filtered = set()
    selecting.request_run(PROJECT, full=True)
    selecting.run_pending()
    assert selecting.files("shown") == before
    held = selecting.state.held(PROJECT)
    assert held is not None
    assert (held.left, held.exports) == (20, frozenset({"shown"}))
    selecting.clock.advance(6 * 3600)
    selecting.look_after()
    selecting.register(raw="kili", shown={"format": "kili", "filters": {"skipped": True}})
    selecting.request_run(PROJECT)
    selecting.run_pending()
    assert selecting.manifest("shown").counts.exported == 0, "who declares it wants it"
    assert selecting.state.held(PROJECT) is None


def test_an_asset_that_enters_a_selection_again_is_found_by_any_comparison(
    selecting: World,
) -> None:
    before = selecting.files("shown")
    selecting.kili.filtered.discard("as_003")
    selecting.look_after()
    selecting.run_pending()
    assert selecting.manifest("shown").counts.exported == 19
    assert selecting.look_after().projects[0].repaired.changed == 0
    selecting.kili.filtered.add("as_003")
    assert selecting.look_after().projects[0].repaired.changed == 1
    selecting.run_pending()
    assert selecting.files("shown") == before
    assert selecting.look_after().projects[0].repaired.changed == 0


def unlabel(world: World, count: int) -> list[str]:
    """Somebody deletes the labels of assets, which stay."""
    emptied = [f"as_{number:03d}" for number in range(count)]
    for asset_id in emptied:
        world.kili.unlabel(asset_id)
        world.post(asset_id, event="asset.updated")
    return emptied


def test_a_mass_loss_of_labels_waits_for_confirmation_in_every_export(world: World) -> None:
    before = {name: world.files(name) for name in world.generations()}
    unlabel(world, 15)
    world.run_pending()
    assert {name: world.files(name) for name in world.generations()} == before
    held = world.state.held(PROJECT)
    assert held is not None
    assert (held.count, held.left) == (15, 15)
    assert held.losses.summary() == "15 assets lost all that was exported of them"
    assert len(world.changes.held) == 15, "the loss was forgotten"
    world.confirm_removals(PROJECT)
    world.run_pending()
    assert {world.manifest(name).counts.exported for name in world.generations()} == {5}
    assert {world.manifest(name).counts.assets for name in world.generations()} == {20}
    assert world.changes.held == {}
    assert world.state.held(PROJECT) is None


def test_a_few_assets_may_lose_their_labels_and_they_count_for_a_day(world: World) -> None:
    unlabel(world, 3)
    world.run_pending()
    assert world.manifest("yolo").counts.exported == 17
    assert world.state.held(PROJECT) is None
    vanish(world, 1, first=10)
    world.run_pending()
    assert world.manifest("yolo").counts.assets == 20
    assert world.state.held(PROJECT) is not None


def test_labels_that_are_there_again_need_no_confirmation(world: World) -> None:
    for asset_id in unlabel(world, 15):
        world.kili.label(asset_id, f"{asset_id} again", 0.4)
        world.post(asset_id, event="asset.updated")
    world.run_pending()
    assert world.state.held(PROJECT) is None
    assert world.manifest("yolo").counts.exported == 20


def test_a_full_export_that_finds_most_labels_gone_waits_too(world: World) -> None:
    before = {name: world.files(name) for name in world.generations()}
    for number in range(15):
        world.kili.unlabel(f"as_{number:03d}")
    world.request_run(PROJECT, full=True)
    world.run_pending()
    assert {name: world.files(name) for name in world.generations()} == before
    held = world.state.held(PROJECT)
    assert held is not None
    assert (held.left, held.exports) == (15, frozenset({"raw", "yolo"}))
    world.confirm_removals(PROJECT)
    world.run_pending()
    assert {world.manifest(name).counts.exported for name in world.generations()} == {5}
