"""Outlines whose sides all run along the axes, as masks have them that were traced along pixels.

Such an outline has thousands of points on few columns and rows. Where it meets itself follows from
the crossings of columns and rows that it passes, in whole numbers, without comparing its sides.
"""

from collections.abc import Sequence
from operator import add, eq, or_, sub
from typing import Final

_MOST_PLACES: Final = 16
"""Crossings passed, for each side. Where sides are longer, comparing them takes no more time."""


def touching_corners(xs: Sequence[float], ys: Sequence[float]) -> list[int] | None:
    """A number for each point of a ring along the axes that touches itself, if at all, at points.

    Equal points have equal numbers. None where a side lies on another or ends on it, and also
    where that takes a closer look. No point is repeated at once.
    """
    next_xs, next_ys = (*xs[1:], xs[0]), (*ys[1:], ys[0])
    if not all(map(or_, map(eq, xs, next_xs), map(eq, ys, next_ys))):
        return None
    columns = {x: number for number, x in enumerate(sorted(set(xs)))}
    width = len(columns)
    rows = {y: number * width for number, y in enumerate(sorted(set(ys)))}
    corners = list(map(add, map(columns.__getitem__, xs), map(rows.__getitem__, ys)))
    followers = [*corners[1:], corners[0]]
    passed = _passed(corners, list(map(sub, followers, corners)), width)
    if passed is None:
        return None
    places = set(corners)
    touches = len(places) < len(corners)
    count = len(places) + len(passed)
    places.update(passed)
    if len(places) < count or (touches and _walks_again(corners, followers)):
        return None
    return corners


def _passed(corners: Sequence[int], steps: Sequence[int], width: int) -> list[int] | None:
    """The crossings within sides, None when there are too many to look at."""
    passed: list[int] = []
    most = _MOST_PLACES * len(corners)
    short = frozenset({1, -1, width, -width})
    for corner, step in zip(corners, steps, strict=True):
        if step not in short:
            pace = 1 if -width < step < width else width
            if step < 0:
                pace = -pace
            passed += range(corner + pace, corner + step, pace)
            if len(passed) > most:
                return None
    return passed


def _walks_again(corners: Sequence[int], followers: Sequence[int]) -> bool:
    """Whether a side that passes no crossing is walked twice, in whichever direction."""
    sides = set(zip(corners, followers, strict=True))
    sides.update(zip(followers, corners, strict=True))
    return len(sides) < 2 * len(corners)
