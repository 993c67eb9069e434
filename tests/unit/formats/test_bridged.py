"""An outline and its holes as one ring encloses what they enclose."""

import pytest
from shapely import Polygon, contains_xy

from kili_export.formats.shapes.bridged import bridged

OUTLINE = [(0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (0.0, 10.0)]
HOLE = [(2.0, 2.0), (4.0, 2.0), (4.0, 4.0), (2.0, 4.0)]
FAR_HOLE = [(6.0, 6.0), (8.0, 6.0), (7.0, 9.0)]


def _turns_around(ring: list[tuple[float, float]], x: float, y: float) -> tuple[int, int]:
    """How often the ring goes around a point, and how many of its lines lie to the right of it."""
    turns = crossed = 0
    for (ax, ay), (bx, by) in zip(ring, [*ring[1:], ring[0]], strict=True):
        if (ay > y) != (by > y) and ax + (y - ay) / (by - ay) * (bx - ax) > x:
            turns += 1 if by > ay else -1
            crossed += 1
    return turns, crossed


def test_an_outline_without_holes_stays_as_it_is() -> None:
    assert bridged(OUTLINE, []) == OUTLINE


@pytest.mark.parametrize("outline", [OUTLINE, OUTLINE[::-1]], ids=["one way", "the other"])
@pytest.mark.parametrize("hole", [HOLE, HOLE[::-1]], ids=["one way", "the other"])
def test_filling_by_parity_and_by_direction_give_the_outline_without_its_holes(
    outline: list[tuple[float, float]], hole: list[tuple[float, float]]
) -> None:
    ring = bridged(outline, [hole, FAR_HOLE])
    wanted = Polygon(OUTLINE, [HOLE, FAR_HOLE])

    for column in range(24):
        for row in range(24):
            x, y = column / 2 - 0.77, row / 2 - 0.73
            turns, crossed = _turns_around(ring, x, y)
            inside = bool(contains_xy(wanted, x, y))
            assert (crossed % 2 == 1) is inside, (x, y)
            assert (turns != 0) is inside, (x, y)
