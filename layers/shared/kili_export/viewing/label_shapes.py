"""The shapes that label files hold, as shares of their picture, and the names of their classes."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final
from xml.etree import ElementTree as ET

from kili_export.archives.manifest import ClassEntry

Point = tuple[float, float]
SUBSETS: Final = ("train", "val", "test")
_BOX_NUMBERS: Final = 4
_POLYGON_NUMBERS: Final = 6
_MOST_BYTES: Final = 32 << 20
_DECLARATIONS: Final = (b"<!DOCTYPE", b"<!ENTITY")
_UNREADABLE: Final = (
    *(ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError),
    ET.ParseError,
)
"""What files raise that do not hold what they should."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A box or polygon: its class, and its corners as shares of the picture's width and height."""

    label: str
    corners: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class LabelFile:
    """What a label file says of its asset. `link` is where its medium is, if that is said."""

    shapes: tuple[Shape, ...] = ()
    link: str | None = None


def is_label_file(path: str) -> bool:
    """Whether a file has the labels of one asset."""
    return "labels" in PurePosixPath(path).parts[:-1] and path.endswith((".txt", ".xml", ".json"))


def subset_of(path: str) -> str | None:
    """The subset that a file is in, by a folder of that name."""
    return next((part for part in PurePosixPath(path).parts if part in SUBSETS), None)


def read_labels(path: str, data: bytes, classes: Sequence[ClassEntry]) -> LabelFile:
    """What a label file of an asset holds; nothing where it cannot be read."""
    try:
        if len(data) > _MOST_BYTES:
            return LabelFile()
        if path.endswith(".txt"):
            return LabelFile(tuple(_yolo(data.decode(), names_for(path, classes))))
        if path.endswith(".xml"):
            return LabelFile(tuple(_voc(data)))
        return _kili(json.loads(data))
    except _UNREADABLE:
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
            yield Shape(label, _box(x - width / 2, y - height / 2, x + width / 2, y + height / 2))
        elif len(numbers) >= _POLYGON_NUMBERS:
            yield Shape(label, tuple(zip(numbers[::2], numbers[1::2], strict=False)))


def _voc(data: bytes) -> Iterator[Shape]:
    if any(one in data for one in _DECLARATIONS):
        raise ValueError("entities are not read")
    root = ET.fromstring(data)  # noqa: S314 it declares no entities
    width, height = (float(root.findtext(f"size/{one}") or 0) for one in ("width", "height"))
    for found in root.iter("object"):
        names = ("xmin", "ymin", "xmax", "ymax")
        left, top, right, bottom = (float(found.findtext(f"bndbox/{one}") or 0) for one in names)
        box = _box(left / width, top / height, right / width, bottom / height) if width else ()
        yield Shape(found.findtext("name") or "", box)


def _kili(document: Mapping[str, Any]) -> LabelFile:
    label = document.get("latestLabel") or (document.get("labels") or [{}])[-1]
    shapes: list[Shape] = []
    for answer in (label.get("jsonResponse") or {}).values():
        for annotation in answer.get("annotations", ()) if isinstance(answer, dict) else ():
            name = annotation["categories"][0]["name"]
            shapes += (Shape(name, corners) for corners in _outlines(annotation))
    link = document.get("content")
    return LabelFile(tuple(shapes), link if isinstance(link, str) else None)


def _outlines(annotation: Mapping[str, Any]) -> Iterator[tuple[Point, ...]]:
    for outline in annotation.get("boundingPoly") or ():
        vertices = outline["normalizedVertices"]
        # A polygon of several rings has lists of vertices.
        rings: Iterable[Any] = vertices if isinstance(vertices[0], list) else [vertices]
        for ring in rings:
            yield tuple((float(point["x"]), float(point["y"])) for point in ring)


def read_coco(data: bytes) -> dict[str, tuple[Shape, ...]]:
    """The shapes of each picture of a COCO document, by its file name. Raises ValueError."""
    document = json.loads(data)
    try:
        names = {one["id"]: str(one["name"]) for one in document["categories"]}
        images = {one["id"]: one for one in document["images"]}
        found: dict[str, list[Shape]] = {str(one["file_name"]): [] for one in images.values()}
        for one in document["annotations"]:
            image = images[one["image_id"]]
            width, height = float(image["width"]), float(image["height"])
            left, top, w, h = one["bbox"]
            right, bottom = left + w, top + h
            corners: tuple[Point, ...] = ()
            if width and height:
                corners = _box(left / width, top / height, right / width, bottom / height)
            found[str(image["file_name"])].append(Shape(names[one["category_id"]], corners))
    except (KeyError, TypeError) as error:
        raise ValueError("not a COCO document") from error
    return {name: tuple(shapes) for name, shapes in found.items()}


def _box(left: float, top: float, right: float, bottom: float) -> tuple[Point, ...]:
    return ((left, top), (right, top), (right, bottom), (left, bottom))
