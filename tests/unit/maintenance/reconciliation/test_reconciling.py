"""What no event told of is found, and what a crash prevented is started."""

from dataclasses import replace
from datetime import timedelta

import pytest

from kili_export.changes.events.pending_changes import CHECK, REBUILD
from kili_export.core.bucket_layout import registration_key
from kili_export.core.clock import TimeLeft
from kili_export.core.errors import Unavailable
from kili_export.maintenance.reconciliation.messages import ReconcileRequest, Repaired, Waiting
from kili_export.registration.parse_registration import parse_registration
from tests.support.kili_samples import job
from tests.support.protocol_world import PROJECT, World, arn


@pytest.fixture
def world() -> World:
    world = World(assets=6)
    world.publish_everything()
    world.look_after()
    return world


def repaired(world: World) -> Repaired:
    (report,) = world.look_after().projects
    assert report.error is None, report.error
    return report.repaired


def test_when_kili_and_the_exports_agree_nothing_is_marked(world: World) -> None:
    assert repaired(world) == Repaired()
    assert world.changes.held == {}
    assert world.pending() == []


def test_a_missed_label_a_new_asset_and_a_vanished_one_are_found(world: World) -> None:
    world.kili.label("as_001", "unheard", left=0.6)
    world.kili.label("as_050", "unheard", left=0.6)
    del world.kili.assets["as_002"]
    assert repaired(world) == Repaired(changed=1, unknown=1, vanished=1)
    world.run_pending()
    assert world.changes.held == {}
    assert world.manifest("raw").counts.assets == 6
    assert repaired(world) == Repaired()


def test_a_vanished_asset_is_removed_only_when_kili_confirms_it(world: World) -> None:
    lost = world.kili.assets.pop("as_002")
    world.look_after()
    world.kili.assets["as_002"] = lost
    world.run_pending()
    assert world.manifest("raw").counts.assets == 6


def test_quarantined_assets_are_tried_again(world: World) -> None:
    world.kili.broken.add("as_001")
    world.submit("as_001", "second", left=0.6)
    world.run_pending()
    assert len(world.manifest("raw").quarantined) == 1
    world.kili.broken.clear()
    assert repaired(world).quarantined == 1
    world.run_pending()
    assert world.manifest("raw").quarantined == ()


def test_a_changed_interface_is_found(world: World) -> None:
    world.kili.interface = {"CARS": job(["SMALL", "BIG"])}
    assert repaired(world).rebuilds == 2
    assert world.changes.subjects(PROJECT) == {CHECK}
    world.run_pending()
    assert [entry.key for entry in world.manifest("yolo").classes] == ["SMALL", "BIG"]


def test_a_registration_whose_run_never_started_is_found(world: World) -> None:
    world.register(raw="kili", yolo="yolo_v8", coco="coco")
    assert repaired(world).rebuilds == 1
    world.run_pending()
    assert world.generations()["coco"] == 1


def test_when_most_assets_differ_one_mark_is_made_and_not_thousands() -> None:
    world = World(exports={"raw": "kili"}, assets=1500)
    world.publish_everything()
    for asset_id in list(world.kili.assets):
        world.kili.label(asset_id, "unheard", left=0.6)
    world.look_after()
    assert world.changes.subjects(PROJECT) == {REBUILD}


def test_attempts_that_were_counted_do_not_begin_again(world: World) -> None:
    world.kili.label("as_001", "unheard", left=0.6)
    world.look_after()
    name = world.pending()[0]
    world.fail(name, world.begin(name))
    world.look_after()
    assert world.changes.held[PROJECT, "asset#as_001"].attempts == 1


def test_an_updated_file_is_taken_from_the_list_of_past_events(world: World) -> None:
    # A changed file shows in no field that a listing could be compared by.
    world.clock.advance(60)
    world.kili.tell_past("e1", world.clock.now(), "asset.updated", "as_001")
    assert repaired(world).missed_events == 1
    assert world.changes.subjects(PROJECT) == {"asset#as_001"}
    world.run_pending()
    assert repaired(world).missed_events == 0, "the same event was replayed twice"


def test_past_events_that_a_listing_shows_cost_nothing(world: World) -> None:
    world.clock.advance(60)
    world.kili.tell_past("e1", world.clock.now(), "label.workflow.edited", "as_001")
    assert repaired(world) == Repaired()


def test_an_asset_that_left_a_servers_selection_is_found() -> None:
    filters = {"consensus_mark_gte": 0.5}
    world = World(exports={"best": {"format": "kili", "filters": filters}})
    world.kili.filtered = set(world.kili.assets)
    world.publish_everything()
    world.kili.filtered.discard("as_001")
    assert repaired(world).changed == 1
    world.run_pending()
    assert world.manifest("best").counts.exported == 3


def test_one_listing_for_each_distinct_filter() -> None:
    world = World(
        exports={
            "a": {"format": "kili", "filters": {"consensus_mark_gte": 0.5}},
            "b": {"format": "yolo_v8", "filters": {"consensus_mark_gte": 0.5}},
            "c": {"format": "coco", "filters": {"honeypot_mark_gte": 0.5}},
            "d": "kili",
        }
    )
    world.kili.filtered = set(world.kili.assets)
    world.publish_everything()
    world.kili.listings.clear()
    world.look_after()
    assert len(world.kili.listings) == 3, "all assets once, and ids once for each filter"
    assert world.kili.listings.count(None) == 1


def test_the_sweep_starts_what_a_crash_prevented(world: World) -> None:
    world.marks.mark(PROJECT, "asset#as_001")
    world.clock.advance(60 + 10 + 60 + 31)
    (report,) = world.look_after(compare=False).projects
    assert report.started is not None
    world.run_pending()
    assert world.changes.held == {}


def test_the_sweep_leaves_alone_what_has_its_run_still_to_come(world: World) -> None:
    world.marks.mark(PROJECT, "asset#as_001")
    (report,) = world.look_after(compare=False).projects
    assert report.started is None


def test_the_sweep_waits_for_a_holder_that_runs_and_not_for_one_that_died(world: World) -> None:
    world.submit("as_001", "second", left=0.6)
    name = world.pending()[0]
    world.begin(name)
    world.clock.advance(3600)
    assert world.look_after(compare=False).projects[0].started is None
    world.workflow.running.discard(arn(name))
    assert world.look_after(compare=False).projects[0].started is not None
    world.run_pending()
    assert world.changes.held == {}


def test_the_sweep_heeds_how_long_marks_rest(world: World) -> None:
    world.submit("as_001", "second", left=0.6)
    name = world.pending()[0]
    world.fail(name, world.begin(name))
    for number in range(8):
        again = world.reconcile.follow_up.starter.at_once(PROJECT, f"again{number}")
        assert again is not None
        world.fail(again, world.begin(again))
    world.clock.advance(120)
    assert world.look_after(compare=False).projects[0].started is None
    world.clock.advance(timedelta(hours=6).total_seconds())
    assert world.look_after(compare=False).projects[0].started is not None


def test_trouble_in_one_project_does_not_stop_the_others(world: World) -> None:
    world.objects.put("registrations/broken.json", b"{}")
    world.kili.label("as_001", "unheard", left=0.6)
    reports = {report.project_id: report for report in world.look_after().projects}
    assert (reports["broken"].error or "").startswith("IntegrityError")
    assert reports[PROJECT].repaired.changed == 1


@pytest.mark.parametrize("broken", ["repair", "after"])
def test_an_unexpected_error_in_one_project_stops_no_other(world: World, broken: str) -> None:
    for project_id in ("project2", "project3"):
        registration = {"project_id": project_id, "exports": [{"format": "kili"}]}
        world.objects.put(registration_key(project_id), parse_registration(registration).to_bytes())
    seen: list[str] = []

    def repair(project_id: str, _time_left: TimeLeft | None) -> Repaired:
        seen.append(project_id)
        if len(seen) == 1 and broken == "repair":
            raise KeyError("a label of somebody")
        return Repaired(changed=1)

    def start_nothing() -> None:
        raise Unavailable("the workflow does not answer")

    if broken == "after":
        world.workflow.interleaving.before("start", start_nothing)
    answer = replace(world.reconcile, repair=repair)(ReconcileRequest())
    assert sorted(seen) == [PROJECT, "project2", "project3"]
    [error] = [project.error for project in answer.projects if project.error]
    assert "somebody" not in error
    if broken == "repair":
        assert error.startswith("KeyError, unexpected, at reconcile.py:")
    else:
        assert error == "Unavailable: the workflow does not answer"


def test_a_batch_that_is_lost_in_every_run_is_seen(world: World) -> None:
    world.submit("as_001", "second", left=0.6)
    for _ in range(4):
        world.clock.advance(6 * 3600)
        world.look_after(compare=False)
        name = world.pending()[0]
        planned = world.begin(name)
        results = world.convert(planned, lose=[0])
        answer = world.finish_run(name, planned, results, world.aggregate(planned, results))
        assert (answer.unanswered, answer.cleared) == (1, 0)
    (report,) = world.look_after(compare=False).projects
    assert report.waiting.seconds >= 4 * 6 * 3600
    world.run_pending()
    assert world.look_after(compare=False).projects[0].waiting == Waiting()


def test_what_waits_for_a_person_is_seen_with_every_sweep(world: World) -> None:
    for number in range(4):
        del world.kili.assets[f"as_{number:03d}"]
        world.post(f"as_{number:03d}", event="asset.deleted")
    world.run_pending()
    (report,) = world.look_after(compare=False).projects
    assert report.waiting.removals == 4
    assert report.waiting.left_out == 0


def test_an_export_that_cannot_be_made_is_seen_with_every_sweep(world: World) -> None:
    world.register(raw="kili", yolo={"format": "yolo_v8", "export_type": "normal"})
    world.submit("as_002", "second", left=0.3)
    world.run_pending()
    (report,) = world.look_after(compare=False).projects
    assert report.waiting == Waiting(left_out=1)
