"""The shapes of label files of each format, as our own converters write them."""

import json

import pytest

from kili_export.archives.manifest import ClassEntry
from kili_export.core.export_options import ExportOptions, Layout
from kili_export.viewing.label_shapes import (
    LabelFile,
    Shape,
    is_label_file,
    read_coco,
    read_labels,
    subset_of,
)
from tests.support.archive_of import archive_of
from tests.unit.steps.publishing.test_increments import labelled, two_jobs

CLASSES = tuple(
    ClassEntry(job=job, key=key, name=key)
    for job, key in (("CARS", "BIG"), ("CARS", "SMALL"), ("SIGNS", "STOP"))
)


def answer(annotation: bytes) -> bytes:
    """A file of Kili's format with one annotation."""
    return b'{"latestLabel": {"jsonResponse": {"J": {"annotations": [{%s}]}}}}' % annotation


def outline(vertices: bytes) -> bytes:
    """The same with one outline."""
    poly = b'"boundingPoly": [{"normalizedVertices": [%s]}]' % vertices
    return answer(b'"categories": [{"name": "BIG"}], %s' % poly)


def shapes_in(options: ExportOptions) -> set[tuple[str, tuple[float, ...]]]:
    """Class and the left, top, right and bottom of every shape."""
    files = archive_of(two_jobs(), [labelled(1, "d/a.jpg", 0.6)], options)
    found: list[Shape] = []
    for path, data in files.items():
        if is_label_file(path):
            found += read_labels(path, data, CLASSES).shapes
    return {(shape.label.rpartition("/")[2], _bounds(shape)) for shape in found}


def _bounds(shape: Shape) -> tuple[float, ...]:
    across, down = [x for x, _ in shape.corners], [y for _, y in shape.corners]
    return tuple(round(one, 2) for one in (min(across), min(down), max(across), max(down)))


@pytest.mark.parametrize(
    "options",
    [
        ExportOptions("yolo_v8", layout=Layout.MERGED),
        ExportOptions("yolo_v5", layout=Layout.SPLIT),
        ExportOptions("yolo_v4", layout=Layout.MERGED),
        ExportOptions("pascal_voc", layout=Layout.MERGED),
        ExportOptions("kili"),
    ],
    ids=lambda one: one.format,
)
def test_boxes_are_where_they_were_drawn(options: ExportOptions) -> None:
    assert shapes_in(options) == {("BIG", (0.6, 0.1, 0.9, 0.8)), ("STOP", (0.1, 0.1, 0.2, 0.6))}


def test_so_are_those_of_a_coco_document() -> None:
    files = archive_of(
        two_jobs(), [labelled(1, "d/a.jpg", 0.6)], ExportOptions("coco", layout=Layout.MERGED)
    )
    [(name, shapes)] = read_coco(files["labels.json"]).items()
    assert name == "data/d/a.jpg"
    assert {(one.label, _bounds(one)) for one in shapes} == {
        ("CARS/BIG", (0.6, 0.1, 0.9, 0.8)),
        ("SIGNS/STOP", (0.1, 0.1, 0.2, 0.6)),
    }


def test_a_picture_without_a_size_does_not_hide_the_others() -> None:
    document = {
        "categories": [{"id": 0, "name": "BIG"}],
        "images": [
            {"id": number, "file_name": f"{number}.jpg", "width": width, "height": 10}
            for number, width in ((0, 0), (1, 10))
        ],
        "annotations": [
            {"image_id": number, "category_id": 0, "bbox": [0, 0, 5, 5]} for number in (0, 1)
        ],
    }
    found = read_coco(json.dumps(document).encode())
    assert found["0.jpg"] == (Shape("BIG", ()),)
    assert _bounds(found["1.jpg"][0]) == (0, 0, 0.5, 0.5)


def test_a_polygon_of_yolo_has_its_corners() -> None:
    [shape] = read_labels("labels/a.txt", b"1 0.1 0.2 0.3 0.4 0.5 0.6\n", CLASSES).shapes
    assert shape == Shape("CARS/SMALL", ((0.1, 0.2), (0.3, 0.4), (0.5, 0.6)))


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("labels/a.txt", b"\xff"),
        ("labels/a.txt", b"x 1 2 3 4"),
        ("labels/a.xml", b"<a"),
        ("labels/a.xml", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'),
        ("labels/a.json", b"[1]"),
        ("labels/a.xml", b"<a><size><width>1</width></size><object/></a>"),
        ("labels/a.json", b'{"latestLabel": {"jsonResponse": {"J": {"annotations": [{}]}}}}'),
        ("labels/a.json", answer(b'"categories": []')),
        ("labels/a.json", outline(b"")),
        pytest.param("labels/a.json", outline(b'{"x": 1%s, "y": 0}' % (b"0" * 400)), id="huge"),
        pytest.param("labels/a.json", b"[" * 100_000, id="deep"),
    ],
)
def test_what_cannot_be_read_has_no_shapes(path: str, data: bytes) -> None:
    assert read_labels(path, data, CLASSES) == LabelFile()


def test_a_number_below_zero_is_no_class() -> None:
    [shape] = read_labels("labels/a.txt", b"-1 0.5 0.5 0.2 0.2", CLASSES).shapes
    assert shape.label == "class -1"


def test_a_document_that_is_not_coco_is_refused() -> None:
    for data in (b"{", b"{}", b'{"categories": [], "images": [{}], "annotations": []}'):
        with pytest.raises(ValueError, match=r".+"):
            read_coco(data)


def test_subsets_are_folders() -> None:
    assert subset_of("CARS/labels/val/a.txt") == "val"
    assert subset_of("labels/a.txt") is None
