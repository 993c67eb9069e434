"""What consumers are told."""

import pytest

from kili_export.core.errors import Unavailable
from kili_export.runs.announcements import FAILED, PUBLISHED, ExportPublished
from kili_export.runs.messages import AggregateAnswer
from tests.support.kili_samples import job
from tests.support.protocol_world import BUCKET, PROJECT, World, arn


class Killed(Exception):
    """The process ended here."""


@pytest.fixture
def world() -> World:
    world = World()
    world.publish_everything()
    world.publisher.sent.clear()
    return world


def waited_for(world: World) -> float:
    """Seconds from now until the run of this moment's window looks for changes."""
    now, rules = world.clock.now(), world.rules.of_project(PROJECT)
    return (rules.ready_at(rules.window_at(now)) - now).total_seconds()


def test_each_published_export_is_told_with_where_it_is_and_how_fresh(world: World) -> None:
    whole_window = waited_for(world)
    world.submit("as_001", "second", left=0.4)
    world.run_pending()
    told = {one["export_name"]: ExportPublished(**one) for one in world.told(PUBLISHED)}
    assert set(told) == {"raw", "yolo"}
    event, manifest = told["raw"], world.manifest("raw")
    assert event.generation == manifest.generation == 2
    assert (event.bucket, event.archive_key) == (BUCKET, manifest.archive.key)
    assert event.delta_key == manifest.recent_deltas[-1].key
    assert (event.added, event.changed, event.removed) == (0, 1, 0)
    assert event.freshness_seconds == whole_window
    assert not event.classes_changed


def test_that_a_number_may_mean_another_class_is_told_once(world: World) -> None:
    world.kili.interface = {"CARS": job(["TINY", "BIG", "SMALL"])}
    world.submit("as_001", "second", left=0.3)
    world.run_pending()
    world.submit("as_001", "third", left=0.4)
    world.run_pending()
    told = [ExportPublished(**one) for one in world.told(PUBLISHED) if one["export_name"] == "yolo"]
    assert [(one.generation, one.classes_changed) for one in told] == [(2, True), (3, False)]
    assert world.manifest("yolo").classes_generation == 2


def test_what_did_not_change_is_not_told(world: World) -> None:
    world.post("as_001")
    world.run_pending()
    assert world.changes.held == {}
    assert world.publisher.sent == []


def test_of_a_run_only_the_failed_export_is_announced_as_failed(world: World) -> None:
    name = f"{PROJECT}-{world.submit('as_001', 'second', left=0.3).window}"
    planned = world.begin(name)
    results = world.convert(planned)
    world.finish_run(name, planned, results, world.aggregate(planned, results, broken=["yolo"]))
    assert [one["export_name"] for one in world.told(PUBLISHED)] == ["raw"]
    assert [(one["export_name"], one["error"]) for one in world.told(FAILED)] == [
        ("yolo", "Broken")
    ]


def test_a_bus_that_is_down_does_not_hold_up_the_project(world: World) -> None:
    def down() -> None:
        raise Unavailable("EventBridge did not take an event")

    name = f"{PROJECT}-{world.submit('as_001', 'second', left=0.3).window}"
    planned = world.begin(name)
    results = world.convert(planned)
    exports = world.aggregate(planned, results)
    world.publisher.interleaving.before("publish", down)
    with pytest.raises(Unavailable):
        world.finish_run(name, planned, results, exports)
    assert world.changes.held == {}
    assert world.state.leases[PROJECT].holder is None
    # The step is tried again, and tells.
    world.finish_run(name, planned, results, exports)
    assert {one["export_name"] for one in world.told(PUBLISHED)} == {"raw", "yolo"}


def test_an_export_whose_step_died_right_after_publishing_is_told_of(world: World) -> None:
    name = f"{PROJECT}-{world.submit('as_001', 'second', left=0.3).window}"
    planned = world.begin(name)
    results = world.convert(planned)
    raw, yolo = world.aggregate(planned, results)
    died = AggregateAnswer(export=yolo.export, status="failed", error="Runtime.ExitError")
    world.finish_run(name, planned, results, [raw, died])
    assert {one["export_name"] for one in world.told(PUBLISHED)} == {"raw", "yolo"}


@pytest.mark.parametrize("moment", ["clear", "publish", "release"])
def test_what_a_run_that_died_did_not_tell_the_sweep_has_told(world: World, moment: str) -> None:
    def die() -> None:
        raise Killed

    name = f"{PROJECT}-{world.replace('as_001', 'second', left=0.3).window}"
    planned = world.begin(name)
    results = world.convert(planned)
    exports = world.aggregate(planned, results)
    steps = {
        "clear": world.changes.interleaving,
        "publish": world.publisher.interleaving,
        "release": world.state.interleaving,
    }
    steps[moment].before(moment, die)
    with pytest.raises(Killed):
        world.finish_run(name, planned, results, exports)
    world.workflow.running.discard(arn(name))
    world.clock.advance(300)
    world.look_after(compare=False)
    world.run_pending()
    assert {one["export_name"] for one in world.told(PUBLISHED)} == {"raw", "yolo"}
    assert world.state.leases[PROJECT].is_settled
    world.publisher.sent.clear()
    world.clock.advance(300)
    world.look_after(compare=False)
    assert not world.pending(), "the sweep finds something to do again and again"


def test_what_a_bus_that_was_down_for_long_missed_is_told_later(world: World) -> None:
    def down() -> None:
        raise Unavailable("EventBridge did not take an event")

    name = f"{PROJECT}-{world.replace('as_001', 'second', left=0.3).window}"
    planned = world.begin(name)
    results = world.convert(planned)
    world.publisher.interleaving.before("publish", down)
    with pytest.raises(Unavailable):
        world.finish_run(name, planned, results, world.aggregate(planned, results))
    world.workflow.running.discard(arn(name))
    for _ in range(2):
        # The first run of the sweep finds the bus down, too.
        world.publisher.interleaving.before("publish", down)
        world.clock.advance(300)
        world.look_after(compare=False)
        world.run_pending()
    assert world.told(PUBLISHED) == []
    world.clock.advance(300)
    world.look_after(compare=False)
    world.run_pending()
    assert {one["export_name"] for one in world.told(PUBLISHED)} == {"raw", "yolo"}
    assert world.state.leases[PROJECT].is_settled


def test_the_answer_tells_what_dashboards_show(world: World) -> None:
    whole_window = waited_for(world)
    name = f"{PROJECT}-{world.submit('as_001', 'second', left=0.3).window}"
    planned = world.begin(name)
    answer = world.end(name, planned)
    assert (answer.cleared, answer.remaining, answer.converted) == (1, 0, 1)
    assert answer.freshness_seconds == whole_window


def test_a_run_that_leaves_a_generation_as_it_is_leaves_its_freshness(world: World) -> None:
    """One export has nothing of the change: its ledger changes, and no file."""
    world.register(raw="kili", yolo={"format": "yolo_v8", "label_type_in": ["REVIEW"]})
    world.request_run(PROJECT)
    world.run_pending()
    before = {name: world.manifest(name) for name in ("raw", "yolo")}
    world.clock.advance(3600)
    world.submit("as_001", "second", left=0.3)
    world.run_pending()
    assert world.manifest("raw").generation == before["raw"].generation + 1
    after = world.manifest("yolo")
    assert after.run_id != before["yolo"].run_id, "nothing was written of this export"
    assert (after.generation, after.first_event_at) == (
        before["yolo"].generation,
        before["yolo"].first_event_at,
    )
    for name in ("raw", "yolo"):
        manifest = world.manifest(name)
        assert manifest.first_event_at is not None
        assert manifest.first_event_at <= manifest.published_at
