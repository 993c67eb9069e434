"""Answers of a label with pixel coordinates beside the fractions, as raw archives hold them.

Nothing is changed in place: what differs is built again, the rest is shared.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from kili_export.core.asset import SelectedAsset
from kili_export.core.pictures.size import LARGEST_SIDE
from kili_export.formats.common.format import LossCollector
from kili_export.formats.common.jobs import place_of
from kili_export.formats.shapes.geometry import vertices_of
from kili_export.formats.shapes.numbers import Number, is_number

Size = tuple[Number, Number]
UNREADABLE = "an annotation's coordinates cannot be read, it is written as it was"


def size_of(fields: Mapping[str, Any]) -> Size | None:
    """Width and height of the picture in pixels, None when they are not known."""
    resolution = fields.get("resolution")
    if not isinstance(resolution, dict | Mapping):
        return None
    width, height = resolution.get("width"), resolution.get("height")
    return (width, height) if is_number(width) and is_number(height) else None


def without_nonsense_size(asset: SelectedAsset) -> SelectedAsset:
    """The asset as if its size were not known, where Kili tells one that no picture can have."""
    size = size_of(asset.fields)
    if size is None or all(0 < side <= LARGEST_SIDE for side in size):
        return asset
    return replace(asset, fields={**asset.fields, "resolution": None})


def with_pixels(
    response: Mapping[str, Any],
    scaled_jobs: Collection[str],
    size: Size,
    rotation: Any,
    losses: LossCollector,
) -> dict[str, Any]:
    """The answers of a label or frame, with pixels beside the vertices of `scaled_jobs`.

    Items of a `boundingPoly` are replaced by their vertices in the stored picture, which drops
    whatever else they held; points and lines keep the rotation of the view. Both are what the
    SDK writes.
    """
    return {
        job: _scaled_answer(job, answer, rotation, size, losses) if job in scaled_jobs else answer
        for job, answer in response.items()
    }


def _scaled_answer(job: str, answer: Any, angle: Any, size: Size, losses: LossCollector) -> Any:
    annotations = answer.get("annotations") if isinstance(answer, Mapping) else None
    if not isinstance(annotations, list) or not annotations:
        return answer
    scaled = []
    for annotation in annotations:
        try:
            scaled.append(_scaled_annotation(annotation, angle, size))
        except Unreadable:
            losses.add(UNREADABLE, place_of(job, annotation))
            scaled.append(annotation)
    return {**answer, "annotations": scaled}


class Unreadable(Exception):
    """A shape is not made of vertices with numbers."""


def _scaled_annotation(annotation: Any, angle: Any, size: Size) -> Any:
    if not isinstance(annotation, Mapping):
        raise Unreadable
    changed = dict(annotation)
    if "boundingPoly" in annotation:
        changed["boundingPoly"] = _scaled_rings(annotation["boundingPoly"], angle, size)
    if "point" in annotation:
        changed["pointPixels"] = scaled(annotation["point"], size)
    if "polyline" in annotation:
        changed["polylinePixels"] = scaled(annotation["polyline"], size)
    if "points" in annotation:
        changed["points"] = _scaled_pose(annotation["points"], size)
    return changed


def _scaled_rings(rings: Any, angle: Any, size: Size) -> list[Any]:
    if not isinstance(rings, list):
        raise Unreadable
    width, height = size
    result = []
    for ring in rings:
        points = vertices_of(ring, angle)
        if points is None:
            raise Unreadable
        result.append(
            {
                "normalizedVertices": [{"x": x, "y": y} for x, y in points],
                "vertices": [{"x": x * width, "y": y * height} for x, y in points],
            }
        )
    return result


def _scaled_pose(points: Any, size: Size) -> list[Any]:
    if not isinstance(points, list) or not all(isinstance(point, Mapping) for point in points):
        raise Unreadable
    return [
        {**point, "pointPixels": scaled(point["point"], size)} if "point" in point else point
        for point in points
    ]


def scaled(value: Any, size: Size) -> Any:
    """`value` with every object of exactly an `x` and a `y` in it scaled to pixels."""
    if isinstance(value, list):
        return [scaled(item, size) for item in value]
    if not isinstance(value, Mapping):
        return value
    if value.keys() == {"x", "y"}:
        x, y = value["x"], value["y"]
        if not (is_number(x) and is_number(y)):
            raise Unreadable
        return {"x": x * size[0], "y": y * size[1]}
    return {key: scaled(item, size) for key, item in value.items()}
