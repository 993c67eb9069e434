"""Vertices of labels: reading them, undoing the rotation of a view, bounding boxes.

Vertices are fractions of the picture's width and height, x to the right and y down, relative to
the view that the labeler saw. A view can be turned by 90, 180 or 270 degrees; formats hold
coordinates of the picture as it is stored. Each expression is the one that the SDK evaluates, so
that the last bit of a float agrees too: `1 - 0.8` stays 0.19999999999999996.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from kili_export.domain.numbers import Number, is_number

Point = tuple[Number, Number]

ROTATION_JOB = "ROTATION_JOB"


def rotation_of(response: Mapping[str, Any]) -> Any:
    """The angle by which the view of a label or video frame was turned, 0 when none is noted."""
    job = response.get(ROTATION_JOB)
    return job.get("rotation", 0) if isinstance(job, Mapping) else 0


def vertices_of(ring: Any, rotation: Any) -> list[Point] | None:
    """The points of a ring of a `boundingPoly`, as in the stored picture.

    None when the item holds no list of vertices, or one that is not made of finite numbers.
    """
    vertices = ring.get("normalizedVertices") if isinstance(ring, dict) else None
    return None if vertices is None else points_of(vertices, rotation)


def points_of(vertices: Any, rotation: Any) -> list[Point] | None:
    """A list of `{"x": …, "y": …}` as points of the stored picture, None when it is not one."""
    if not isinstance(vertices, list):
        return None
    points: list[Point] = []
    for vertex in vertices:
        if not isinstance(vertex, dict):
            return None
        x, y = vertex.get("x"), vertex.get("y")
        if not (is_number(x) and is_number(y)):
            return None
        points.append((x, y))
    return unrotated(points, rotation)


def unrotated(points: list[Point], rotation: Any) -> list[Point]:
    """Undoes the rotation of the view; angles other than 90, 180 and 270 change nothing."""
    if rotation == 90:
        return [(y, 1 - x) for x, y in points]
    if rotation == 180:
        return [(1 - x, 1 - y) for x, y in points]
    if rotation == 270:
        return [(1 - y, x) for x, y in points]
    return points


def bounds(points: Sequence[Point]) -> tuple[Number, Number, Number, Number]:
    """The smallest and largest coordinates: x min, y min, x max, y max. `points` is not empty."""
    xs = [x for x, _ in points]
    ys = [y for _, y in points]
    return min(xs), min(ys), max(xs), max(ys)
