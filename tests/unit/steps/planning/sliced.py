"""A project whose full exports take five slices, and what is seen of them."""

import io
import zipfile
from dataclasses import replace
from typing import Any

from kili_export.core.bucket_layout import followed_key, listings_prefix
from kili_export.runs.full_export_session import FullExportSession, SessionStore
from kili_export.runs.messages import PlanAnswer
from kili_export.runs.plan import RunPlan
from kili_export.runs.tracked_exports import TrackedExports
from tests.support.protocol_world import PROJECT, World

ASSETS = 10
SLICE = 2


def sliced(**exports: str | dict[str, Any]) -> World:
    """Ten assets, two in a slice; by default `raw` and `yolo` were never published."""
    if exports:
        return World(exports=exports, assets=ASSETS, slice_assets=SLICE)
    return World(assets=ASSETS, slice_assets=SLICE)


def with_new_export() -> World:
    """`raw` is published and followed, `yolo` is new; nothing has run for it."""
    world = sliced(raw="kili")
    world.publish_everything()
    world.register(raw="kili", yolo="yolo_v8")
    world.request_run(PROJECT)
    return world


def plan_of(world: World, planned: PlanAnswer) -> RunPlan:
    assert planned.plan_key is not None
    return RunPlan.from_bytes(world.objects.stored[planned.plan_key][0])


def modes(world: World, planned: PlanAnswer) -> dict[str, str]:
    return {export.name: export.mode for export in plan_of(world, planned).exports}


def taken(world: World, planned: PlanAnswer) -> int | None:
    step = plan_of(world, planned).session
    assert step is not None, "the run has no part in a full export in slices"
    return step.taken


def open_session(world: World) -> FullExportSession:
    session = SessionStore(world.objects).read(PROJECT).session
    assert session is not None, "no full export in slices is under way"
    return session


def position(world: World) -> int:
    return open_session(world).position


def is_open(world: World) -> bool:
    return SessionStore(world.objects).read(PROJECT).session is not None


def followed(world: World) -> frozenset[str]:
    return TrackedExports.from_bytes(world.objects.stored[followed_key(PROJECT)][0]).names


def listings(world: World) -> list[str]:
    return [key for key in world.objects.stored if key.startswith(listings_prefix(PROJECT))]


def run_slices(world: World, count: int) -> None:
    """So many runs, each started by the one before."""
    for _ in range(count):
        world.run(world.pending()[0])


def members(world: World, export: str) -> dict[str, bytes]:
    """The files of an export's current archive."""
    data = world.objects.stored[world.manifest(export).archive.key][0]
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def assert_all_is_published(world: World) -> None:
    """Nothing is left to do, and each archive is what one full export of it all would be."""
    assert world.changes.held == {}, "marks are left"
    assert not is_open(world)
    assert listings(world) == [], "the listing was left behind"
    before = {export: members(world, export) for export in world.generations()}
    assert followed(world) == before.keys()
    world.plan = replace(world.plan, limits=replace(world.plan.limits, slice_assets=1000))
    world.request_run(PROJECT, full=True)
    world.run_pending()
    for export, files in before.items():
        assert files == members(world, export), f"{export} is not what a full export is"
