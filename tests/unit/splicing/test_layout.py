"""The bytes of headers and end records, field by field as APPNOTE.TXT 6.3.9 has them."""

import struct
import zlib
from dataclasses import replace

import pytest

from kili_export.core.dos_time import FORMER_DATE
from kili_export.core.errors import IntegrityError
from kili_export.splicing.addition import AddedEntries
from kili_export.splicing.assembly import VirtualArchive
from kili_export.splicing.central_directory import Directory
from kili_export.splicing.directory_merge import merge_directories
from kili_export.splicing.end_of_directory import Tail, decode_tail, encode_tail
from kili_export.splicing.entries import encode_entry
from kili_export.splicing.entry_record import STORED, Record
from kili_export.splicing.held_bytes import chunks_of, cut_held
from kili_export.splicing.numbers import Numbers, decode_numbers
from kili_export.splicing.part_joins import plan_joins
from kili_export.splicing.regions import Region, Regions
from kili_export.splicing.upload_parts import Source
from kili_export.splicing.zip_headers import (
    decode_record,
    encode_record,
    local_header,
    local_length,
    record_span,
)

LARGE = 5 << 32


def test_a_local_header_of_a_large_file_has_both_sizes_in_its_extra_field() -> None:
    # 4.3.7, 4.5.3: in a local header the field must have both sizes.
    found = local_header(
        "a", method=STORED, crc32=7, size=LARGE, compressed_size=LARGE, modified=FORMER_DATE
    )
    head = struct.unpack("<4sHHHHHIIIHH", found[:30])
    assert (head[0], head[1], head[6]) == (b"PK\x03\x04", 45, 7)
    assert head[7:9] == (0xFFFFFFFF, 0xFFFFFFFF)
    assert head[9:] == (1, 20)
    assert found[30:31] == b"a"
    assert struct.unpack("<HHQQ", found[31:]) == (1, 16, LARGE, LARGE)


def test_the_end_of_a_large_archive_has_all_three_records() -> None:
    # 4.3.14 to 4.3.16. The size of the first counts neither its signature nor itself.
    found = encode_tail(Tail(LARGE, 1_000, 70_000))
    end, locator, last = found[:56], found[56:76], found[76:]
    assert struct.unpack("<4sQHHIIQQQQ", end) == (
        *(b"PK\x06\x06", 44, 0x032D, 45, 0, 0),
        *(70_000, 70_000, 1_000, LARGE),
    )
    assert struct.unpack("<4sIQI", locator) == (b"PK\x06\x07", 0, LARGE + 1_000, 1)
    assert struct.unpack("<4sHHHHIIH", last) == (
        *(b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF),
        *(1_000, 0xFFFFFFFF, 0),
    )


def test_files_are_compressed_as_zlib_does_by_default() -> None:
    data = b"".join(b"%d 0.%d 0.5\n" % (number % 7, number) for number in range(400))
    made = zlib.compressobj(6, wbits=-zlib.MAX_WBITS)
    assert encode_entry("a.txt", data).local.endswith(made.compress(data) + made.flush())


def small(path: str) -> Record:
    return Record(path, "", 1, 1, 1, STORED, 0, local_length(len(path), 1, 1))


def test_a_stretch_of_a_directory_ends_before_its_upper_name() -> None:
    directory = Directory.from_records(map(small, "abcd"))
    assert [record.path for record in directory.between("b", "d")] == ["b", "c"]


@pytest.mark.parametrize("kept", [0, 3, 29, 31])
def test_a_record_that_is_cut_off_is_said_so(kept: int) -> None:
    raw = encode_record(small("a/long/name.txt"))
    with pytest.raises(IntegrityError, match="at byte 0 is cut off"):
        record_span(raw[:kept], 0)


def test_regions_end_one_after_another() -> None:
    archive, source = VirtualArchive(), Source("batch", "etag", 1_000)
    for region, length in zip(Region, (5, 70, 300), strict=True):
        archive.place(region, source, 0, length)
    assert archive.regions == Regions(5, 75, 375)


def test_a_slice_of_a_slice_is_where_it_should_be() -> None:
    class Held:
        def __len__(self) -> int:
            return 100

        def __getitem__(self, span: slice, /) -> bytes:
            return bytes(range(100))[span]

    outer = cut_held(Held(), 10, 50)
    inner = cut_held(outer, 3, 8)
    assert bytes(inner[:]) == bytes(range(13, 18))
    assert b"".join(chunks_of(inner, 1, 3)) == bytes([14, 15])
    assert inner.held is not outer, "a slice of a slice refers to what is held"  # type: ignore[attr-defined]


def test_nothing_is_joined_where_one_upload_takes_all() -> None:
    assert plan_joins([]) == []


@pytest.mark.parametrize("identifier", [0x0001, 0x5455])
def test_a_record_with_fields_of_others_is_refused(identifier: int) -> None:
    raw = bytearray(encode_record(replace(small("a"), owner="as_1")))
    at = raw.index(struct.pack("<HH4s", 0x6C4B, 4, b"as_1"))
    raw[at : at + 2] = struct.pack("<H", identifier)
    with pytest.raises(IntegrityError, match="fields that are not of ours"):
        decode_record(bytes(raw), 0)


def test_records_with_a_prefix_come_as_they_stand() -> None:
    directory = Directory.from_records(map(small, ["a", "b/x", "b/y", "c"]))
    raw = {name: encode_record(small(name)) for name in ("b/x", "b/y")}
    found = list(directory.raw_with_prefix("b/"))
    assert [name for name, _ in found] == [b"b/x", b"b/y"]
    assert all(bytes(data).startswith(b"PK\x01\x02") for _, data in found)
    assert [len(data) for _, data in found] == [len(one) for one in raw.values()]


def test_directories_are_equal_by_their_records() -> None:
    one, same = (Directory.from_records(map(small, "ab")) for _ in range(2))
    other = Directory.from_records(map(small, "ac"))
    assert (one == same, one == other, one == b"") == (True, False, False)
    assert hash(one) == hash(same) == hash((2, len(one.raw)))


def test_a_directory_of_another_number_of_entries_is_refused() -> None:
    raw = Directory.from_records(map(small, "ab")).raw
    with pytest.raises(IntegrityError, match="of 3 entries holds 2"):
        Directory(raw, 3).verify()


@pytest.mark.parametrize("end", [b"", b"PK\x05\x06", bytes(22), b"PK\x05\x07" + bytes(18)])
def test_what_does_not_end_with_an_end_record_is_no_archive(end: bytes) -> None:
    with pytest.raises(IntegrityError, match="does not end with an end record"):
        decode_tail(end, len(end))


@pytest.mark.parametrize(
    "end",
    [
        struct.pack("<HHQ", 0x5455, 8, LARGE),
        struct.pack("<HHQ", 0x0001, 9, LARGE),
        struct.pack("<HHI", 0x0001, 4, 5),
        struct.pack("<HH", 0x0001, 0),
    ],
)
def test_numbers_without_their_field_are_refused(end: bytes) -> None:
    with pytest.raises(IntegrityError, match="ZIP64"):
        decode_numbers(Numbers(1, 1, 0xFFFFFFFF), end)


def test_two_additions_of_one_name_and_one_that_is_too_short_are_refused() -> None:
    def addition(key: str, length: int) -> AddedEntries:
        directory = Directory.from_records([small("a")])
        source = Source(key, "etag", 1_000)
        return AddedEntries.stored(source, 0, length, directory, Region.LABELS)

    whole = local_length(1, 1, 1)
    for additions in (
        [addition("x", whole), addition("y", whole)],
        [addition("x", whole - 1)],
    ):
        with pytest.raises(IntegrityError, match=r"two additions|behind its bytes"):
            merge_directories(Directory.empty(), [], additions, {Region.LABELS: 0})
