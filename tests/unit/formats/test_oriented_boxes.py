"""Turned boxes that leave the picture stay rectangles."""

import math
from itertools import pairwise

import pytest

from kili_export.formats.corrected.oriented_boxes import smallest_box_around
from kili_export.formats.shapes.overlay import visible_pieces

Points = list[tuple[float, float]]


def turned(x: float, y: float, width: float, height: float, degrees: float) -> Points:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return [
        (x + across * c - down * s, y + across * s + down * c)
        for across, down in (
            (-width / 2, height / 2),
            (-width / 2, -height / 2),
            (width / 2, -height / 2),
            (width / 2, height / 2),
        )
    ]


def around(drawn: Points) -> Points:
    [piece] = visible_pieces(drawn)
    return [(float(x), float(y)) for x, y in smallest_box_around(piece.outline, drawn)]


def sides(corners: Points) -> list[float]:
    return [math.dist(one, two) for one, two in pairwise(corners)]


def test_a_turned_box_keeps_its_angle() -> None:
    corners = around(turned(0, 0.5, 0.6, 0.1, 60))
    assert sides(corners) == pytest.approx([0.1, 0.3866, 0.1], abs=1e-4)
    # It ends with the last of what is inside: one corner reaches over the border.
    assert min(x for x, _ in corners) == pytest.approx(-0.1 * math.cos(math.radians(30)))


def test_what_is_smaller_upright_is_upright() -> None:
    # It covers the picture but for two of its corners.
    assert around(turned(0.5, 0.5, 3, 1.3, 45)) == [(0, 0), (1, 0), (1, 1), (0, 1)]


def test_a_box_that_would_be_larger_than_the_picture_is_upright() -> None:
    # From one corner of the picture to the other, and beyond both.
    drawn = turned(0.5, 0.5, 3, 0.25, 45)
    assert around(drawn) == [(0, 0), (1, 0), (1, 1), (0, 1)]


@pytest.mark.parametrize("degrees", [0, 90, 30, 45, 60, 135, 170])
@pytest.mark.parametrize("place", [(0, 0.5), (1, 0.25), (0.5, 1), (0.05, 0.05), (0.95, 0.9)])
def test_boxes_over_any_border_enclose_what_is_inside(
    degrees: float, place: tuple[float, float]
) -> None:
    drawn = turned(*place, 0.4, 0.2, degrees)
    [piece] = visible_pieces(drawn)
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = around(drawn)
    assert (bx - ax) * (cx - bx) + (by - ay) * (cy - by) == pytest.approx(0, abs=1e-9)
    assert (ax + cx, ay + cy) == pytest.approx((bx + dx, by + dy))
    for x, y in piece.outline:
        for (ux, uy), (vx, vy) in (((ax, ay), (bx, by)), ((ax, ay), (dx, dy))):
            length = math.dist((ux, uy), (vx, vy))
            along = ((x - ux) * (vx - ux) + (y - uy) * (vy - uy)) / length
            assert -1e-9 <= along <= length + 1e-9


def test_a_drawn_shape_that_is_no_rectangle_gets_an_upright_box() -> None:
    kite = [(-0.25, 0.5), (0.5, 0.25), (0.5, 0.5), (0.25, 1)]
    [piece] = visible_pieces(kite)
    xs, ys = zip(*smallest_box_around(piece.outline, kite), strict=True)
    assert set(xs) == {0, 0.5}
    assert len(set(ys)) == 2
