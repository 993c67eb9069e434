"""What a run converted in vain is not fetched again by the run after it."""

from collections.abc import Sequence

import pytest

from kili_export.archives.ledger.ledger_reader import iter_known_assets
from kili_export.core.bucket_layout import resumption_key
from tests.support.protocol_world import PROJECT, World


def fail_to_publish(world: World, broken: Sequence[str] = ("raw", "yolo")) -> None:
    """The next run converts everything, and these exports cannot be published."""
    name = world.pending()[0]
    planned = world.begin(name)
    results = world.convert(planned) if planned.work and planned.work.count else None
    world.finish_run(name, planned, results, world.aggregate(planned, results, broken))


def fetched(world: World) -> list[str]:
    return sorted(asset_id for batch in world.kili.fetches for asset_id in batch)


def assert_current(world: World) -> None:
    """Both exports hold what Kili holds, and nothing waits."""
    assert not world.changes.held
    truth = {one.asset_id: one.fingerprint for one in world.kili.assets.values()}
    for export in ("raw", "yolo"):
        assert dict(iter_known_assets(world.objects, world.manifest(export))) == truth


@pytest.fixture
def world() -> World:
    """A project whose two latest changes were converted and not published."""
    world = World()
    world.publish_everything()
    world.submit("as_001", "second", left=0.3)
    world.submit("as_002", "second", left=0.3)
    fail_to_publish(world)
    world.kili.fetches.clear()
    return world


def test_an_increment_goes_on_without_asking_kili(world: World) -> None:
    world.run_pending()
    assert fetched(world) == []
    assert_current(world)


def test_a_full_export_goes_on_without_asking_kili() -> None:
    world = World()
    world.request_run(PROJECT)
    fail_to_publish(world)
    assert len(fetched(world)) == 4
    world.run_pending()
    assert len(fetched(world)) == 4, "assets were fetched twice"
    assert_current(world)


def test_a_run_that_failed_as_a_whole_is_gone_on_with(world: World) -> None:
    name = world.pending()[0]
    planned = world.begin(name)
    world.fail(name, planned)
    world.clock.advance(3600)
    world.look_after(compare=False)
    world.run_pending()
    # It had converted nothing, and takes along what the one before it had.
    assert fetched(world) == []
    assert_current(world)


def test_what_changed_since_is_fetched_again(world: World) -> None:
    world.submit("as_001", "third", left=0.5)
    world.run_pending()
    assert fetched(world) == ["as_001"]
    assert_current(world)


def test_an_asset_that_is_gone_since_is_not_brought_back(world: World) -> None:
    del world.kili.assets["as_001"]
    world.post("as_001", event="asset.deleted")
    world.run_pending()
    assert fetched(world) == ["as_001"]
    assert_current(world)


def test_an_asset_that_vanished_from_the_listing_is_asked_for() -> None:
    world = World()
    world.request_run(PROJECT)
    fail_to_publish(world)
    del world.kili.assets["as_001"]
    world.run_pending()
    assert fetched(world).count("as_001") == 2
    assert_current(world)


def test_another_interface_converts_everything_again(world: World) -> None:
    world.kili.interface["CARS"]["content"]["categories"]["HUGE"] = {"name": "Huge"}
    world.run_pending()
    assert fetched(world) == [f"as_{number:03d}" for number in range(4)]
    assert_current(world)


def test_another_converter_converts_everything_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("kili_raw.kili", "yolo.yolo"):
        names = vars(__import__(f"kili_export.formats.{module}", fromlist=["x"]))
        for found in names.values():
            if isinstance(found, type) and "version" in vars(found):
                monkeypatch.setattr(found, "version", "another")
    world.run_pending()
    assert fetched(world) == [f"as_{number:03d}" for number in range(4)]
    assert_current(world)


def test_one_export_that_was_published_does_not_keep_the_other_from_going_on() -> None:
    world = World()
    world.publish_everything()
    world.submit("as_001", "second", left=0.3)
    fail_to_publish(world, broken=["yolo"])
    world.kili.fetches.clear()
    world.run_pending()
    assert fetched(world) == []
    assert_current(world)


def test_what_another_run_published_since_is_not_built_over(world: World) -> None:
    world.objects.put(
        f"exports/{PROJECT}/raw/manifest.json",
        world.manifest("raw").model_copy(update={"run_id": "another"}).to_bytes(),
    )
    world.run_pending()
    assert fetched(world) == ["as_001", "as_002"]
    assert_current(world)


def test_what_cannot_be_published_again_and_again_is_converted_again(world: World) -> None:
    for _ in range(2):
        fail_to_publish(world)
    assert fetched(world) == []
    world.clock.advance(7 * 3600)
    world.look_after(compare=False)
    world.run_pending()
    assert {"as_001", "as_002"} <= set(fetched(world)), "perhaps it is what was converted"
    assert_current(world)


@pytest.mark.parametrize("damage", ["record", "results"])
def test_what_cannot_be_read_any_more_is_converted_again(world: World, damage: str) -> None:
    if damage == "record":
        world.objects.put(resumption_key(PROJECT), b"{")
    else:
        world.objects.delete([key for key in world.objects.stored if "/results/" in key])
    world.run_pending()
    assert fetched(world) == ["as_001", "as_002"]
    assert_current(world)


def test_after_a_run_that_succeeded_nothing_is_left(world: World) -> None:
    world.run_pending()
    world.submit("as_001", "third", left=0.6)
    world.run_pending()
    assert fetched(world) == ["as_001"]
    assert_current(world)
