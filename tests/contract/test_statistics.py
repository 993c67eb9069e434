"""The published numbers of objects are those that a recount of the files finds."""

import json
from collections import Counter
from dataclasses import replace
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest

from kili_export.archives.manifest import Manifest
from kili_export.core.export_options import Compatibility, Layout, Split
from tests.contract.test_outside_judges import CORRECTED, FRAMES, options, published
from tests.support.workbench import Workbench

NAMES = ["BOXES/CAR", "BOXES/BUS", "MASKS/SKY"]
Found = Counter[tuple[str, str | None]]


def stated(manifest: Manifest, *, jobs: tuple[str, ...] = ("BOXES", "MASKS")) -> Found:
    """The published numbers by class and subset."""
    assert manifest.statistics is not None
    return Counter(
        {
            (f"{one.job}/{one.key}", one.subset): one.objects
            for one in manifest.statistics.classes
            if one.job in jobs
        }
    )


def in_coco(bench: Workbench) -> Found:
    document = json.loads(bench.files("it")["labels.json"])
    names = {one["id"]: one["name"] for one in document["categories"]}
    return Counter((names[one["category_id"]], None) for one in document["annotations"])


def in_yolo(bench: Workbench, folder: str, names: list[str]) -> Found:
    found: Found = Counter()
    for path, data in bench.files("it").items():
        if path.startswith(folder) and path.endswith(".txt"):
            subset = path.removeprefix(folder).split("/")[0] if folder != "labels/" else None
            found.update(
                (names[int(line.split()[0])], subset) for line in data.decode().splitlines()
            )
    return found


def in_kili(bench: Workbench) -> Found:
    found: Found = Counter()
    for path, data in bench.files("it").items():
        if path.endswith(".json"):
            for answer in [label["jsonResponse"] for label in json.loads(data)["latestLabels"]]:
                frames = [answer] if "BOXES" in answer else list(answer.values())
                for frame in frames:
                    found.update(classes_of(frame))
    return found


def classes_of(response: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [
        (f"{job}/{one['categories'][0]['name']}", None)
        for job in ("BOXES", "MASKS")
        for one in response.get(job, {}).get("annotations", [])
    ]


@pytest.mark.parametrize("compatibility", Compatibility)
def test_coco_has_so_many_annotations(compatibility: Compatibility) -> None:
    bench = published(options("coco", compatibility))
    assert stated(bench.manifest("it")) == in_coco(bench)
    assert in_coco(bench).total() == 20


def test_videos_are_counted_by_frame() -> None:
    bench = published(options("coco", CORRECTED), "VIDEO")
    assert stated(bench.manifest("it")) == in_coco(bench)
    assert in_coco(bench).total() == 20 * FRAMES


def test_yolo_has_so_many_lines() -> None:
    bench = published(options("yolo_v8", Compatibility.SDK))
    assert stated(bench.manifest("it")) == in_yolo(bench, "labels/", NAMES)


def test_a_divided_dataset_has_so_many_in_each_subset() -> None:
    bench = published(options("yolo_v8", CORRECTED, split=Split(0.5, 0.25, 0.25)))
    manifest = bench.manifest("it")
    boxes = in_yolo(bench, "detect/labels/", NAMES[:2])
    assert stated(manifest, jobs=("BOXES",)) == boxes
    assert boxes.total() == 10
    assert stated(manifest, jobs=("MASKS",)) == in_yolo(bench, "segment/labels/", NAMES[2:])
    assert manifest.statistics is not None
    pictures = Counter(
        path.split("/")[2] for path in bench.files("it") if path.startswith("detect/labels/")
    )
    assert manifest.statistics.subsets == pictures
    assert len(pictures) > 1


def test_pascal_voc_has_so_many_boxes() -> None:
    bench = published(options("pascal_voc", CORRECTED))
    found: Found = Counter(
        (f"BOXES/{one.text}", None)
        for path, data in bench.files("it").items()
        if path.endswith(".xml")
        for one in fromstring(data).iterfind("object/name")
    )
    assert stated(bench.manifest("it")) == found
    assert found.total() == 10


@pytest.mark.parametrize("input_type", ["IMAGE", "VIDEO"])
def test_kili_has_so_many_annotations(input_type: str) -> None:
    exporting = replace(options("kili", Compatibility.SDK), layout=Layout.SPLIT, with_assets=False)
    bench = published(exporting, input_type)
    assert stated(bench.manifest("it")) == in_kili(bench)
    assert in_kili(bench).total() == 20 * (FRAMES if input_type == "VIDEO" else 1)


def test_objects_are_sized_by_their_bounding_boxes() -> None:
    bench = published(options("coco", CORRECTED))
    statistics = bench.manifest("it").statistics
    assert statistics is not None
    by_key = {one.key: one for one in statistics.classes}
    # A quarter of the picture, and its neighbour of an eighth; a mask of most of it, and a quarter.
    assert (by_key["BUS"].small, by_key["BUS"].medium, by_key["BUS"].large) == (0, 0, 4)
    assert (by_key["CAR"].small, by_key["CAR"].medium, by_key["CAR"].large) == (0, 0, 6)
    assert by_key["SKY"].large == by_key["SKY"].objects == 10
    assert [one.assets for one in statistics.classes] == [4, 5, 5]
