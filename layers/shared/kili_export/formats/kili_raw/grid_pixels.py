"""Pixel coordinates of geospatial projects that are labeled in the pixels of their pictures."""

from collections.abc import Mapping
from typing import Any

from kili_export.formats.common.format import LossCollector
from kili_export.formats.common.jobs import place_of
from kili_export.formats.common.pixels import UNREADABLE, Size, Unreadable
from kili_export.formats.shapes.numbers import is_number


def grid_size_of(fields: Mapping[str, Any]) -> Size | None:
    """Width and height of the first layer, which labels are relative to; None when not known."""
    layers = fields.get("geospatialExportMetadata")
    first = layers[0] if isinstance(layers, list) and layers else None
    if not isinstance(first, Mapping):
        return None
    width, height = first.get("width"), first.get("height")
    if not (is_number(width) and is_number(height)) or not (width and height):
        return None
    return int(width), int(height)


def with_grid_pixels(
    response: Mapping[str, Any], size: Size, losses: LossCollector
) -> Mapping[str, Any]:
    """The answers with pixels beside the fractions of every job; nothing is turned."""
    return {job: _answer(job, answer, size, losses) for job, answer in response.items()}


def _answer(job: str, answer: Any, size: Size, losses: LossCollector) -> Any:
    annotations = answer.get("annotations") if isinstance(answer, Mapping) else None
    if not isinstance(annotations, list):
        return answer
    changed = []
    for annotation in annotations:
        try:
            changed.append(_annotation(annotation, size))
        except Unreadable:
            losses.add(UNREADABLE, place_of(job, annotation))
            changed.append(annotation)
    return {**answer, "annotations": changed}


def _annotation(annotation: Any, size: Size) -> Any:
    if not isinstance(annotation, Mapping):
        raise Unreadable
    changed = dict(annotation)
    if annotation.get("boundingPoly") is not None:
        changed["boundingPoly"] = [
            [_ring(ring, size) for ring in item] if isinstance(item, list) else _ring(item, size)
            for item in _listed(annotation["boundingPoly"])
        ]
    if annotation.get("point") is not None:
        changed["pointPixels"] = _vertex(annotation["point"], size)
    if annotation.get("polyline") is not None:
        changed["polylinePixels"] = [
            _vertex(vertex, size) for vertex in _listed(annotation["polyline"])
        ]
    return changed


def _ring(ring: Any, size: Size) -> dict[str, Any]:
    if not isinstance(ring, Mapping):
        raise Unreadable
    vertices = _listed(ring.get("normalizedVertices"))
    return {**ring, "vertices": [_vertex(vertex, size) for vertex in vertices]}


def _vertex(vertex: Any, size: Size) -> dict[str, Any]:
    """The vertex in pixels, whatever else it holds kept."""
    if not isinstance(vertex, Mapping):
        raise Unreadable
    x, y = vertex.get("x"), vertex.get("y")
    if not (is_number(x) and is_number(y)):
        raise Unreadable
    return {**vertex, "x": x * size[0], "y": y * size[1]}


def _listed(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise Unreadable
    return value
