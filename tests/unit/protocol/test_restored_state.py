"""A part of what is stored is put back to what it was: bucket, table, manifests, or working files.

Backups, versions of S3 and copies of a state directory are of different moments. A comparison with
Kili must bring everything to what Kili holds, and folders that follow must come to it too.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from kili_export.core.bucket_layout import manifest_key
from kili_export.reading.folder import FolderOnDisk
from kili_export.reading.sync import SyncRequest, sync_folder
from tests.support.protocol_world import PROJECT, World
from tests.unit.reading.test_sync_folder import files_in

EXPORTS = {"raw": "kili", "yolo": "yolo_v8"}
ASSETS = 8
Moment = Mapping[str, Any]


def kept(world: World) -> Moment:
    """Everything that is stored, as a backup keeps it."""
    parts = {
        "objects": world.objects.stored,
        "changes": world.changes.held,
        "leases": world.state.leases,
        "windows": world.state.windows,
        "cursors": world.state.cursors,
    }
    return {name: deepcopy(part) for name, part in parts.items()}


def put_back_bucket(world: World, moment: Moment) -> None:
    world.objects.stored = deepcopy(moment["objects"])


def put_back_table(world: World, moment: Moment) -> None:
    world.changes.held = deepcopy(moment["changes"])
    world.state.leases = deepcopy(moment["leases"])
    world.state.windows = deepcopy(moment["windows"])
    world.state.cursors = deepcopy(moment["cursors"])


def lose_table(world: World, moment: Moment) -> None:
    put_back_table(world, {name: type(part)() for name, part in moment.items()})


def put_back_manifests(world: World, moment: Moment) -> None:
    """Their former versions are made current; what they name is still there."""
    for name in EXPORTS:
        key = manifest_key(PROJECT, name)
        world.objects.put(key, moment["objects"][key][0])


def put_back_one_manifest(world: World, moment: Moment) -> None:
    key = manifest_key(PROJECT, "yolo")
    world.objects.put(key, moment["objects"][key][0])


def put_back_all(world: World, moment: Moment) -> None:
    put_back_bucket(world, moment)
    put_back_table(world, moment)


WAYS: Mapping[str, Callable[[World, Moment], None]] = {
    "bucket": put_back_bucket,
    "table": put_back_table,
    "table lost": lose_table,
    "manifests": put_back_manifests,
    "one manifest": put_back_one_manifest,
    "all": put_back_all,
}


def change(world: World, number: int, left: float) -> None:
    world.clock.advance(120)
    world.replace(f"as_{number:03d}", f"lab_{number}_{left}", left)
    world.run_pending()


def follow(world: World, root: Path) -> None:
    for name in EXPORTS:
        with FolderOnDisk.open(root / name) as folder:
            sync_folder(world.objects, folder, SyncRequest(PROJECT, name, take_over=True))


def as_kili_has_it(world: World) -> dict[str, dict[str, bytes]]:
    fresh = World(exports=dict(EXPORTS), assets=0, kili=world.kili)
    fresh.publish_everything()
    return {name: fresh.files(name) for name in EXPORTS}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("since", [1, 2, 3], ids="{} generations since".format)
def test_a_comparison_brings_everything_to_what_kili_holds(
    way: str, since: int, tmp_path: Path
) -> None:
    world = World(exports=dict(EXPORTS), assets=ASSETS)
    world.publish_everything()
    change(world, 0, 0.2)
    follow(world, tmp_path / "early")
    moment = kept(world)
    for number in range(since):
        change(world, number, 0.3 + number / 100)
    world.kili.assets.pop("as_007")
    follow(world, tmp_path / "late")

    WAYS[way](world, moment)
    world.restart()
    # As many generations as before, of other contents: numbers and tokens come again.
    for number in range(since):
        change(world, 4 + number % 3, 0.4 + number / 100)
    for _ in range(3):
        world.clock.advance(7200)
        world.look_after()
        world.run_pending()

    expected = as_kili_has_it(world)
    assert {name: world.files(name) for name in EXPORTS} == expected
    assert not world.changes.held
    for folder in ("early", "late"):
        follow(world, tmp_path / folder)
        for name in EXPORTS:
            assert files_in(tmp_path / folder / name) == expected[name], folder
