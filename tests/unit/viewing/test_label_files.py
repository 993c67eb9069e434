"""The labels of label files of each format, as our own converters write them."""

from typing import Any

import pytest

from kili_export.archives.manifest import ClassEntry
from kili_export.core.export_options import ExportOptions, ExportType, Layout
from kili_export.viewing.label_files import LabelFile, is_label_file, read_labels, subset_of
from kili_export.viewing.pictures import Shape
from tests.support.archive_of import archive_of
from tests.support.kili_samples import (
    answers,
    asset,
    fetched,
    job,
    label,
    project,
    ring,
    shape,
)
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
            found += shown(path, data)
    return {(shape.label.rpartition("/")[2], _bounds(shape)) for shape in found}


def shown(path: str, data: bytes) -> tuple[Shape, ...]:
    """The shapes of the one label in a file."""
    [label] = read_labels(path, data, CLASSES).labels
    return label.shapes


def _bounds(shape: Shape) -> tuple[float, ...]:
    corners = [corner for line in shape.lines for corner in line]
    across, down = [x for x, _ in corners], [y for _, y in corners]
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


def test_a_polygon_of_yolo_has_its_corners() -> None:
    [shape] = shown("labels/a.txt", b"1 0.1 0.2 0.3 0.4 0.5 0.6\n")
    assert shape == Shape("CARS/SMALL", (((0.1, 0.2), (0.3, 0.4), (0.5, 0.6)),))


def kili_file(**options: Any) -> LabelFile:
    """What our converter writes of an asset with two labels, read again."""
    held = [
        label(answers(J=drawn), author={"email": f"{who}@example.com"}, createdAt=f"2026-01-0{day}")
        for who, day, drawn in (
            ("ann", 1, [shape("semantic", "CAR", ring((0, 0), (1, 0), (1, 1)), ring((0.5, 0.2)))]),
            ("bob", 2, [MARKER, POLYLINE, POSE]),
        )
    ]
    files = archive_of(
        project({"J": job({"CAR": {"name": "A car"}})}),
        [fetched(asset(1, "a.jpg", *held))],
        ExportOptions("kili", **options),
    )
    return read_labels("labels/a.json", files["labels/a.jpg.json"], CLASSES)


MARKER = {**shape("marker", "CAR"), "point": {"x": 0.5, "y": 0.25}}
POLYLINE = {**shape("polyline", "CAR"), "polyline": [{"x": 0.1, "y": 0.2}, {"x": 0.3, "y": 0.4}]}
POSE = {
    **shape("pose", "CAR"),
    "points": [{"code": "A", "point": {"x": 0.5, "y": 1}}, {"code": "B"}],
}


def test_each_label_of_an_asset_has_its_author_and_its_shapes() -> None:
    by_author = {one.author: one.shapes for one in kili_file(export_type=ExportType.NORMAL).labels}
    assert by_author == {
        "ann@example.com": (Shape("CAR", (((0, 0), (1, 0), (1, 1)), ((0.5, 0.2),))),),
        "bob@example.com": (
            Shape("CAR", (((0.5, 0.25),),), is_closed=False),
            Shape("CAR", (((0.1, 0.2), (0.3, 0.4)),), is_closed=False),
            Shape("CAR", (((0.5, 1),),), is_closed=False),
        ),
    }
    [latest] = kili_file().labels
    assert latest.author == "bob@example.com"


def test_features_on_earth_are_a_map_with_north_up() -> None:
    corners = [(2.0, 48.0), (2.0, 48.2), (2.2, 48.2), (2.2, 48.0)]
    drawn = [shape("semantic", "CAR", ring(*corners)), MARKER | {"point": {"x": 2.1, "y": 48.1}}]
    files = archive_of(
        project({"J": job({"CAR": {"name": "A car"}})}, "GEOSPATIAL"),
        [fetched(asset(1, "a.tif", label(answers(J=drawn), author={"email": "ann@example.com"})))],
        ExportOptions("geojson", layout=Layout.MERGED),
    )
    [path] = filter(is_label_file, files)
    [made] = read_labels(path, files[path], CLASSES).labels
    assert made.author == "ann@example.com"
    point, box = sorted(made.shapes, key=lambda one: one.is_closed)
    assert (point.label, _bounds(point)) == ("A car", (0.5, 0.5, 0.5, 0.5))
    left, top, right, bottom = _bounds(box)
    assert (top, bottom, left + right) == (0.05, 0.95, 1)
    assert box.lines[0][0][1] == pytest.approx(0.95), "the south is below"
    assert (right - left) * 4 / 3 == pytest.approx(0.9 * 0.668, abs=0.02), "cos(48.1 degrees)"


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
        ("labels/a.geojson", b'{"features": [{"geometry": {"type": "Point"}}]}'),
    ],
)
def test_what_cannot_be_read_has_no_shapes(path: str, data: bytes) -> None:
    assert read_labels(path, data, CLASSES) == LabelFile()


def test_a_number_below_zero_is_no_class() -> None:
    [shape] = shown("labels/a.txt", b"-1 0.5 0.5 0.2 0.2")
    assert shape.label == "class -1"


def test_subsets_are_folders() -> None:
    assert subset_of("CARS/labels/val/a.txt") == "val"
    assert subset_of("labels/a.txt") is None
