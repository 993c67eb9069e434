import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kili_export.core.dos_time import FORMER_DATE
from kili_export.core.errors import IntegrityError
from kili_export.splicing.central_directory import Directory
from kili_export.splicing.entries import decode_local, decode_payload, encode_entry, entry_from_raw
from kili_export.splicing.entry_record import DEFLATED, STORED, Record
from kili_export.splicing.numbers import ZIP64_MARK
from kili_export.splicing.segment import SegmentBuilder
from kili_export.splicing.zip_headers import (
    SIZE_LIMIT,
    decode_record,
    encode_record,
    local_header,
    record_span,
)
from tests.unit.splicing.simple_archives import CONTENTS, NAMES, OWNERS


@given(NAMES, CONTENTS, OWNERS, st.booleans())
def test_an_entry_gives_back_what_was_put_in(
    path: str, data: bytes, owner: str, stored: bool
) -> None:
    entry = encode_entry(path, data, owner=owner, stored=stored)
    record = entry.record(offset=7)
    assert decode_local(record, entry.local) == data
    assert record.local_length == len(entry.local)
    raw = encode_record(record)
    assert decode_record(raw, 0) == record
    assert record_span(raw, 0) == (len(raw), 7, len(entry.local))
    if stored:
        assert entry.local.endswith(data)


def test_labels_are_compressed_and_media_are_not() -> None:
    data = b"0 0.5 0.5 0.1 0.1\n" * 50
    assert encode_entry("a.txt", data).method == DEFLATED
    assert encode_entry("a.jpg", data, stored=True).method == STORED


@pytest.mark.parametrize("data", [b"", b"a", bytes(range(64))])
def test_what_compression_does_not_shrink_is_stored(data: bytes) -> None:
    entry = encode_entry("a.txt", data)
    assert (entry.method, entry.compressed_size) == (STORED, len(data))


def test_the_same_file_always_gives_the_same_bytes() -> None:
    first, second = (encode_entry("a.txt", b"abc" * 40, owner="x") for _ in range(2))
    assert first == second


def test_compressed_bytes_are_used_again_as_they_are() -> None:
    entry = encode_entry("a.txt", b"abc" * 40, owner="x")
    payload = entry.local[-entry.compressed_size :]
    again = entry_from_raw(
        "b.txt", payload, method=entry.method, crc32=entry.crc32, size=entry.size, owner="y"
    )
    assert decode_local(again.record(0), again.local) == b"abc" * 40


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/a",
        "a/",
        "a//b",
        "..",
        "a/../b",
        "./a",
        "a\\b",
        "a\nb",
        "a\x00",
        "\x7f",
        "\x85",
        "\ud800",
    ],
)
def test_names_that_could_leave_a_folder_or_confuse_a_reader_are_refused(path: str) -> None:
    with pytest.raises(IntegrityError):
        encode_entry(path, b"")


def test_a_name_of_more_than_4096_bytes_is_refused() -> None:
    assert encode_entry("é" * 2048, b"").path
    with pytest.raises(IntegrityError):
        encode_entry("é" * 2049, b"")


@pytest.mark.parametrize("owner", ["é", "a\n", "x" * 129])
def test_owners_that_do_not_fit_are_refused(owner: str) -> None:
    with pytest.raises(IntegrityError):
        encode_entry("a", b"", owner=owner)


def test_an_unknown_compression_method_is_refused() -> None:
    with pytest.raises(IntegrityError):
        entry_from_raw("a", b"", method=12, crc32=0, size=0)


@pytest.mark.parametrize(
    ("payload", "size", "crc"),
    [
        (b"not deflate", 11, 0),
        (zlib.compress(b"abc", wbits=-15)[:-1], 3, zlib.crc32(b"abc")),
        (zlib.compress(b"abc", wbits=-15) + b"!", 3, zlib.crc32(b"abc")),
        (zlib.compress(b"abc", wbits=-15), 2, zlib.crc32(b"ab")),
        (zlib.compress(b"abc", wbits=-15), 4, zlib.crc32(b"abc")),
        (zlib.compress(b"abc", wbits=-15), 3, 1),
        (zlib.compress(b"\0" * 10_000_000, wbits=-15), 3, zlib.crc32(b"\0\0\0")),
    ],
)
def test_compressed_bytes_that_are_not_what_was_promised_are_refused(
    payload: bytes, size: int, crc: int
) -> None:
    with pytest.raises(IntegrityError):
        decode_payload(DEFLATED, payload, crc, size)


def test_a_bomb_is_not_inflated() -> None:
    bomb = zlib.compress(b"\0" * 50_000_000, wbits=-15)
    tracemalloc.start()
    try:
        with pytest.raises(IntegrityError):
            decode_payload(DEFLATED, bomb, 0, 1000)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_segment_counts_what_was_added_and_refuses_a_second_file_of_a_name() -> None:
    builder = SegmentBuilder()
    first = builder.add(encode_entry("a.txt", b"abc"))
    second = builder.add(encode_entry("b.txt", b"defg"))
    assert (first.offset, second.offset, builder.size, len(builder)) == (
        0,
        first.end,
        second.end,
        2,
    )
    assert builder.finish().body[second.payload_start : second.end] == b"defg"
    with pytest.raises(IntegrityError, match=r"two entries are named 'a\.txt'"):
        builder.add(encode_entry("a.txt", b""))


def test_a_local_entry_of_another_file_is_refused() -> None:
    record = encode_entry("a.txt", b"abc").record(0)
    with pytest.raises(IntegrityError):
        decode_local(record, encode_entry("b.txt", b"abc").local)


@pytest.mark.parametrize("size", [ZIP64_MARK - 1, ZIP64_MARK, ZIP64_MARK + 1, 5 << 40])
@pytest.mark.parametrize("compressed_size", [10, ZIP64_MARK - 1, ZIP64_MARK, 5 << 40])
def test_sizes_beyond_four_gibibytes_survive(size: int, compressed_size: int) -> None:
    large = size >= ZIP64_MARK or compressed_size >= ZIP64_MARK
    record = Record(
        path="big.tif",
        owner="clx",
        crc32=1,
        size=size,
        compressed_size=compressed_size,
        method=DEFLATED,
        offset=6 << 40,
        local_length=30 + 7 + (20 if large else 0) + compressed_size,
    )
    raw = encode_record(record)
    assert decode_record(raw, 0) == record
    assert record_span(raw, 0) == (len(raw), 6 << 40, record.local_length)
    assert Directory.from_records([record]).rebased(5).find("big.tif") == Record(
        **{**{name: getattr(record, name) for name in record.__slots__}, "offset": (6 << 40) + 5}
    )


@pytest.mark.parametrize("sizes", [(SIZE_LIMIT, 1), (1, SIZE_LIMIT)])
def test_what_no_archive_can_hold_has_no_header(sizes: tuple[int, int]) -> None:
    def header(size: int, compressed_size: int) -> bytes:
        return local_header(
            "film.mp4",
            method=STORED,
            crc32=0,
            size=size,
            compressed_size=compressed_size,
            modified=FORMER_DATE,
        )

    with pytest.raises(IntegrityError, match=r"'film\.mp4' is too large"):
        header(*sizes)
    assert header(*(min(size, SIZE_LIMIT - 1) for size in sizes)).startswith(b"PK")
