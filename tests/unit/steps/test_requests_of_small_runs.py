"""What one changed label asks the bucket for, request by request."""

from collections.abc import Callable
from typing import Any

import pytest

from kili_export.core.bucket_layout import history_key, latest_key, tree_prefix
from kili_export.steps.publishing.generation.manifest_parts import RETENTION_EVERY
from kili_export.steps.short_run import held_for_run
from tests.support.protocol_world import PROJECT, World

FOUR = {"raw": "kili", "yolo": "yolo_v8", "coco": "coco", "rows": "jsonl"}


FIRST = 30


def isolated(exports: dict[str, Any]) -> World:
    """A world whose process published a change before, and where nothing else goes on."""
    world = World(exports=exports, short=True)
    world.publish_everything()
    change(world, FIRST)
    return world


def change(world: World, number: int = 0) -> list[str]:
    """One label changes and is published. Answers the requests, without names of runs."""
    label(world, number)
    [name] = world.pending()
    before = len(world.objects.requests)
    assert world.run_short(name).status == "done"
    made = world.objects.requests[before:]
    return [f"{verb} {_place(key)}" for verb, key in made]


def label(world: World, number: int) -> None:
    world.submit("as_000", f"changed_{number}", 0.2 + number / 50)


def _place(key: str) -> str:
    """The key as far as it is the same for each change."""
    parts = key.replace(f"/{PROJECT}/", "/").replace(PROJECT, "P").split("/")
    return "/".join(parts if "-0000" not in parts[-1] else parts[:-1])


OF_PROJECT = [
    "get registrations/P.json",
    "get state/followed.json",
    "get state/resumption.json",
    "get state/second-looks.json",
    "put state/second-looks.json",
]


def of_export(name: str) -> list[str]:
    return [
        f"get exports/{name}/manifest.json",
        f"compose state/{name}/ledgers",
        f"compose exports/{name}/deltas",
        f"compose exports/{name}/archives",
        f"compose exports/{name}/files",
        f"put state/{name}/history.json",
        f"put exports/{name}/manifest.json",
        f"compose exports/{name}/latest.zip",
    ]


def of_unknown(name: str) -> list[str]:
    """What a process asks for in addition that did not publish the generation before."""
    return [
        f"get state/{name}/history.json",
        f"get_range state/{name}/ledgers",
        f"get_range exports/{name}/files",
        f"get_range exports/{name}/archives",
        f"head exports/{name}/latest.zip",
    ]


@pytest.mark.parametrize("exports", [{"raw": "kili"}, FOUR], ids=["one", "four"])
def test_a_change_asks_for_nothing_that_the_process_knows(exports: dict[str, Any]) -> None:
    world = isolated(exports)
    expected = [*OF_PROJECT, *(one for name in exports for one in of_export(name))]
    assert sorted(change(world)) == sorted(expected)


@pytest.mark.parametrize("exports", [{"raw": "kili"}, FOUR], ids=["one", "four"])
def test_a_new_process_reads_each_table_and_archive_once(exports: dict[str, Any]) -> None:
    world = isolated(exports)
    world.restart()
    known = [*OF_PROJECT, *(one for name in exports for one in of_export(name))]
    unknown = [one for name in exports for one in of_unknown(name)]
    assert sorted(change(world)) == sorted([*known, *unknown])


def test_what_expired_is_looked_for_by_every_eighth_change_of_a_small_export() -> None:
    world = isolated({"raw": "kili"})
    looked = [
        sum(one.startswith("list ") for one in change(world, number))
        for number in range(2 * RETENTION_EVERY)
    ]
    # There are two generations before.
    assert looked == ([0] * 5 + [2] + [0] * 2) * 2


def forget_by_age(world: World) -> None:
    world.clock.advance(3601)


def replace_copies(world: World) -> None:
    """Somebody else writes what the process wrote last."""
    for key in [one for one in world.objects.stored if one.endswith("latest.zip")]:
        world.objects.put(key, b"another")
    history = history_key(PROJECT, "raw")
    world.objects.put(history, world.objects.stored[history][0] + b" ")


@pytest.mark.parametrize("meanwhile", [forget_by_age, replace_copies])
def test_what_the_process_knows_is_used_while_it_holds(meanwhile: Callable[[World], None]) -> None:
    world = isolated({"raw": "kili"})
    meanwhile(world)
    change(world)
    latest = world.objects.stored[f"exports/{PROJECT}/raw/latest.zip"][0]
    assert latest == world.objects.stored[world.manifest("raw").archive.key][0]
    assert world.files("raw") == of_single_steps(world)


def test_a_copy_is_not_taken_for_newer_where_the_export_began_again() -> None:
    world = isolated({"raw": "kili"})
    for number in range(3):
        change(world, number)
    # Somebody removes all that is stored of the export, and the workflow's steps publish it again.
    for key in [one for one in world.objects.stored if f"/{PROJECT}/raw/" in one]:
        del world.objects.stored[key]
    world.request_run(PROJECT)
    world.short = False
    world.run_pending()
    world.short = True
    assert world.manifest("raw").generation == 1

    change(world, 4)
    latest = world.objects.stored[latest_key(PROJECT, "raw")][0]
    assert latest == world.objects.stored[world.manifest("raw").archive.key][0]


def test_what_was_a_file_of_a_tree_is_asked_for() -> None:
    world = World()
    for name in ("latest.zip", "labels/history.json"):
        key = tree_prefix(PROJECT, "raw") + name
        held_for_run(world.objects, PROJECT, world.recent).put(key, b"by this process")
        theirs = world.objects.put(key, b"by another process")
        held = held_for_run(world.objects, PROJECT, world.recent)
        assert held.head(key) == theirs
        assert held.get(key) == (b"by another process", theirs)


def of_single_steps(world: World) -> dict[str, bytes]:
    """What the workflow's steps, which remember nothing, make of the same change."""
    other = World(exports=world.exports)
    other.publish_everything()
    for number in (FIRST, 0):
        label(other, number)
        other.run_pending()
    return other.files("raw")
