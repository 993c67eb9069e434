"""Archives of more parts than an upload may have, as they are planned."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kili_export.core.errors import IntegrityError
from kili_export.splicing.part_joins import plan_joins
from kili_export.splicing.part_limits import DEFAULT_LIMITS, GIB, MIB, PartLimits
from kili_export.splicing.upload_parts import (
    BufferPart,
    CopyPart,
    CopyRange,
    InlineBytes,
    Part,
    Piece,
    Source,
    pack,
)
from tests.support.large import large
from tests.unit.splicing.simple_archives import render
from tests.unit.splicing.test_parts import TB, TINY, assert_valid

FEW = replace(TINY, max_parts=3, max_part=400)
MB = 10**6


def levels_of(pieces: Sequence[Piece], limits: PartLimits) -> list[list[Sequence[Part]]]:
    """The uploads of each level, the archive's own last, as if each object had been written."""
    levels: list[list[Sequence[Part]]] = []
    parts: Sequence[Part] = pack(pieces, limits)
    while groups := plan_joins(parts, limits):
        levels.append(list(groups))
        made = [
            Source(f"{len(levels)}.{number}", "e", sum(part.length for part in group))
            for number, group in enumerate(groups)
        ]
        parts = pack([CopyRange(source, 0, source.size) for source in made], limits)
    return [*levels, [parts]]


def rendered(levels: Sequence[Sequence[Sequence[Part]]], objects: dict[str, bytes]) -> bytes:
    made, result = dict(objects), b""
    for height, uploads in enumerate(levels, start=1):
        for number, parts in enumerate(uploads):
            result = b"".join(
                render(
                    part.pieces
                    if isinstance(part, BufferPart)
                    else [CopyRange(part.source, part.start, part.length)],
                    made,
                )
                for part in parts
            )
            made[f"{height}.{number}"] = result
    return result


@st.composite
def many_pieces(draw: st.DrawFn) -> tuple[list[Piece], dict[str, bytes]]:
    objects: dict[str, bytes] = {}
    some: list[Piece] = []
    for number in range(draw(st.integers(1, 60))):
        if draw(st.booleans()):
            some.append(InlineBytes(draw(st.binary(min_size=1, max_size=12))))
        else:
            data = bytes((number + at) % 256 for at in range(draw(st.sampled_from([3, 6, 20, 90]))))
            objects[f"o{number}"] = data
            start = draw(st.integers(0, len(data) - 1))
            source = Source(f"o{number}", "e", len(data))
            some.append(CopyRange(source, start, draw(st.integers(1, len(data) - start))))
    return some, objects


@settings(max_examples=150, deadline=None)
@given(many_pieces())
def test_joined_objects_make_the_same_bytes(some: tuple[list[Piece], dict[str, bytes]]) -> None:
    pieces, objects = some
    # Whatever it is: each level must bring it nearer, or it is refused.
    try:
        levels = levels_of(pieces, FEW)
    except IntegrityError:
        assert sum(piece.length for piece in pieces) > FEW.max_part
        return
    for level in levels:
        for parts in level:
            assert_valid(parts, FEW)
    assert rendered(levels, objects) == render(pieces, objects)


def batches(count: int, size: int) -> list[Piece]:
    """What full exports are made of: one object a batch, then labels and the directory."""
    media: list[Piece] = [
        CopyRange(Source(f"m{number}", "e", size), 0, size) for number in range(count)
    ]
    return [*media, InlineBytes(bytes(8 * MIB)), InlineBytes(bytes(1000))]


@pytest.mark.parametrize(
    ("count", "size", "uploads"),
    [
        (9_000, 10 * MB, [1]),
        (11_000, 10 * MB, [2, 1]),
        (100_000, 10 * MB, [11, 1]),
        pytest.param(140_000, 10 * MB, [15, 1], marks=large),
        pytest.param(1_000_000, 10 * MB, [101, 1], marks=large),
        (900, 50 * GIB, [1]),
    ],
)
def test_media_are_copied_by_the_server_however_many(
    count: int, size: int, uploads: list[int]
) -> None:
    pieces = batches(count, size)
    total = sum(piece.length for piece in pieces)
    levels = levels_of(pieces, DEFAULT_LIMITS)
    assert [len(level) for level in levels] == uploads
    for level in levels:
        assert sum(part.length for parts in level for part in parts) == total
        for parts in level:
            assert_valid(parts, DEFAULT_LIMITS)
    assert through_client(levels) < 30 * MIB


def through_client(levels: Sequence[Sequence[Sequence[Part]]]) -> int:
    return sum(
        part.length
        for level in levels
        for parts in level
        for part in parts
        if isinstance(part, BufferPart)
    )


def test_small_objects_go_through_the_client_once_and_no_others_with_them() -> None:
    small, large = 3 * MIB, 40 * MIB
    pieces: list[Piece] = []
    for number in range(60_000):
        size = large if number % 3 else small
        pieces.append(CopyRange(Source(f"m{number}", "e", size), 0, size))
    levels = levels_of(pieces, DEFAULT_LIMITS)
    for level in levels:
        for parts in level:
            assert_valid(parts, DEFAULT_LIMITS)
    # Each is filled up to the least that a part may have.
    assert through_client(levels) <= 20_000 * 5 * MIB
    assert all(isinstance(part, CopyPart) for part in levels[-1][0])


def test_an_archive_with_many_holes_is_copied_around_them() -> None:
    size, holes = TB, 20_000
    source, step = Source("archive", "e", size), size // (holes + 1)
    pieces: list[Piece] = [
        CopyRange(source, number * step + 200, step - 200) for number in range(holes)
    ]
    levels = levels_of(pieces, DEFAULT_LIMITS)
    assert [len(level) for level in levels] == [2, 1]
    assert through_client(levels) == 0


def test_what_no_object_can_hold_is_refused() -> None:
    with pytest.raises(IntegrityError, match="do not fit into 10000 parts"):
        levels_of(batches(60_000, GIB), DEFAULT_LIMITS)
