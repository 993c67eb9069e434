"""What a run takes on, and from which frozen inputs."""

import json

import pytest

from kili_export.archives.ended_exports import unregister_exports
from kili_export.changes.events.pending_changes import REBUILD, RECONCILE
from kili_export.core.bucket_layout import followed_key, registration_key
from kili_export.core.errors import ConflictError
from kili_export.registration.declaration import ProjectRegistration
from kili_export.registration.register_exports import unregister
from kili_export.registration.stored_registrations import load_registration
from kili_export.runs.messages import PlanAnswer, WorkItem
from kili_export.runs.plan import RunPlan
from kili_export.runs.tracked_exports import TrackedExports
from kili_export.steps.planning import plan_run
from kili_export.steps.planning.work_list import write_work_list
from kili_export.storage.object_store import ObjectStore
from tests.support.fakes import InMemoryObjects
from tests.support.kili_samples import job
from tests.support.protocol_world import PROJECT, World


@pytest.fixture
def world() -> World:
    world = World()
    world.publish_everything()
    return world


def modes(world: World, planned: PlanAnswer) -> dict[str, str]:
    return {export.name: export.mode for export in plan_of(world, planned).exports}


def plan_of(world: World, planned: PlanAnswer) -> RunPlan:
    assert planned.plan_key is not None
    return RunPlan.from_bytes(world.objects.stored[planned.plan_key][0])


def work(world: World, planned: PlanAnswer) -> list[tuple[str, bool]]:
    assert planned.work is not None
    lines = world.objects.stored[planned.work.key][0].splitlines()
    items = [WorkItem.model_validate_json(line) for line in lines]
    return [(item.asset_id, item.marked) for item in items]


def test_the_first_run_makes_every_export_of_every_asset() -> None:
    world = World()
    planned = world.begin(world.request_run(PROJECT))
    assert modes(world, planned) == {"raw": "rebuild", "yolo": "rebuild"}
    assert work(world, planned) == [(f"as_{number:03d}", False) for number in range(4)]
    assert plan_of(world, planned).listed_assets == 4


def test_an_increment_lists_nothing_but_what_changed(world: World) -> None:
    world.kili.listings.clear()
    world.submit("as_002", "second", left=0.3)
    planned = world.begin(world.pending()[0])
    assert modes(world, planned) == {"raw": "incremental", "yolo": "incremental"}
    assert work(world, planned) == [("as_002", True)]
    assert world.kili.listings == []


def test_nothing_to_do_is_said_and_the_check_done_with(world: World) -> None:
    assert world.begin(world.request_run(PROJECT)).status == "idle"
    assert world.changes.held == {}
    assert world.pending() == []


def test_options_of_one_export_rebuild_that_export_alone(world: World) -> None:
    world.register(raw="kili", yolo={"format": "yolo_v8", "layout": "merged"})
    planned = world.begin(world.request_run(PROJECT))
    assert modes(world, planned) == {"yolo": "rebuild"}


def test_with_changes_besides_the_other_exports_go_along_incrementally(world: World) -> None:
    world.register(raw="kili", yolo={"format": "yolo_v8", "layout": "merged"})
    world.submit("as_002", "second", left=0.3)
    planned = world.begin(world.request_run(PROJECT))
    assert modes(world, planned) == {"raw": "incremental", "yolo": "rebuild"}
    assert work(world, planned) == [
        ("as_002", True),
        *((f"as_{number:03d}", False) for number in (0, 1, 3)),
    ]


def test_a_changed_interface_rebuilds_every_export_although_nobody_told(world: World) -> None:
    world.kili.interface = {"CARS": job(["BIG", "SMALL", "TINY"])}
    world.submit("as_002", "second", left=0.3)
    assert modes(world, world.begin(world.pending()[0])) == {"raw": "rebuild", "yolo": "rebuild"}


def test_an_interface_that_changes_after_the_plan_does_not_reach_the_workers(world: World) -> None:
    world.submit("as_002", "second", left=0.3)
    planned = world.begin(world.pending()[0])
    world.kili.interface = {"CARS": job(["SMALL"])}
    world.register(raw="kili")
    answer = world.end(f"{PROJECT}-x", planned)
    assert {export.status for export in answer.exports} == {"committed"}
    classes = [entry.key for entry in world.manifest("yolo").classes]
    assert classes == ["BIG", "SMALL"]


def test_asked_for_every_export_is_made_again_and_keeps_its_date(world: World) -> None:
    dated = world.manifest("raw").dated
    world.clock.advance(86400)
    planned = world.begin(world.request_run(PROJECT, full=True))
    assert modes(world, planned) == {"raw": "rebuild", "yolo": "rebuild"}
    assert {export.dated for export in plan_of(world, planned).exports} == {dated}


def test_another_definition_gives_another_date(world: World) -> None:
    world.clock.advance(86400)
    world.register(raw={"format": "kili", "single_file": True})
    (export,) = plan_of(world, world.begin(world.request_run(PROJECT))).exports
    assert export.dated == world.clock.now().isoformat()


def test_changes_are_found_when_only_their_announcement_came(world: World) -> None:
    world.kili.label("as_003", "unheard", left=0.7)
    world.post(None, event="project.workflow.bulkAction.sendBackToQueue.started")
    planned = world.begin(world.pending()[0])
    assert work(world, planned) == [("as_003", True)]
    assert RECONCILE in world.changes.subjects(PROJECT), "cleared before anything was published"


def test_an_unregistered_project_is_left_alone(world: World) -> None:
    world.submit("as_002", "second", left=0.3)
    world.objects.delete([registration_key(PROJECT)])
    assert world.begin(world.pending()[0]).status == "idle"
    assert world.pending() == [], "it would start itself for ever"


def test_an_export_that_this_project_cannot_have_does_not_stop_the_others(world: World) -> None:
    world.register(raw="kili", yolo={"format": "yolo_v8", "export_type": "normal"})
    world.submit("as_002", "second", left=0.3)
    world.run_pending()
    assert world.changes.held == {}
    assert world.generations() == {"raw": 2, "yolo": 1}
    told = world.told("Export Failed")
    assert [one["export_name"] for one in told] == ["yolo"]
    world.submit("as_003", "third", left=0.3)
    world.run_pending()
    assert world.told("Export Failed") == told, "told with every run"


def test_an_export_that_missed_changes_is_made_again_when_it_comes_back(world: World) -> None:
    world.register(raw="kili")
    world.submit("as_002", "second", left=0.3)
    world.run_pending()
    # Its own manifest says nothing of what it missed: definition and assets look the same.
    world.register(raw="kili", yolo="yolo_v8")
    planned = world.begin(world.request_run(PROJECT))
    assert modes(world, planned) == {"yolo": "rebuild"}


def test_a_project_that_is_registered_again_is_made_again(world: World) -> None:
    unregister(world.objects, PROJECT)
    world.kili.label("as_002", "unheard", left=0.3)
    assert world.post("as_002", "unheard").accepted == 0
    world.register(raw="kili", yolo="yolo_v8")
    planned = world.begin(world.request_run(PROJECT))
    assert modes(world, planned) == {"raw": "rebuild", "yolo": "rebuild"}


def test_an_export_that_ends_while_a_run_is_planned_stays_ended(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The registration was read before, the manifest after."""
    world.submit("as_002", "second", left=0.3)
    real = load_registration

    def late(objects: ObjectStore, project_id: str) -> ProjectRegistration | None:
        found = real(objects, project_id)
        unregister_exports(objects, project_id, world.clock.now())
        return found

    monkeypatch.setattr(plan_run, "load_registration", late)
    with pytest.raises(ConflictError, match="registered otherwise meanwhile"):
        world.begin(world.pending()[0])
    assert world.manifest("raw").ended_at is not None


def test_an_export_that_is_declared_again_goes_on(world: World) -> None:
    unregister_exports(world.objects, PROJECT, world.clock.now())
    assert world.manifest("raw").ended_at is not None
    world.register(raw="kili", yolo="yolo_v8")
    world.request_run(PROJECT)
    world.run_pending()
    assert [world.manifest(name).ended_at for name in ("raw", "yolo")] == [None, None]


def test_an_export_is_not_followed_from_before_marks_are_cleared_without_it(world: World) -> None:
    world.register(raw="kili")
    world.submit("as_002", "second", left=0.3)
    world.begin(world.pending()[0])
    stored = world.objects.stored[followed_key(PROJECT)][0]
    assert TrackedExports.from_bytes(stored).names == {"raw"}


def test_a_failed_rebuild_rests_while_increments_go_on(world: World) -> None:
    name = world.request_run(PROJECT, full=True)
    world.fail(name, world.begin(name))
    world.submit("as_002", "second", left=0.3)
    assert REBUILD in world.changes.subjects(PROJECT)
    world.clock.time = world.changes.held[PROJECT, REBUILD].last_event_at
    planned = world.begin(world.request_run(PROJECT))
    assert modes(world, planned) == {"raw": "incremental", "yolo": "incremental"}


def test_payloads_hold_keys_and_names_only(world: World) -> None:
    for number in range(4):
        world.submit(f"as_{number:03d}", "second", left=0.3)
    planned = world.begin(world.pending()[-1])
    assert len(json.dumps(planned.model_dump(mode="json"))) < 1000


def test_a_long_work_list_is_written_in_pieces_and_read_as_one() -> None:
    objects = InMemoryObjects()
    ids = [f"as_{number:05d}" for number in range(500)]
    doubled = (WorkItem(asset_id=one) for one in [*ids, *ids])
    assert write_work_list(objects, "work.jsonl", doubled, piece=2000) == 500
    lines = objects.stored["work.jsonl"][0].splitlines()
    assert [WorkItem.model_validate_json(line).asset_id for line in lines] == ids
    assert list(objects.stored) == ["work.jsonl"], "pieces were left behind"
    written = [key for operation, key in objects.requests if operation == "put"]
    assert len(written) > 10, "the list was held in memory as a whole"


def test_a_run_is_told_which_media_the_archives_hold() -> None:
    world = World()
    world.register(raw={"format": "kili", "with_assets": True}, yolo="yolo_v8")
    world.publish_everything()
    fetched = sorted(world.kili.media)
    assert len(fetched) == len(world.kili.assets)
    world.submit("as_002", "second", left=0.3)
    name = world.pending()[0]
    planned = world.begin(name)
    assert planned.work is not None
    assert planned.work.batch_size <= 10
    [line] = world.objects.stored[planned.work.key][0].splitlines()
    assert WorkItem.model_validate_json(line).known_media.keys() == {"raw"}
    world.end(name, planned)
    assert sorted(world.kili.media) == fetched


def test_a_full_export_fetches_no_media_that_the_archive_holds() -> None:
    world = World()
    world.register(raw={"format": "kili", "with_assets": True})
    world.publish_everything()
    fetched = sorted(world.kili.media)
    world.run(world.request_run(PROJECT, full=True))
    assert world.manifest("raw").generation == 2
    assert sorted(world.kili.media) == fetched
