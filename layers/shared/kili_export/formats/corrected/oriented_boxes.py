"""Turned boxes that leave their picture, as oriented boxes."""

from collections.abc import Sequence
from typing import Final

from kili_export.formats.shapes.geometry import Point, bounds

Corners = list[Point]

# Of the box's sides: how far corners of a box may be off that were computed with floats.
_SKEWED: Final = 1e-6
_ROUNDING: Final = 1e-9


def upright_corners(points: Sequence[Point]) -> Corners:
    """The corners of the upright box around points."""
    left, top, right, bottom = bounds(points)
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def smallest_box_around(inside: Sequence[Point], drawn: Sequence[Point]) -> Corners:
    """The corners of the smallest rectangle around what of a drawn one is in the picture.

    A smallest rectangle around an outline without dents lies along one of its sides. The sides of
    what is inside are the drawn box's and the picture's, so it is turned as the drawn one is, or
    upright; in fractions, whatever the picture's size, since both shrink alike. A turned one may
    reach over the border with its corners. It is upright where trainers would refuse it: with its
    middle outside of the picture, or larger than the picture is. So it is around a drawn shape
    that is no rectangle.
    """
    upright = upright_corners(inside)
    turned = _turned_corners(inside, drawn)
    if turned is None or not _is_read(turned):
        return upright
    is_smaller = _area(turned) < _area(upright) * (1 - _ROUNDING)
    return turned if is_smaller else upright


def _turned_corners(inside: Sequence[Point], drawn: Sequence[Point]) -> Corners | None:
    """Those of the box around points whose sides are parallel to those of a drawn one."""
    if len(drawn) != 4:
        return None
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = drawn
    ux, uy, vx, vy = bx - ax, by - ay, dx - ax, dy - ay
    size = max(abs(ux), abs(uy), abs(vx), abs(vy))
    skew = max(abs(bx + dx - ax - cx), abs(by + dy - ay - cy))
    determinant = ux * vy - uy * vx
    if skew > _SKEWED * size or not determinant:
        return None
    along = [((x - ax) * vy - (y - ay) * vx) / determinant for x, y in inside]
    across = [((y - ay) * ux - (x - ax) * uy) / determinant for x, y in inside]
    ends = upright_corners(list(zip(along, across, strict=True)))
    return [(ax + s * ux + t * vx, ay + s * uy + t * vy) for s, t in ends]


def _area(corners: Corners) -> float:
    (ax, ay), (bx, by), _, (dx, dy) = corners
    return float(abs((bx - ax) * (dy - ay) - (by - ay) * (dx - ax)))


def _is_read(corners: Corners) -> bool:
    """Whether the upright box around the corners has its middle in the picture, and fits in it."""
    left, top, right, bottom = bounds(corners)
    is_middle_inside = 0 <= left + right <= 2 and 0 <= top + bottom <= 2
    return is_middle_inside and right - left <= 1 and bottom - top <= 1
