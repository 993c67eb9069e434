"""Vertices of labels: reading them, undoing the rotation of a view, bounding boxes.

Vertices are fractions of the picture's width and height, x to the right and y down, relative to
the view that the labeler saw. A view can be turned by 90, 180 or 270 degrees; formats hold
coordinates of the picture as it is stored. Each expression is the one that the SDK evaluates, so
that the last bit of a float agrees too: `1 - 0.8` stays 0.19999999999999996.
"""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any, Final

from kili_export.formats.shapes.numbers import Number, are_numbers

Point = tuple[Number, Number]
Axes = tuple[Sequence[Number], Sequence[Number]]
_x_of, _y_of = itemgetter("x"), itemgetter("y")
ROTATION_JOB = "ROTATION_JOB"
# The angles by which a view can be turned; any other leaves it as it is.
TURNED: Final = (90, 180, 270)


def rotation_of(response: Mapping[str, Any]) -> Any:
    """The angle by which the view of a label or video frame was turned, 0 when none is noted."""
    job = response.get(ROTATION_JOB)
    # Most labels have none, and to look for None is many times quicker than for a mapping.
    return 0 if job is None or not isinstance(job, Mapping) else job.get("rotation", 0)


def vertices_of(ring: Any, rotation: Any) -> list[Point] | None:
    """The points of a ring of a `boundingPoly`, as in the stored picture.

    None when the item holds no list of vertices, or one that is not made of finite numbers.
    """
    axes = ring_axes(ring, rotation)
    return None if axes is None else list(zip(*axes, strict=True))


def ring_axes(ring: Any, rotation: Any) -> Axes | None:
    """As `vertices_of`, but all x and all y apart, which is faster where there are many."""
    vertices = ring.get("normalizedVertices") if isinstance(ring, dict) else None
    return None if vertices is None else axes_of(vertices, rotation)


def points_of(vertices: Any, rotation: Any) -> list[Point] | None:
    """A list of `{"x": …, "y": …}` as points of the stored picture, None when it is not one."""
    axes = axes_of(vertices, rotation)
    return None if axes is None else list(zip(*axes, strict=True))


def axes_of(vertices: Any, rotation: Any) -> Axes | None:
    """As `points_of`, but all x and all y apart."""
    if not isinstance(vertices, list):
        return None
    try:
        xs, ys = [*map(_x_of, vertices)], [*map(_y_of, vertices)]
    except (KeyError, TypeError):
        return None
    if not are_numbers([*xs, *ys]):
        return None
    if rotation == 90:
        return ys, [1 - x for x in xs]
    if rotation == 180:
        return [1 - x for x in xs], [1 - y for y in ys]
    if rotation == 270:
        return [1 - y for y in ys], xs
    return xs, ys


def unrotated(point: Point, rotation: Any) -> Point:
    """Undoes the rotation of the view; angles other than 90, 180 and 270 change nothing."""
    x, y = point
    if rotation == 90:
        return y, 1 - x
    if rotation == 180:
        return 1 - x, 1 - y
    if rotation == 270:
        return 1 - y, x
    return point


def bounds(points: Sequence[Point]) -> tuple[Number, Number, Number, Number]:
    """The smallest and largest coordinates: x min, y min, x max, y max. `points` is not empty."""
    xs = [x for x, _ in points]
    ys = [y for _, y in points]
    return min(xs), min(ys), max(xs), max(ys)
