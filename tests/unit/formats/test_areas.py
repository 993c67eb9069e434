"""Areas of outlines that cross, touch or retrace themselves."""

import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kili_export.domain.crossings import goes_around_once, meetings, only_touches
from kili_export.domain.planar import boundary_rings
from kili_export.domain.polygon_area import enclosed_area

SQUARE = [(0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (0.0, 2.0)]
BOW_TIE = [(0.0, 0.0), (2.0, 2.0), (2.0, 0.0), (0.0, 2.0)]
STAR = [
    (math.cos(4 * math.pi * corner / 5), math.sin(4 * math.pi * corner / 5)) for corner in range(5)
]


@pytest.mark.parametrize(
    ("outline", "area"),
    [
        pytest.param(SQUARE, 4, id="square"),
        pytest.param([*SQUARE, SQUARE[0]], 4, id="closed"),
        pytest.param(SQUARE[::-1], 4, id="clockwise"),
        pytest.param([SQUARE[0], *SQUARE, SQUARE[-1]], 4, id="points repeated"),
        pytest.param(BOW_TIE, 2, id="bow-tie"),
        pytest.param(SQUARE + SQUARE, 4, id="walked twice"),
        pytest.param([*SQUARE[:2], (3.0, 0.0), (2.0, 0.0), *SQUARE[2:]], 4, id="spike"),
        pytest.param([(0.0, 0.0), (1.0, 1.0), (2.0, 2.0)], 0, id="line"),
        pytest.param([(1.0, 1.0)] * 4, 0, id="point"),
        pytest.param([], 0, id="nothing"),
    ],
)
def test_area(outline: list[tuple[float, float]], area: float) -> None:
    assert enclosed_area(outline) == area


def test_the_middle_of_a_star_is_outside() -> None:
    tips = boundary_rings(STAR)
    assert [len(tip) for tip in tips] == [3] * 5
    # A tip stands on a side of the pentagon in the middle, with angles of 72 degrees.
    side = 2 * math.cos(math.radians(72)) / math.sin(math.radians(54)) * math.sin(math.radians(36))
    tip = side**2 / 4 * math.tan(math.radians(72))
    assert math.isclose(enclosed_area(STAR), 5 * tip)


def test_a_ring_around_a_hole_that_it_touches_counts_both() -> None:
    outline = [(0, 0), (4, 0), (4, 4), (0, 4), (0, 0), (1, 3), (3, 3), (3, 1)]
    assert enclosed_area([(float(x), float(y)) for x, y in outline]) == 16 + 6


def test_nothing_enclosed_is_the_integer_zero() -> None:
    assert type(enclosed_area([(0.0, 0.0), (1.0, 0.0), (2.0, 0.0)])) is int


@given(st.integers(3, 60), st.floats(0.1, 1000))
def test_an_outline_that_goes_around_once_does_not_cross_itself(count: int, size: float) -> None:
    outline = [
        (
            size * (1 + corner % 3) * math.cos(2 * math.pi * corner / count),
            size * (1 + corner % 3) * math.sin(2 * math.pi * corner / count),
        )
        for corner in range(count)
    ]
    assert not list(meetings(outline))


lattice = st.tuples(st.integers(0, 4), st.integers(0, 4))


@given(st.lists(lattice, min_size=3, max_size=9))
@settings(derandomize=True, max_examples=200, deadline=None)
def test_the_quick_ways_agree_with_the_thorough_one(corners: list[tuple[int, int]]) -> None:
    # On a small grid outlines touch, cross and retrace themselves all the time.
    ring = [(float(x), float(y)) for x, y in corners]
    assume(all(one != two for one, two in zip(ring, [*ring[1:], ring[0]], strict=True)))
    rings = boundary_rings(ring)
    assert enclosed_area(ring) == sum(enclosed_area(loop) for loop in rings)
    if goes_around_once(*zip(*ring, strict=True)):
        assert not list(meetings(ring))


@pytest.mark.parametrize(
    ("outline", "touches"),
    [
        pytest.param("00 20 22 02", True, id="simple"),
        pytest.param("00 20 22 12 31 11", False, id="crosses"),
        pytest.param("00 20 11 22 02 11", True, id="meets a corner again"),
        pytest.param("00 40 42 20 02", False, id="a corner on a side"),
        pytest.param("00 20 22 42 20 22 02", False, id="walks along a side again"),
        pytest.param("00 40 44 22 42 22 04", False, id="out and back"),
    ],
)
def test_touching_is_told_from_crossing(outline: str, touches: bool) -> None:
    ring = [(float(place[0]), float(place[1])) for place in outline.split()]
    assert only_touches(ring) == touches
