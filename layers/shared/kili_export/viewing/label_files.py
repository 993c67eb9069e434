"""The labels that label files hold, and the names of their classes."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any, Final
from xml.etree import ElementTree as ET

from kili_export.archives.manifest import ClassEntry
from kili_export.viewing.pictures import Label, Line, Shape, box, shape_of

SUBSETS: Final = ("train", "val", "test")
GEOJSON: Final = ".geojson"
_ENDS: Final = (".txt", ".xml", ".json", GEOJSON)
_BOX_NUMBERS: Final = 4
_POLYGON_NUMBERS: Final = 6
_MOST_BYTES: Final = 32 << 20
_DECLARATIONS: Final = (b"<!DOCTYPE", b"<!ENTITY")
_MAP_RATIO: Final = 4 / 3
_MAP_SHARE: Final = 0.9
UNREADABLE: Final = (
    *(ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError),
    ET.ParseError,
)
"""What files raise that do not hold what they should."""


@dataclass(frozen=True, slots=True)
class LabelFile:
    """What a label file says of its asset. `link` is where its medium is, if that is said."""

    labels: tuple[Label, ...] = ()
    link: str | None = None


def is_label_file(path: str) -> bool:
    """Whether a file has the labels of one asset."""
    return "labels" in PurePosixPath(path).parts[:-1] and path.endswith(_ENDS)


def subset_of(path: str) -> str | None:
    """The subset that a file is in, by a folder of that name."""
    return next((part for part in PurePosixPath(path).parts if part in SUBSETS), None)


def read_labels(path: str, data: bytes, classes: Sequence[ClassEntry]) -> LabelFile:
    """What a label file of an asset holds; nothing where it cannot be read."""
    try:
        if len(data) > _MOST_BYTES:
            return LabelFile()
        if path.endswith(".txt"):
            return LabelFile((Label(tuple(_yolo(data.decode(), names_for(path, classes)))),))
        if path.endswith(".xml"):
            return LabelFile((Label(tuple(_voc(data))),))
        document = json.loads(data)
        if path.endswith(GEOJSON):
            return LabelFile((_geojson(document),))
        return read_kili(document)
    except UNREADABLE:
        return LabelFile()


def names_for(path: str, classes: Sequence[ClassEntry]) -> Sequence[str]:
    """The names of the numbers in a YOLO file: of its job's classes, or those of all jobs."""
    folder = path.partition("/")[0]
    own = [entry.key for entry in classes if entry.job == folder]
    return own or [f"{entry.job}/{entry.key}" for entry in classes]


def _yolo(text: str, names: Sequence[str]) -> Iterator[Shape]:
    for line in text.splitlines():
        number, *values = line.split()
        numbers = [float(value) for value in values]
        label = names[int(number)] if 0 <= int(number) < len(names) else f"class {int(number)}"
        if len(numbers) == _BOX_NUMBERS:
            x, y, width, height = numbers
            yield Shape(label, box(x - width / 2, y - height / 2, x + width / 2, y + height / 2))
        elif len(numbers) >= _POLYGON_NUMBERS:
            yield Shape(label, (tuple(zip(numbers[::2], numbers[1::2], strict=False)),))


def _voc(data: bytes) -> Iterator[Shape]:
    if any(one in data for one in _DECLARATIONS):
        raise ValueError("entities are not read")
    root = ET.fromstring(data)  # noqa: S314 it declares no entities
    width, height = (float(root.findtext(f"size/{one}") or 0) for one in ("width", "height"))
    for found in root.iter("object"):
        names = ("xmin", "ymin", "xmax", "ymax")
        left, top, right, bottom = (float(found.findtext(f"bndbox/{one}") or 0) for one in names)
        lines = box(left / width, top / height, right / width, bottom / height) if width else ()
        yield Shape(found.findtext("name") or "", lines)


def read_kili(document: Mapping[str, Any]) -> LabelFile:
    """An asset in Kili's format. Raises one of UNREADABLE."""
    latest = document.get("latestLabel")
    labels = [latest] if latest else document.get("latestLabels") or document.get("labels") or ()
    link = document.get("content")
    return LabelFile(
        tuple(_kili_label(one) for one in labels), link if isinstance(link, str) else None
    )


def _kili_label(label: Mapping[str, Any]) -> Label:
    shapes = []
    for answer in (label.get("jsonResponse") or {}).values():
        for annotation in answer.get("annotations", ()) if isinstance(answer, dict) else ():
            shape = shape_of(annotation, annotation["categories"][0]["name"])
            if shape is not None:
                shapes.append(shape)
    return Label(tuple(shapes), (label.get("author") or {}).get("email"))


def _geojson(document: Mapping[str, Any]) -> Label:
    """Features as on a map that just holds them all: pictures have no degrees."""
    shapes = []
    for feature in document["features"]:
        if feature.get("geometry"):
            name = str(feature["properties"].get("class", ""))
            shapes.append(_on_earth(name, feature["geometry"]))
    return Label(tuple(_map_of(shapes)), document["properties"]["kili"].get("author"))


def _on_earth(name: str, geometry: Mapping[str, Any]) -> Shape:
    kind, places = geometry["type"], geometry["coordinates"]
    if kind in {"Point", "LineString"}:
        line = _positions(places if kind == "LineString" else [places])
        return Shape(name, (line,), is_closed=False)
    polygons = places if kind == "MultiPolygon" else [places]
    return Shape(name, tuple(_positions(ring) for rings in polygons for ring in rings))


def _positions(places: Sequence[Sequence[float]]) -> Line:
    return tuple((float(place[0]), float(place[1])) for place in places)


def _map_of(shapes: Sequence[Shape]) -> Iterator[Shape]:
    """Shapes in degrees as shares of a map, north up."""
    across = [x for shape in shapes for line in shape.lines for x, _ in line]
    up = [y for shape in shapes for line in shape.lines for _, y in line]
    if not across:
        return
    middle_x, middle_y = (min(across) + max(across)) / 2, (min(up) + max(up)) / 2
    # A degree of longitude is shorter far from the equator.
    narrow = math.cos(math.radians(middle_y)) / _MAP_RATIO
    height = max((max(across) - min(across)) * narrow, max(up) - min(up)) or 1.0
    scale = _MAP_SHARE / height
    for shape in shapes:
        lines = (
            tuple(
                (0.5 + (x - middle_x) * narrow * scale, 0.5 - (y - middle_y) * scale)
                for x, y in line
            )
            for line in shape.lines
        )
        yield replace(shape, lines=tuple(lines))
