"""Runs deliver trees; what hinders a delivery hinders nothing else, and the sweep makes it good."""

from typing import Any

import pytest

from kili_export.archives.ended_exports import unregister_exports
from kili_export.archives.tree_state import TreeState, load_tree_state
from kili_export.core.bucket_layout import tree_prefix, tree_state_key
from kili_export.core.errors import AccessDenied
from tests.support.protocol_world import PROJECT, World

TREE = {"format": "yolo_v8", "deliver": {"tree": True}}
PREFIX = tree_prefix(PROJECT, "yolo")


@pytest.fixture(params=[False, True], ids=["steps", "small"])
def world(request: pytest.FixtureRequest) -> World:
    world = World(assets=6, exports={"raw": "kili"}, short=request.param)
    world.register(raw="kili", yolo=TREE)
    world.publish_everything()
    return world


def files_in(world: World) -> dict[str, bytes]:
    stored = world.objects.stored.items()
    return {key.removeprefix(PREFIX): data for key, (data, _) in stored if key.startswith(PREFIX)}


def state_in(world: World) -> TreeState:
    state, _ = load_tree_state(world.objects, PROJECT, "yolo")
    assert state is not None
    return state


def assert_holds(world: World) -> None:
    assert state_in(world).holds(world.manifest("yolo"))
    assert files_in(world) == world.files("yolo")


def lag_of(world: World) -> str | None:
    """What the status says of the tree."""
    raw, yolo = world.status().read(PROJECT).exports
    assert raw.tree_lag is None
    return yolo.tree_lag


def sweep(world: World) -> None:
    (report,) = world.look_after(compare=False).projects
    assert report.error is None, report.error


def test_each_run_delivers_what_it_published(world: World) -> None:
    assert_holds(world)
    assert not [key for key in world.objects.stored if key.startswith(tree_prefix(PROJECT, "raw"))]
    world.submit("as_001", "second", left=0.6)
    del world.kili.assets["as_002"]
    world.post("as_002", event="asset.deleted")
    world.run_pending()
    assert state_in(world).generation > 1
    assert_holds(world)


class _Failing:
    """A bucket that takes nothing in below the tree."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
        put = type(world.objects).put
        self.is_down = True

        def refuse(objects: Any, key: str, *more: Any, **options: Any) -> Any:
            if self.is_down and key.startswith(PREFIX):
                raise error
            return put(objects, key, *more, **options)

        monkeypatch.setattr(type(world.objects), "put", refuse)


@pytest.mark.parametrize("error", [AccessDenied("no"), OSError(28, "No space left on device")])
def test_a_tree_that_cannot_be_written_stops_no_run_and_is_tried_again(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    bucket = _Failing(world, monkeypatch, error)
    world.submit("as_001", "second", left=0.6)
    world.run_pending()
    assert world.generations() == {"raw": 2, "yolo": 2}
    assert world.changes.held == {}
    assert state_in(world).generation == 1
    assert state_in(world).status == "applying"
    # Who began may be at work yet: it is too early.
    sweep(world)
    assert world.pending() == []
    assert lag_of(world) is None
    world.clock.advance(16 * 60)
    assert lag_of(world) == "it holds generation 1 of 2"
    bucket.is_down = False
    sweep(world)
    world.run_pending()
    assert world.changes.held == {}
    assert_holds(world)
    assert lag_of(world) is None
    sweep(world)
    assert world.pending() == []


def test_a_tree_that_is_declared_later_is_delivered_without_any_change() -> None:
    world = World(assets=6, exports={"yolo": "yolo_v8"}, short=True)
    world.publish_everything()
    world.register(yolo=TREE)
    sweep(world)
    assert len(world.pending()) == 1
    world.run_pending()
    assert world.generations() == {"yolo": 1}
    assert_holds(world)
    sweep(world)
    assert world.pending() == []


def test_a_large_first_delivery_does_not_hold_up_the_other_exports_of_a_small_run() -> None:
    world = World(assets=6, exports={"raw": "kili"}, short=True, tree_files_at_once=2)
    world.register(yolo=TREE, raw="kili")
    world.request_run(PROJECT)
    (name,) = world.pending()
    planned = world.run_short(name)
    assert (planned.status, len(files_in(world))) == ("run", 2)
    world.end(name, planned)
    assert world.generations() == {"raw": 1, "yolo": 1}
    assert_holds(world)


def test_an_export_that_ended_leaves_a_tree_that_says_so(world: World) -> None:
    before = files_in(world)
    assert unregister_exports(world.objects, PROJECT, world.clock.now())
    assert state_in(world).ended_at == world.clock.now()
    assert files_in(world) == before
    world.register(raw="kili", yolo=TREE)
    world.request_run(PROJECT)
    world.run_pending()
    assert state_in(world).ended_at is None
    assert_holds(world)


def test_what_is_said_of_a_tree_and_is_damaged_is_reported(world: World) -> None:
    world.objects.put(tree_state_key(PROJECT, "yolo"), b"-")
    world.submit("as_001", "second", left=0.6)
    world.run_pending()
    assert world.generations()["yolo"] == 2
    world.kili.label("as_003", "unheard", left=0.6)
    (report,) = world.look_after().projects
    assert report.error is not None
    assert "Delete it" in report.error
    # It does not keep the project from anything else.
    assert report.repaired.changed == 1
    world.run_pending()
    assert world.generations()["yolo"] == 3


def test_retention_leaves_files_of_a_tree_alone(world: World) -> None:
    """Also one that is called as an archive is."""
    hostile = f"{PREFIX}archives/00000001-x.zip"
    world.objects.put(hostile, b"an asset's label file")
    world.clock.advance(100 * 24 * 3600)
    world.kili.label("as_003", "third", 0.5)
    for number in range(9):
        world.submit("as_003", f"l{number}", left=0.1 + number / 20)
        world.run_pending()
        world.clock.advance(30 * 3600)
    assert hostile in world.objects.stored
    assert files_in(world).keys() - {hostile.removeprefix(PREFIX)} == world.files("yolo").keys()


def test_an_export_ends_though_what_is_said_of_its_tree_is_damaged(world: World) -> None:
    world.objects.put(tree_state_key(PROJECT, "yolo"), b"-")
    lag = lag_of(world)
    assert lag is not None
    assert "cannot be read" in lag
    assert unregister_exports(world.objects, PROJECT, world.clock.now())
    assert world.manifest("raw").ended_at is not None
    assert world.manifest("yolo").ended_at is not None
    assert world.objects.stored[tree_state_key(PROJECT, "yolo")][0] == b"-"
