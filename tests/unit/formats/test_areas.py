"""Areas of outlines that cross, touch or retrace themselves."""

import math
from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kili_export.core.asset import SelectedAsset
from kili_export.core.errors import AssetError, TangledOutline
from kili_export.core.export_options import ExportOptions, Layout
from kili_export.formats.common.format import ExportContext
from kili_export.formats.registry import format_of
from kili_export.formats.shapes import crossings
from kili_export.formats.shapes.crossings import meetings, only_touches
from kili_export.formats.shapes.planar import boundary_rings
from kili_export.formats.shapes.polygon_area import enclosed_area
from kili_export.formats.shapes.simple_outlines import goes_around_once, goes_there_and_back
from kili_export.formats.shapes.traced_outlines import touching_corners
from tests.support.kili_samples import answers, job, label, project, ring, shape

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
    xs, ys = zip(*ring, strict=True)
    if goes_around_once(xs, ys) or goes_there_and_back(xs, ys):
        assert not list(meetings(ring))
    if touching_corners(xs, ys):
        assert only_touches(ring)


ways = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=3, max_size=12)


@given(ways, st.lists(st.booleans(), min_size=12, max_size=12), st.booleans())
@settings(derandomize=True, max_examples=200, deadline=None)
def test_an_outline_that_goes_there_and_back_does_not_cross_itself(
    corners: list[tuple[float, float]], lower: list[bool], upright: bool
) -> None:
    ordered = sorted({(y, x) if upright else (x, y) for x, y in corners})
    assume(len(ordered) > 2)
    below = [point for point, is_lower in zip(ordered, lower, strict=False) if is_lower]
    above = [point for point in ordered if point not in below]
    ring = [*below, *reversed(above)]
    if goes_there_and_back(*zip(*ring, strict=True)):
        assert not list(meetings(ring))


def test_outlines_that_go_there_and_back_are_recognised() -> None:
    # Not around the middle of their box; with sides across the axis, from whichever point.
    bowl = [(0.0, 4.0), (0.0, 0.0), (6.0, 0.0), (6.0, 4.0), (5.0, 0.5), (3.0, 0.25), (1.0, 0.5)]
    for first in range(len(bowl)):
        xs, ys = zip(*bowl[first:], *bowl[:first], strict=True)
        assert not goes_around_once(xs, ys)
        assert goes_there_and_back(xs, ys)
        assert goes_there_and_back(ys[::-1], xs[::-1])
    assert not goes_there_and_back(*zip(*BOW_TIE, strict=True))


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=12))
@settings(derandomize=True, max_examples=300, deadline=None)
def test_what_traced_outlines_touch_is_told_from_their_grid(turns: list[tuple[int, int]]) -> None:
    ring = [
        (float(corner), float(place))
        for (x, y), (next_x, _) in zip(turns, [*turns[1:], turns[0]], strict=True)
        for corner, place in ((x, y), (next_x, y))
    ]
    assume(all(one != two for one, two in zip(ring, [*ring[1:], ring[0]], strict=True)))
    corners = touching_corners(*zip(*ring, strict=True))
    assert (corners is not None) == only_touches(ring)
    if corners is not None:
        assert len(set(corners)) == len(set(ring))


def test_long_sides_over_many_columns_are_left_to_a_closer_look() -> None:
    teeth = [
        (float(2 * tooth + wide), float(tooth + 1) * high)
        for tooth in range(200)
        for wide, high in ((0, 0), (0, 1), (1, 1), (1, 0))
    ]
    comb = [*teeth, (399.0, -1.0), (0.0, -1.0)]
    assert touching_corners(*zip(*comb, strict=True)) is None
    assert only_touches(comb)
    few = [*teeth[:40], (19.0, -1.0), (0.0, -1.0)]
    assert touching_corners(*zip(*few, strict=True)) is not None


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


def test_an_outline_that_meets_itself_without_end_is_refused_in_time() -> None:
    random = Random(1)
    scribble = [(random.random(), random.random()) for _ in range(3_000)]
    with pytest.raises(TangledOutline, match="more than 20000 places"):
        enclosed_area(scribble)


def test_an_outline_with_too_many_sides_to_compare_is_refused_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(crossings, "_MOST_COMPARISONS", 1_000)
    comb = [(place / 100 + place % 2 / 2, float(place % 2)) for place in range(100)]
    with pytest.raises(TangledOutline, match="100 points"):
        enclosed_area(comb)


def test_coco_names_the_asset_whose_outline_is_a_tangle() -> None:
    random = Random(1)
    scribble = ring(*((random.random(), random.random()) for _ in range(1_000)))
    drawn = label(answers(MASKS=[shape("semantic", "CAR", scribble)]))
    options = ExportOptions("coco", Layout.MERGED)
    context = ExportContext(
        project({"MASKS": job(["CAR"], ["semantic"])}), options, "2026-01-02T03:04:05.678000+00:00"
    )
    fields = {"resolution": {"width": 100, "height": 100}}
    selected = SelectedAsset("as_1", "a.jpg", "1", fields, (drawn,))
    with pytest.raises(AssetError, match="draw it again") as refused:
        format_of(options).convert(selected, context)
    assert refused.value.asset_id == "as_1"
