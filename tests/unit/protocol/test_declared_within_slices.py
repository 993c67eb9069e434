"""Exports are declared otherwise while a full export in slices is under way, between any two steps.

A session goes by what it was begun for. What is published in the end is what is declared then.
"""

from typing import Any

import pytest

from tests.support.protocol_world import PROJECT, World
from tests.unit.steps.planning.sliced import assert_all_is_published, run_slices, sliced

DECLARATIONS: dict[str, dict[str, Any]] = {
    "an option": {"raw": "kili", "yolo": {"format": "yolo_v8", "layout": "merged"}},
    "another format": {"raw": "kili", "yolo": "coco"},
    "a filter": {"raw": "kili", "yolo": {"format": "yolo_v8", "external_ids": ["as_001.jpg"]}},
    "authors": {"raw": {"format": "kili", "authors": "pseudonymous"}, "yolo": "yolo_v8"},
    "one export less": {"yolo": "yolo_v8"},
    "one export more": {"raw": "kili", "yolo": "yolo_v8", "coco": "coco"},
    "other names": {"raw2": "kili", "yolo2": "yolo_v8"},
}
STEPS = ("before", "planned", "converted", "published", "changed back")


def run_while_declared(world: World, declared: dict[str, Any], step: str) -> None:
    """One execution, with another declaration in the middle of it."""
    if step == "before":
        world.register(**declared)
    name = world.pending()[0]
    planned = world.begin(name)
    if step in {"planned", "changed back"}:
        world.register(**declared)
    results = world.convert(planned)
    if step == "converted":
        world.register(**declared)
    exports = world.aggregate(planned, results)
    if step == "published":
        world.register(**declared)
    if step == "changed back":
        world.register(**world.exports)
    world.finish_run(name, planned, results, exports)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("number", [1, 4], ids="slice {}".format)
@pytest.mark.parametrize("declared", DECLARATIONS.values(), ids=DECLARATIONS)
def test_what_is_published_in_the_end_is_what_is_declared(
    declared: dict[str, Any], number: int, step: str
) -> None:
    world = sliced()
    world.request_run(PROJECT)
    run_slices(world, number)
    run_while_declared(world, declared, step)
    # `register` asks for a run, which this test leaves to the end of the one under way.
    world.request_run(PROJECT)
    world.run_pending()
    expected = World(exports=declared if step != "changed back" else world.exports, assets=10)
    expected.kili.assets = world.kili.assets
    expected.publish_everything()
    for export in expected.exports:
        if expected.exports[export] == DECLARATIONS["authors"]["raw"]:
            # Pseudonyms are made with another key.
            assert not any(b"a@b.c" in data for data in world.files(export).values())
        else:
            assert world.files(export) == expected.files(export), export
    if world.generations().keys() == expected.exports.keys():
        assert_all_is_published(world)
