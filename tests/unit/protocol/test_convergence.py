"""Doubled, late and reordered events come to the same files with the same bytes."""

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from tests.support.protocol_world import World

ASSETS = [f"as_{number:03d}" for number in range(6)]
EXPORTS = {"raw": "kili", "yolo": "yolo_v8", "coco": "coco"}


@dataclass(frozen=True, slots=True)
class Delivery:
    """Which events arrive, in which order, and after how many of them a run is let through."""

    events: Sequence[str]
    runs_every: int


ONCE = Delivery(ASSETS, len(ASSETS))
OTHERS = {
    "each ten times": Delivery([asset for asset in ASSETS for _ in range(10)], 60),
    "in reverse": Delivery(ASSETS[::-1], len(ASSETS)),
    "all again and again": Delivery(ASSETS * 3, len(ASSETS)),
    "in reverse, a run after each": Delivery(ASSETS[::-1], 1),
    "doubled, a run after each": Delivery([asset for asset in ASSETS for _ in range(2)], 1),
}


def files_after(delivery: Delivery) -> dict[str, dict[str, bytes]]:
    """Every asset is labelled again; the events arrive in their own way."""
    world = World(exports=dict(EXPORTS), assets=len(ASSETS))
    world.publish_everything()
    for number, asset in enumerate(ASSETS):
        world.kili.label(asset, f"second_{number}", left=0.2 + number / 100)
    for count, asset in enumerate(delivery.events, start=1):
        world.post(asset)
        if count % delivery.runs_every == 0:
            world.run_pending()
    world.run_pending()
    assert not world.changes.held, "changes were left"
    return {export: _files(world, export) for export in EXPORTS}


def _files(world: World, export: str) -> dict[str, bytes]:
    archive = world.objects.stored[world.manifest(export).archive.key][0]
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


@pytest.mark.parametrize("way", OTHERS)
def test_however_events_arrive_the_files_have_the_same_bytes(way: str) -> None:
    assert files_after(OTHERS[way]) == files_after(ONCE)
