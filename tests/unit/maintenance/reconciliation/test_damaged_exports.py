"""One export's damaged ledger, archive or manifest stops no other export, and is reported."""

from collections.abc import Callable

import pytest

from kili_export.archives.damage import damage_of
from kili_export.changes.events.pending_changes import RECONCILE
from kili_export.core.bucket_layout import manifest_key
from kili_export.maintenance.reconciliation.messages import ReconciledProject
from tests.support.protocol_world import PROJECT, World

Damage = Callable[[World], None]


def overwritten(world: World) -> None:
    """Something else stands in its place."""
    world.objects.put(world.manifest("yolo").ledger.key, b"something else")


def removed(world: World) -> None:
    world.objects.delete([world.manifest("yolo").ledger.key])


def rotten(world: World) -> None:
    """A block's bytes changed on the disk: ETag, size and index are what they were."""
    key = world.manifest("yolo").ledger.key
    data, stored = world.objects.stored[key]
    at = 20
    world.objects.stored[key] = (data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :], stored)


DAMAGES = pytest.mark.parametrize("damage", [overwritten, removed, rotten])


@pytest.fixture
def world() -> World:
    world = World(assets=6)
    world.publish_everything()
    world.look_after()
    return world


def report(world: World) -> ReconciledProject:
    (found,) = world.look_after().projects
    return found


@DAMAGES
def test_the_others_are_compared_and_it_is_reported(world: World, damage: Damage) -> None:
    damage(world)
    world.kili.label("as_001", "unheard", left=0.6)
    del world.kili.assets["as_002"]
    found = report(world)
    assert (found.repaired.changed, found.repaired.vanished) == (1, 1)
    assert found.error is not None
    assert found.error.startswith("IntegrityError: export yolo: ")
    assert found.repaired.damaged.keys() == {"yolo"}
    world.run_pending()
    assert world.manifest("raw").counts.assets == 5
    assert world.manifest("raw").generation == 2
    assert world.manifest("yolo").generation == 1


@DAMAGES
def test_a_run_that_compares_goes_on_with_the_others(world: World, damage: Damage) -> None:
    damage(world)
    world.kili.label("as_001", "unheard", left=0.6)
    world.changes.mark(PROJECT, RECONCILE, version="asked", at=world.clock.now())
    world.run(world.request_run(PROJECT))
    assert world.manifest("raw").generation == 2


@DAMAGES
def test_a_full_export_goes_on_with_the_others(world: World, damage: Damage) -> None:
    damage(world)
    world.kili.label("as_001", "unheard", left=0.6)
    world.run(world.request_run(PROJECT, full=True))
    assert world.generations() == {"raw": 2, "yolo": 1}


@DAMAGES
def test_the_status_knows_it(world: World, damage: Damage) -> None:
    reader = world.status()
    assert reader.damaged(reader.read(PROJECT)) == {}
    damage(world)
    assert reader.damaged(reader.read(PROJECT)).keys() == {"yolo"}


def test_an_archive_that_is_not_what_was_published_is_damage(world: World) -> None:
    manifest = world.manifest("yolo")
    assert damage_of(world.objects, manifest) is None
    world.objects.put(manifest.archive.key, b"something else")
    assert damage_of(world.objects, manifest) == (
        f"{manifest.archive.key} is not what was published"
    )


def test_a_damaged_manifest_stops_no_other_export(world: World) -> None:
    world.objects.put(manifest_key(PROJECT, "yolo"), b"{")
    world.kili.label("as_001", "unheard", left=0.6)
    found = report(world)
    assert found.repaired.changed == 1
    assert "yolo" in (found.error or "")
    world.run_pending()
    assert world.manifest("raw").generation == 2
    (told,) = [one for one in world.status().read(PROJECT).exports if one.name == "yolo"]
    assert "cannot be read" in (told.blocked_by or "")
