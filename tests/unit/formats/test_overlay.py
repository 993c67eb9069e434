"""What of shapes lies in the picture, and which of them stay as they were drawn."""

import pytest

from kili_export.formats.shapes.overlay import Piece, visible_pieces
from kili_export.formats.shapes.polygon_area import enclosing_rings, is_plain, signed_area

SQUARE = [(0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75)]
INNER = [(0.375, 0.375), (0.5, 0.375), (0.5, 0.5), (0.375, 0.5)]
BOW_TIE = [(0.25, 0.25), (0.75, 0.75), (0.75, 0.25), (0.25, 0.75)]
# Three teeth, whose roots are above the picture.
COMB = [(0.0, -0.5), (0.125, 0.5), (0.25, -0.25), (0.5, 0.5), (0.625, -0.25), (0.875, 0.5), (1, -1)]


def areas(pieces: list[Piece]) -> list[float]:
    return sorted(round(piece.area, 9) for piece in pieces)


@pytest.mark.parametrize(
    ("outline", "holes"),
    [
        pytest.param(SQUARE, [], id="an outline"),
        pytest.param(SQUARE[::-1], [], id="the other way around"),
        pytest.param(SQUARE, [INNER], id="a hole in it"),
        pytest.param(SQUARE, [INNER[::-1]], id="a hole the other way around"),
        pytest.param([*SQUARE, SQUARE[0], *INNER[::-1], INNER[-1]], [], id="a keyhole"),
        pytest.param([(0, 0), (1, 0), (1, 1), (0, 1)], [], id="the whole picture"),
    ],
)
def test_what_needs_no_correction_stays_as_it_was_drawn(
    outline: list[tuple[float, float]], holes: list[list[tuple[float, float]]]
) -> None:
    assert visible_pieces(outline, holes) == [Piece(outline, holes)]


@pytest.mark.parametrize(
    ("outline", "holes", "expected"),
    [
        pytest.param([(x - 0.5, y) for x, y in SQUARE], [], [0.125], id="across the border"),
        pytest.param([(x - 1, y) for x, y in SQUARE], [], [], id="outside"),
        pytest.param([(x - 0.75, y) for x, y in SQUARE], [], [], id="along the border"),
        pytest.param([(-0.3, 0.2), (0.2, -0.3), (-0.3, -0.3)], [], [], id="around a corner"),
        pytest.param([(-2, -2), (3, -2), (3, 3), (-2, 3)], [], [1], id="around the picture"),
        pytest.param([(-1e50, -2), (3, -2), (3, 3), (-1e50, 3)], [], [1], id="far out"),
        pytest.param(
            [(0.5, 0.5), (1e90, 0.5), (1e90, 0.25), (0.5, 0.25)], [], [0.125], id="farther"
        ),
        pytest.param(COMB, [], [0.036458333, 0.052083333, 0.0625], id="several pieces"),
        pytest.param(BOW_TIE, [], [0.0625, 0.0625], id="a bow-tie"),
        pytest.param([*SQUARE, *SQUARE], [], [0.25], id="walked twice"),
        pytest.param([(0.25, 0.25), (0.5, 0.5), (0.75, 0.75)], [], [], id="a line"),
        pytest.param([(0.5, 0.5)] * 3, [], [], id="a point"),
        pytest.param([*SQUARE[:2], (1.0, 0.25), *SQUARE[1:]], [], [0.25], id="a spike"),
        pytest.param(SQUARE, [[(x + 0.25, y) for x, y in SQUARE]], [0.125], id="a hole beyond"),
        pytest.param(INNER, [SQUARE], [], id="a hole around it"),
        pytest.param(SQUARE, [SQUARE], [], id="all hole"),
        pytest.param(SQUARE, [[(x + 1, y) for x, y in SQUARE]], [0.25], id="a hole elsewhere"),
        # Summed by direction it takes away nothing, and it has nothing to take away.
        pytest.param(INNER, [[(0, 0), (0.2, 0.2), (0.2, 0), (0, 0.2)]], [0.015625], id="odd hole"),
        pytest.param(SQUARE, [INNER, INNER], [0.234375], id="a hole twice"),
        pytest.param(SQUARE, [BOW_TIE], [0.125], id="a hole that crosses itself"),
        pytest.param(
            SQUARE,
            [[(0.0, 0.4375), (1, 0.4375), (1, 0.5625), (0, 0.5625)]],
            [0.09375] * 2,
            id="a hole that parts it",
        ),
    ],
)
def test_areas_of_what_is_in_the_picture(
    outline: list[tuple[float, float]],
    holes: list[list[tuple[float, float]]],
    expected: list[float],
) -> None:
    assert areas(visible_pieces(outline, holes)) == expected


def test_a_hole_that_encloses_nothing_elsewhere_is_not_written() -> None:
    [piece] = visible_pieces(INNER, [[(0, 0), (0.2, 0.2), (0.2, 0), (0, 0.2)]])
    assert not piece.holes


def test_points_that_were_drawn_stay_what_they_are() -> None:
    odd = [(-0.5, 1 / 3), (0.1 + 0.2, 1 / 3), (0.1 + 0.2, 2 / 3), (-0.5, 2 / 3)]
    [piece] = visible_pieces(odd)
    assert set(piece.outline) == {(0, 1 / 3), (0.1 + 0.2, 1 / 3), (0.1 + 0.2, 2 / 3), (0, 2 / 3)}


def test_a_hole_that_stays_within_is_one_of_its_piece() -> None:
    [piece] = visible_pieces([(x * 2 - 0.75, y) for x, y in SQUARE], [INNER])
    assert len(piece.holes) == 1
    assert piece.area == pytest.approx(0.75 * 0.5 - 0.125 * 0.125)


def test_an_island_in_a_hole_is_a_piece_of_its_own() -> None:
    # The hole goes around, and back around the island in it.
    hole = [(0.3, 0.3), (0.7, 0.3), (0.7, 0.7), (0.3, 0.7), (0.3, 0.3), *INNER, INNER[0]]
    assert areas(visible_pieces(SQUARE, [hole])) == [0.015625, 0.09]


@pytest.mark.parametrize(
    ("outline", "count"),
    [
        pytest.param(SQUARE, 1, id="simple"),
        pytest.param([SQUARE[0], *SQUARE], 1, id="a point repeated"),
        pytest.param(BOW_TIE, 2, id="crosses itself"),
        pytest.param([(0, 0), (1, 0), (2, 0)], 0, id="a line"),
        pytest.param([], 0, id="nothing"),
    ],
)
def test_rings_that_enclose_what_an_outline_does(
    outline: list[tuple[float, float]], count: int
) -> None:
    rings = enclosing_rings(outline)
    assert len(rings) == count
    assert all(is_plain(ring) for ring in rings)
    assert is_plain(outline) is (count == 1)


def test_an_area_has_a_sign_by_direction() -> None:
    assert signed_area(SQUARE) == -signed_area(SQUARE[::-1]) == 0.25
