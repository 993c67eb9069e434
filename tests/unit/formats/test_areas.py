"""Areas of outlines that cross, touch or retrace themselves."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kili_export.domain.planar import boundary_rings, is_simple
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
    assert is_simple(outline)
