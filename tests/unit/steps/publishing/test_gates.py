"""Gates in whole runs: snapshots that name themselves, and a copy that is held back and let out."""

from dataclasses import replace
from typing import Any

import pytest

from kili_export.archives.automatic_snapshots import remove_oldest
from kili_export.archives.release_latest import release_latest
from kili_export.archives.snapshots import iter_snapshots
from kili_export.core.bucket_layout import latest_key, manifest_key
from kili_export.core.errors import InvalidConfiguration
from kili_export.reading.take_snapshot import delete_snapshot, take_snapshot
from kili_export.storage.object_store import StoredObject
from tests.support.fakes import InMemoryObjects
from tests.support.kili_samples import job
from tests.support.protocol_world import PROJECT, World

HOUR = 3600


def world_with(assets: int = 4, **publish: Any) -> World:
    """A project whose export `yolo` has gates, and `raw` none. Its assets are to be reviewed."""
    world = World(
        assets=assets, exports={"yolo": {"format": "yolo_v8", "publish": publish}, "raw": "kili"}
    )
    for asset_id in world.kili.assets:
        status(world, asset_id, "LABELED")
    return world


def status(world: World, asset_id: str, value: str) -> None:
    """Kili gives an asset another status, and tells nobody."""
    found = world.kili.assets[asset_id]
    world.kili.assets[asset_id] = replace(
        found,
        fields={**found.fields, "status": value},
        fingerprint=f"{found.fingerprint.partition(' ')[0]} {value}",
    )


def review(world: World, *numbers: int) -> None:
    """Somebody reviews assets; an event says so."""
    for number in numbers:
        status(world, f"as_{number:03d}", "REVIEWED")
        world.post(f"as_{number:03d}", event="asset.updated")


def change(world: World, number: int, left: float) -> None:
    """A label changes, and what tells of it names none. The asset's status stays."""
    asset_id = f"as_{number:03d}"
    value = world.kili.assets[asset_id].fields["status"]
    world.replace(asset_id, f"of_{left}", left)
    status(world, asset_id, value)


def snapshots(world: World) -> dict[str, int]:
    found = iter_snapshots(world.objects, PROJECT, "yolo")
    return {name: manifest.generation for name, manifest in found}


def copied(world: World) -> int | None:
    """The generation that `latest.zip` holds: as its metadata say, and byte for byte."""
    found = world.objects.stored.get(latest_key(PROJECT, "yolo"))
    if found is None:
        return None
    same = [
        int(stored.key.rpartition("/")[2].partition("-")[0])
        for stored in (one for _, one in world.objects.stored.values())
        if "/yolo/archives/" in stored.key and world.objects.stored[stored.key][0] == found[0]
    ]
    generation = int(found[1].metadata["generation"])
    assert generation in same
    return generation


def later(world: World, hours: float) -> None:
    """Time passes, and the schedule compares the project with Kili."""
    world.clock.advance(hours * HOUR)
    world.look_after()
    world.run_pending()


def test_every_second_change_names_a_snapshot_and_the_oldest_of_them_go() -> None:
    world = world_with(snapshot_when={"changed": 2, "keep": 2})
    world.publish_everything()
    [first] = snapshots(world)
    assert first.endswith("Z-g1")
    take_snapshot(world.objects, PROJECT, "yolo", "mine")
    for number in range(1, 7):
        change(world, 0, 0.1 + number / 100)
        world.run_pending()
    assert list(snapshots(world).values()) == [5, 7, 1]
    assert "mine" in snapshots(world)
    assert first not in snapshots(world)


def test_a_name_that_only_looks_like_an_automatic_one_stays() -> None:
    world = world_with(snapshot_when={"changed": 1, "keep": 1})
    world.publish_everything()
    with pytest.raises(InvalidConfiguration, match="exports give themselves"):
        take_snapshot(world.objects, PROJECT, "yolo", "auto-2020-01-01T0000Z-g1")
    # Of a version that had no gates.
    key = manifest_key(PROJECT, "yolo").replace(
        "manifest.json", "snapshots/auto-2020-01-01T0000Z-g0.json"
    )
    world.objects.put(key, world.objects.stored[manifest_key(PROJECT, "yolo")][0])
    change(world, 0, 0.2)
    world.run_pending()
    assert sorted(snapshots(world).values()) == [1, 2]
    world.objects.put(key, b"[]")
    remove_oldest(world.objects, world.manifest("yolo"), 1)
    assert key in world.objects.stored, "what cannot be read stays"


def test_a_quiet_project_gets_the_snapshot_of_the_day() -> None:
    world = world_with(snapshot_when={"every": "day"})
    world.publish_everything()
    assert snapshots(world) == {}
    later(world, 11)
    assert snapshots(world) == {}
    later(world, 2)
    [(name, generation)] = snapshots(world).items()
    assert (name.startswith("auto-2026-03-02T12"), generation) == (True, 1)
    before = world.manifest("yolo")
    later(world, 24)
    assert world.manifest("yolo") == before, "nothing changed, so nothing is due"


def test_the_last_review_names_a_snapshot() -> None:
    world = world_with(snapshot_when={"reviewed": "all"})
    world.publish_everything()
    review(world, 0, 1, 2)
    world.run_pending()
    assert snapshots(world) == {}
    assert world.manifest("yolo").review is not None
    status(world, "as_003", "REVIEWED")
    later(world, 1)
    assert list(snapshots(world).values()) == [1], "no event came, the comparison found it"


class Killed(BaseException):
    """The process ends here."""


class KilledBeforeSnapshots(InMemoryObjects):
    """A bucket whose caller dies before it writes a snapshot."""

    def put(self, key: str, data: bytes, **more: Any) -> StoredObject:
        if "/snapshots/" in key:
            raise Killed
        return InMemoryObjects.put(self, key, data, **more)


class KilledAtWriting(InMemoryObjects):
    """A bucket whose caller dies at its n-th request that changes something."""

    left = 0

    def _note(self, operation: str, key: str) -> None:
        if operation in {"put", "compose", "delete"}:
            self.left -= 1
            if self.left < 0:
                raise Killed
        InMemoryObjects._note(self, operation, key)


@pytest.mark.parametrize("is_retried", [True, False])
@pytest.mark.parametrize("short", [True, False])
def test_a_crash_at_any_request_gives_the_same_snapshots_and_the_same_copy(
    is_retried: bool, short: bool
) -> None:
    """`is_retried`: the step is called again; else a later run goes on."""
    rules: dict[str, Any] = {
        "snapshot_when": {"changed": 1, "keep": 2},
        "hold_latest_while": {"classes_change": {"for_hours": 1}},
    }
    killed = True
    writings = 0
    while killed:
        world = world_with(**rules)
        world.short = short
        world.publish_everything()
        change(world, 0, 0.2)
        world.run_pending()
        world.kili.interface = {"CARS": job(["BIG", "SMALL", "TINY"])}
        change(world, 0, 0.3)
        [name] = world.pending()
        planned = world.begin(name)
        results = world.convert(planned)
        whole = world.objects
        world.objects = KilledAtWriting(stored=whole.stored)
        world.objects.left = writings
        try:
            world.aggregate(planned, results)
            killed = False
        except Killed:
            killed = True
        world.objects = whole
        if is_retried:
            world.finish_run(name, planned, results, world.aggregate(planned, results))
        else:
            world.fail(name, planned)
        later(world, 0.5)
        manifest = world.manifest("yolo")
        assert (manifest.generation, copied(world)) == (3, 2), writings
        # Who dies before it removes the oldest leaves that to the next one.
        assert sorted(snapshots(world).values())[-2:] == [2, 3], writings
        assert manifest.snapshots is not None
        assert manifest.snapshots.name in snapshots(world)
        later(world, 2)
        assert copied(world) == 3, writings
        change(world, 0, 0.4)
        world.run_pending()
        assert sorted(snapshots(world).values()) == [3, 4], writings
        writings += 1
    assert writings > 8


@pytest.mark.parametrize("has_changes", [False, True])
def test_a_crash_right_after_the_commit_loses_no_snapshot(has_changes: bool) -> None:
    """Neither where the next run has nothing to do, nor where it replaces the generation."""
    world = world_with(snapshot_when={"changed": 1})
    world.publish_everything()
    change(world, 0, 0.2)
    [name] = world.pending()
    planned = world.begin(name)
    results = world.convert(planned)
    whole, world.objects = world.objects, KilledBeforeSnapshots(stored=world.objects.stored)
    with pytest.raises(Killed):
        world.aggregate(planned, results)
    world.objects = whole
    world.fail(name, planned)
    published = world.manifest("yolo")
    assert (published.generation, list(snapshots(world).values())) == (2, [1])
    if has_changes:
        change(world, 0, 0.3)
    later(world, 7)
    assert published.snapshots is not None
    assert snapshots(world)[published.snapshots.name or ""] == 2
    assert len(snapshots(world)) == 2 + has_changes


def test_what_is_reviewed_is_counted_by_every_run_alike() -> None:
    world = world_with(snapshot_when={"reviewed": "all"})
    world.publish_everything()
    review(world, 0, 1)
    world.run_pending()
    status(world, "as_001", "LABELED")
    world.post("as_001", event="asset.updated")
    del world.kili.assets["as_003"]
    world.post("as_003", event="asset.deleted")
    world.run_pending()
    counted = world.manifest("yolo").review
    assert counted is not None
    assert (counted.reviewed, counted.assets) == (1, 3)
    world.request_run(PROJECT, full=True)
    world.run_pending()
    assert world.manifest("yolo").review == counted
    assert world.manifest("raw").review is None


def test_assets_that_the_export_does_not_ask_for_do_not_count() -> None:
    world = World(
        exports={
            "yolo": {
                "format": "yolo_v8",
                "asset_ids": ["as_000", "as_001"],
                "publish": {"hold_latest_while": {"reviewed_below": 1}},
            }
        }
    )
    world.publish_everything()
    counted = world.manifest("yolo").review
    assert counted is not None
    assert counted.assets == 2


def test_a_copy_is_held_while_too_few_are_reviewed_and_deltas_go_on() -> None:
    world = world_with(hold_latest_while={"reviewed_below": 0.5})
    world.publish_everything()
    assert copied(world) is None
    change(world, 0, 0.2)
    world.run_pending()
    held = world.manifest("yolo")
    assert held.latest is not None
    assert (held.latest.held, held.latest.generation) == (("reviewed_below",), None)
    assert (held.generation, len(held.recent_deltas), copied(world)) == (2, 1, None)
    [*_, event] = [one for one in world.told("Export Published") if one["export_name"] == "yolo"]
    assert event["latest_held"] == ["reviewed_below"]
    sent = len(world.told("Export Published"))
    review(world, 0, 1)
    world.run_pending()
    let_out = world.manifest("yolo")
    assert (let_out.generation, copied(world)) == (2, 2), "no file changed"
    later_on = world.told("Export Published")[sent:]
    [event] = [one for one in later_on if one["export_name"] == "yolo"]
    assert (event["generation"], "latest_held" in event) == (2, False)
    assert not world.manifest("raw").latest


def test_a_change_of_classes_holds_the_copy_until_its_hours_are_over() -> None:
    world = world_with(hold_latest_while={"classes_change": {"for_hours": 5}})
    world.publish_everything()
    assert copied(world) == 1
    world.kili.interface = {"CARS": job(["BIG", "SMALL", "TINY"])}
    later(world, 1)
    assert world.manifest("yolo").generation == 2
    change(world, 0, 0.2)
    world.run_pending()
    assert (world.manifest("yolo").generation, copied(world)) == (3, 1)
    later(world, 3)
    assert copied(world) == 1
    later(world, 2)
    assert (world.manifest("yolo").generation, copied(world)) == (3, 3)
    change(world, 0, 0.3)
    world.run_pending()
    assert (copied(world), world.manifest("yolo").latest) == (4, None)


def test_somebody_releases_what_would_be_held_for_ever() -> None:
    world = world_with(hold_latest_while={"classes_change": True})
    world.publish_everything()
    with pytest.raises(InvalidConfiguration, match="is not held back"):
        release_latest(world.objects, PROJECT, "yolo")
    world.kili.interface = {"CARS": job(["BIG", "SMALL", "TINY"])}
    later(world, 1)
    later(world, 5000)
    assert (world.manifest("yolo").generation, copied(world)) == (2, 1)
    release_latest(world.objects, PROJECT, "yolo")
    assert release_latest(world.objects, PROJECT, "yolo").released, "twice does no harm"
    assert copied(world) == 1
    world.request_run(PROJECT)
    world.run_pending()
    assert (copied(world), world.manifest("yolo").is_latest_held) == (2, False)


def test_a_release_that_meets_another_change_lets_the_released_generation_out() -> None:
    world = world_with(hold_latest_while={"reviewed_below": 1})
    world.publish_everything()
    release_latest(world.objects, PROJECT, "yolo")
    change(world, 0, 0.2)
    world.run_pending()
    held = world.manifest("yolo")
    assert held.latest is not None
    assert (held.generation, held.latest.generation, copied(world)) == (2, 1, 1)


def test_a_declaration_without_gates_lets_the_copy_out_and_leaves_no_trace() -> None:
    world = world_with(hold_latest_while={"classes_change": True}, snapshot_when={"changed": 100})
    world.publish_everything()
    world.kili.interface = {"CARS": job(["BIG", "SMALL", "TINY"])}
    later(world, 1)
    assert copied(world) == 1
    world.register(yolo="yolo_v8", raw="kili")
    world.request_run(PROJECT)
    world.run_pending()
    assert copied(world) == 2
    change(world, 0, 0.2)
    world.run_pending()
    document = world.objects.stored[manifest_key(PROJECT, "yolo")][0]
    assert not any(name in document for name in (b'"latest":', b'"review":', b'"snapshots":'))


def test_rules_that_count_reviews_make_the_export_again_once() -> None:
    world = world_with(snapshot_when={"changed": 100})
    world.publish_everything()
    world.register(
        yolo={"format": "yolo_v8", "publish": {"hold_latest_while": {"reviewed_below": 0.5}}},
        raw="kili",
    )
    world.request_run(PROJECT)
    world.run_pending()
    counted = world.manifest("yolo").review
    assert counted is not None
    assert (counted.reviewed, counted.assets) == (0, 4)
    generation = world.manifest("yolo").generation
    later(world, 1)
    assert world.manifest("yolo").generation == generation


def test_a_snapshot_that_somebody_deletes_stays_away_from_the_next_generation_on() -> None:
    world = world_with(snapshot_when={"changed": 2})
    world.publish_everything()
    [name] = snapshots(world)
    change(world, 0, 0.2)
    world.run_pending()
    delete_snapshot(world.objects, PROJECT, "yolo", name)
    change(world, 1, 0.3)
    world.run_pending()
    assert name not in snapshots(world)
