from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kili_export.core.errors import IntegrityError
from kili_export.splicing.part_limits import DEFAULT_LIMITS, GIB, MIB, PartLimits
from kili_export.splicing.upload_parts import (
    BufferPart,
    CopyPart,
    CopyRange,
    InlineBytes,
    Part,
    Piece,
    Source,
    buffers_of,
    parts_digest,
    plan_parts,
)

TB = 10**12
TINY = PartLimits(
    min_part=5,
    max_part=40,
    max_parts=60,
    rewrite_below=12,
    copy_from=5,
    copy=16,
    buffer=8,
)


def ranges(pieces: Sequence[Piece | Part]) -> Iterator[tuple[object, int, int]]:
    """Every byte as (where from, first, after last), neighbours joined."""
    held: tuple[object, int, int] | None = None
    for piece in pieces:
        if isinstance(piece, BufferPart):
            found = list(ranges(piece.pieces))
        elif isinstance(piece, InlineBytes):
            found = [(bytes([octet]), 0, 1) for octet in bytes(piece.data[:])]
        else:
            found = [(piece.source, piece.start, piece.start + piece.length)]
        for origin, first, after in found:
            if held and held[0] == origin and held[2] == first and isinstance(origin, Source):
                held = (origin, held[1], after)
                continue
            if held:
                yield held
            held = (origin, first, after)
    if held:
        yield held


def assert_valid(parts: Sequence[Part], limits: PartLimits) -> None:
    assert 1 <= len(parts) <= limits.max_parts
    for part in parts[:-1]:
        assert part.length >= limits.min_part, "too small a part before the last"
    for part in parts:
        assert 0 < part.length <= limits.max_part
        if isinstance(part, CopyPart):
            assert part.source.size > limits.min_part, "a copy from a source that is too small"
            assert part.length >= limits.min_part
            assert 0 <= part.start <= part.start + part.length <= part.source.size
        elif len(parts) > 1:
            assert part.length <= limits.buffer, "more than the client may hold"


@st.composite
def pieces(draw: st.DrawFn) -> list[Piece]:
    some: list[Piece] = []
    for _ in range(draw(st.integers(1, 12))):
        if draw(st.booleans()):
            some.append(InlineBytes(draw(st.binary(min_size=1, max_size=25))))
        else:
            source = Source(draw(st.sampled_from("ab")), "e", draw(st.sampled_from([3, 5, 6, 90])))
            start = draw(st.integers(0, source.size - 1))
            length = draw(st.integers(1, source.size - start))
            some.append(CopyRange(source, start, length))
    return some


@settings(max_examples=500)
@given(pieces(), st.sampled_from([TINY, replace(TINY, copy=6)]))
def test_the_parts_are_the_pieces_within_every_limit(some: list[Piece], limits: PartLimits) -> None:
    parts = plan_parts(some, limits)
    assert list(ranges(parts)) == list(ranges(some))
    assert_valid(parts, limits)


@given(pieces())
def test_small_archives_are_one_buffer(some: list[Piece]) -> None:
    total = sum(piece.length for piece in some)
    assert plan_parts(some, replace(TINY, rewrite_below=total)) == [BufferPart(tuple(some))]


def test_long_runs_are_copied_in_parallel_parts() -> None:
    source = Source("a", "e", GIB)
    parts = plan_parts([CopyRange(source, 0, GIB), InlineBytes(b"end")])
    assert [part.length for part in parts] == [256 * MIB] * 4 + [3]


def test_a_small_hole_costs_one_read_of_five_mebibytes_at_most() -> None:
    source = Source("a", "e", GIB)
    some: list[Piece] = [
        CopyRange(source, 0, 300 * MIB),
        InlineBytes(b"label"),
        CopyRange(source, 300 * MIB + 9, 300 * MIB),
        InlineBytes(b"directory"),
    ]
    parts = plan_parts(some)
    assert_valid(parts, DEFAULT_LIMITS)
    read = sum(part.length for part in parts if isinstance(part, BufferPart))
    assert read == 5 * MIB + len(b"directory")


def test_nothing_is_copied_from_a_source_of_five_mebibytes() -> None:
    small, large = Source("s", "e", 5 * MIB), Source("l", "e", 5 * MIB + 1)
    some: list[Piece] = [
        CopyRange(small, 0, 5 * MIB),
        CopyRange(large, 0, 5 * MIB),
        InlineBytes(b"e"),
    ]
    parts = plan_parts(some, replace(DEFAULT_LIMITS, rewrite_below=0))
    assert [type(part) for part in parts] == [BufferPart, CopyPart, BufferPart]


def archive_of(size: int, holes: int, hole: int = 200) -> list[Piece]:
    """What stays of `size` bytes with equally spread holes, and a directory behind it."""
    source = Source("archive", "e", size)
    step = size // (holes + 1)
    kept: list[Piece] = [
        CopyRange(source, number * step + (hole if number else 0), step - (hole if number else 0))
        for number in range(holes + 1)
    ]
    return [*kept, InlineBytes(bytes(1000))]


@pytest.mark.parametrize(
    ("size", "holes", "most_parts", "most_read"),
    [
        (70 * MIB, 0, 2, 0.001),
        (GIB, 10, 30, 0.06),
        (TB, 10, 4100, 0.0001),
        (TB, 1000, 6100, 0.006),
        (50 * TB, 100, 10_000, 0.0001),
    ],
)
def test_archives_of_any_size_fit(size: int, holes: int, most_parts: int, most_read: float) -> None:
    some = archive_of(size, holes)
    parts = plan_parts(some)
    assert_valid(parts, DEFAULT_LIMITS)
    assert sum(part.length for part in parts) == sum(piece.length for piece in some)
    assert len(parts) <= most_parts
    read = sum(part.length for part in parts if isinstance(part, BufferPart))
    assert read <= most_read * size, f"{read / size:.4f} of the archive goes through the client"


def test_a_dense_region_is_read_whole_in_few_parts() -> None:
    parts = plan_parts(archive_of(GIB, 20_000))
    assert len(parts) <= GIB // (16 * MIB) + 2
    assert all(isinstance(part, BufferPart) for part in parts)


def test_what_no_upload_can_hold_is_refused() -> None:
    with pytest.raises(IntegrityError, match="do not fit into 10000 parts"):
        plan_parts(archive_of(60 * TB, 1))


@pytest.mark.parametrize(
    "wrong", [{"buffer": 1}, {"copy_from": 1}, {"copy": 1}, {"copy": 100}, {"buffer": 41}]
)
def test_limits_must_not_contradict_each_other(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="contradict"):
        replace(TINY, **wrong)


def test_plans_are_told_apart_by_their_digest() -> None:
    source, other = Source("a", "etag", 100), Source("a", "newer", 100)
    plans: list[list[Part]] = [
        [],
        [CopyPart(source, 0, 10)],
        [CopyPart(other, 0, 10)],
        [CopyPart(source, 1, 10)],
        [CopyPart(source, 0, 11)],
        [CopyPart(source, 0, 10), CopyPart(source, 0, 10)],
        [BufferPart((InlineBytes(b"abc"),))],
        [BufferPart((InlineBytes(b"ab"), InlineBytes(b"c")))],
        [BufferPart((InlineBytes(b"abd"),))],
        [BufferPart((InlineBytes(b"ab"),)), BufferPart((InlineBytes(b"c"),))],
    ]
    digests = [parts_digest(plan) for plan in plans]
    assert len(set(digests)) == len(plans)
    assert digests == [parts_digest(list(plan)) for plan in plans]
    assert {len(digest) for digest in digests} == {64}


@pytest.mark.parametrize("size", [1, 3, 4, 100])
def test_buffers_have_all_bytes_in_order(size: int) -> None:
    source = Source("a", "etag", 100)
    pieces: list[Piece] = [InlineBytes(b"abcdefg"), CopyRange(source, 10, 9), InlineBytes(b"h")]
    buffers = list(buffers_of(pieces, size))
    assert list(ranges(buffers)) == list(ranges(pieces))
    assert [one.length for one in buffers[:-1]] == [size] * (len(buffers) - 1)
    assert 0 < buffers[-1].length <= size


def test_coarser_limits_copy_four_times_as_much_until_a_part_is_full() -> None:
    assert TINY.coarser() == replace(TINY, copy=40)
    coarser = DEFAULT_LIMITS.coarser()
    assert coarser == replace(DEFAULT_LIMITS, copy=1024 * MIB)
    assert replace(TINY, copy=40).coarser() is None
