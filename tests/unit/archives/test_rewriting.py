"""Archives that deltas follow are written again when that is asked for, or overdue."""

from collections.abc import Iterable
from datetime import timedelta

import pytest

from kili_export.archives.compaction import DAY, CompactionCost, CompactionPolicy
from kili_export.changes.events.pending_changes import CHECK
from kili_export.runs.announcements import PUBLISHED
from tests.support.protocol_world import PROJECT, World


class Hourly(CompactionCost):
    """Whatever the size."""

    def interval(self, size: int, deltas: Iterable[int] = (), ledger: int = 0) -> timedelta:
        del size, deltas, ledger
        return timedelta(hours=1)


@pytest.fixture
def world() -> World:
    made = World(rewriting=CompactionPolicy(Hourly(DAY), share=1e9))
    made.publish_everything()
    made.look_after()
    made.publisher.sent.clear()
    return made


def change(world: World, left: float) -> None:
    world.replace("as_001", f"label{round(left * 100)}", left=left)
    world.run_pending()


def test_consumers_learn_which_generation_the_archive_holds(world: World) -> None:
    change(world, 0.3)
    told = {one["export_name"]: one for one in world.told(PUBLISHED)}
    assert told.keys() == {"raw", "yolo"}
    for one in told.values():
        assert (one["generation"], one["archive_generation"], one["changed"]) == (2, 1, 1)
        assert one["archive_key"] == world.manifest(one["export_name"]).archive.key
        assert one["delta_key"] == world.manifest(one["export_name"]).deltas[0].key


def test_a_run_that_somebody_asks_for_writes_the_archives_again(world: World) -> None:
    change(world, 0.3)
    world.publisher.sent.clear()
    world.kili.fetches.clear()
    world.request_run(PROJECT)
    world.run_pending()
    assert world.kili.fetches == []
    assert world.changes.held == {}
    for export in ("raw", "yolo"):
        manifest = world.manifest(export)
        assert (manifest.generation, manifest.archive.generation, manifest.deltas) == (2, 2, ())
    told = {one["export_name"]: one for one in world.told(PUBLISHED)}
    for one in told.values():
        assert (one["generation"], one["archive_generation"]) == (2, 2)
        assert (one["added"], one["changed"], one["removed"]) == (0, 0, 0)
        assert one["freshness_seconds"] is None
    assert told.keys() == {"raw", "yolo"}
    world.publisher.sent.clear()
    assert world.begin(world.request_run(PROJECT)).status == "idle"
    assert world.told(PUBLISHED) == []


def test_what_is_overdue_is_written_again_though_no_change_comes(world: World) -> None:
    change(world, 0.3)
    world.look_after()
    assert world.pending() == []
    assert len(world.manifest("yolo").deltas) == 1
    world.clock.advance(3600)
    world.look_after()
    assert {subject for _, subject in world.changes.held} == {CHECK}
    world.run_pending()
    assert world.manifest("yolo").deltas == ()
    assert world.manifest("yolo").generation == 2
    world.look_after()
    assert world.pending() == []


def test_changes_do_not_wait_for_an_archive_and_it_does_not_wait_for_ever(world: World) -> None:
    shapes = []
    for step in range(6):
        world.clock.advance(1200)
        change(world, 0.3 + step / 20)
        shapes.append(len(world.manifest("yolo").deltas))
    assert shapes == [1, 2, 0, 1, 2, 0]
