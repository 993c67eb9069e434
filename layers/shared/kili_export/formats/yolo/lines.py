"""The lines of a YOLO label file: a class number, then fractions of the picture's size."""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from kili_export.formats.common.format import LossCollector
from kili_export.formats.common.jobs import (
    annotations_of,
    first_category,
    has_nested_answers,
    place_of,
    rings_of,
)
from kili_export.formats.shapes.geometry import TURNED, Axes, axes_of, rotation_of
from kili_export.formats.shapes.numbers import joined_numbers
from kili_export.formats.shapes.vertex_texts import spaced_vertices

# A tuple: what an answer holds in their place may have no hash.
_KINDS = ("rectangle", "polygon", "semantic")
_NOT_AN_ANNOTATION = "an annotation is empty"
_UNKNOWN_CATEGORY = "an annotation's category is not in the interface"
_NO_SHAPE = "an annotation has no outline"
_OTHER_TOOL = "YOLO holds boxes, polygons and masks only"
_HOLES = "YOLO cannot hold the holes of a mask"
_NESTED = "YOLO cannot hold nested answers"


def lines_of(
    response: Mapping[str, Any], classes: Mapping[str, Mapping[str, int]], losses: LossCollector
) -> Iterator[str]:
    """One line per annotation that YOLO can hold, jobs in the order of the interface.

    `classes` holds the class number of each category, by job. Coordinates are not clamped: a
    shape that leaves the picture is written as it was drawn.
    """
    rotation = rotation_of(response)
    for job, numbers in classes.items():
        for annotation in annotations_of(response, job):
            line = _plain_line(annotation, numbers, rotation)
            if line is None:
                line = _line(annotation, numbers, rotation, losses, job)
            if line is not None:
                yield line


def _plain_line(annotation: Any, numbers: Mapping[str, int], rotation: Any) -> str | None:
    """The line of an annotation of which nothing is lost, as nearly all are; None of another.

    It has one category and one ring, and no nested answers.
    """
    try:
        [category] = annotation["categories"]
        [ring] = annotation["boundingPoly"]
        number, kind = numbers[category["name"]], annotation["type"]
        if annotation.get("children") or category.get("children"):
            return None
    except (KeyError, TypeError, ValueError):
        return None
    shape = _shape(kind, ring, rotation) if kind in _KINDS else None
    return f"{number} {shape}\n" if shape else None


def _line(
    annotation: Any, numbers: Mapping[str, int], rotation: Any, losses: LossCollector, job: str
) -> str | None:
    if not isinstance(annotation, dict):
        losses.add(_NOT_AN_ANNOTATION, job)
        return None
    category = first_category(annotation)
    number = None if category is None else numbers.get(category)
    if number is None:
        losses.add(_UNKNOWN_CATEGORY, place_of(job, annotation))
        return None
    kind = annotation.get("type")
    if kind not in _KINDS:
        losses.add(_OTHER_TOOL, place_of(job, annotation))
        return None
    rings = rings_of(annotation)
    shape = _shape(kind, rings[0], rotation) if rings else None
    if shape is None:
        losses.add(_NO_SHAPE, place_of(job, annotation))
        return None
    if len(rings) > 1:
        losses.add(_HOLES, place_of(job, annotation))
    if has_nested_answers(annotation):
        losses.add(_NESTED, place_of(job, annotation))
    return f"{number} {shape}\n"


def _shape(kind: str, ring: Any, rotation: Any) -> str | None:
    """A box or an outline as YOLO writes it, None without points of which to make it."""
    vertices = ring.get("normalizedVertices") if isinstance(ring, dict) else None
    if kind != "rectangle" and rotation not in TURNED and (text := spaced_vertices(vertices)):
        return text
    axes = axes_of(vertices, rotation)
    if axes is None or not axes[0]:
        return None
    return _box(axes) if kind == "rectangle" else _outline(axes)


def _box(axes: Axes) -> str:
    xs, ys = axes
    left, top, right, bottom = min(xs), min(ys), max(xs), max(ys)
    box = ((left + right) / 2, (top + bottom) / 2, right - left, bottom - top)
    return joined_numbers(box, " ")


def _outline(axes: Axes) -> str:
    return joined_numbers(tuple(chain.from_iterable(zip(*axes, strict=True))), " ")
