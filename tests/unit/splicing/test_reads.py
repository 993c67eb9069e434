from collections.abc import Iterator, Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kili_export.splicing.part_reads import Read, assembled, inline_bytes, plan_reads
from kili_export.splicing.upload_parts import BufferPart, CopyRange, InlineBytes, Piece, Source
from tests.unit.splicing.simple_archives import render

OBJECTS = {key: bytes(ord(key) ^ octet for octet in range(200)) for key in "abc"}


@st.composite
def parts(draw: st.DrawFn) -> BufferPart:
    some: list[Piece] = []
    for _ in range(draw(st.integers(0, 12))):
        if draw(st.booleans()):
            some.append(InlineBytes(draw(st.binary(max_size=9))))
        else:
            start = draw(st.integers(0, 199))
            source = Source(draw(st.sampled_from("abc")), "e", 200)
            some.append(CopyRange(source, start, draw(st.integers(0, 200 - start))))
    return BufferPart(tuple(some))


@given(parts(), st.integers(0, 60), st.integers(1, 90))
def test_reads_and_inline_bytes_make_the_part(
    part: BufferPart, max_gap: int, max_read: int
) -> None:
    made = bytearray(part.length)
    for target, data in inline_bytes(part):
        made[target : target + len(data)] = data
    for read in plan_reads(part, max_gap=max_gap, max_read=max_read):
        assert 0 < read.length <= max_read
        data = OBJECTS[read.source.key][read.start : read.start + read.length]
        for cut in read.cuts:
            made[cut.target : cut.target + cut.length] = data[cut.start : cut.start + cut.length]
    assert bytes(made) == render(part.pieces, OBJECTS)


def test_ranges_around_a_small_hole_are_one_request() -> None:
    source = Source("a", "e", 10_000_000)
    part = BufferPart((CopyRange(source, 0, 100), InlineBytes(b"x"), CopyRange(source, 300, 50)))
    (read,) = plan_reads(part)
    assert (read.start, read.length) == (0, 350)


def test_ranges_far_apart_are_two_requests() -> None:
    source = Source("a", "e", 10_000_000)
    part = BufferPart((CopyRange(source, 0, 100), CopyRange(source, 5_000_000, 50)))
    assert [(read.start, read.length) for read in plan_reads(part)] == [(0, 100), (5_000_000, 50)]


def test_a_part_is_assembled_out_of_what_is_at_hand_and_what_is_read() -> None:
    objects = {"a": bytes(range(100)), "b": bytes(range(100, 200))}
    one, other = (Source(key, "etag", 100) for key in objects)
    part = BufferPart(
        (
            InlineBytes(b"first"),
            CopyRange(one, 10, 5),
            CopyRange(other, 3, 4),
            CopyRange(one, 17, 2),
            InlineBytes(b"last"),
        )
    )

    def fetch(reads: Sequence[Read]) -> Iterator[bytes]:
        for read in reads:
            yield objects[read.source.key][read.start : read.start + read.length]

    expected = b"first" + bytes(range(10, 15)) + bytes(range(103, 107)) + b"\x11\x12" + b"last"
    assert assembled(part, fetch) == expected


def test_a_gap_and_a_request_have_their_limits() -> None:
    source = Source("a", "etag", 1_000)

    def requests(*ranges: tuple[int, int], max_gap: int = 10, max_read: int = 50) -> list[Any]:
        part = BufferPart(tuple(CopyRange(source, *one) for one in ranges))
        reads = plan_reads(part, max_gap=max_gap, max_read=max_read)
        return [(read.start, read.length) for read in reads]

    assert requests((0, 5), (15, 5)) == [(0, 20)]
    assert requests((0, 5), (16, 5)) == [(0, 5), (16, 5)]
    assert requests((0, 30), (35, 15)) == [(0, 50)]
    assert requests((0, 30), (35, 16)) == [(0, 30), (35, 16)]
    assert requests((0, 120)) == [(0, 50), (50, 50), (100, 20)]
