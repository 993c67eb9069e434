"""Plain numbers wherever 32 bits hold them, ZIP64 where not, and records that keep their length."""

import io
import struct
import zipfile
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kili_export.core.errors import IntegrityError
from kili_export.splicing.addition import AddedEntries
from kili_export.splicing.central_directory import Directory
from kili_export.splicing.end_of_directory import Tail, decode_tail, encode_tail
from kili_export.splicing.entry_record import STORED, Record
from kili_export.splicing.numbers import Numbers, decode_numbers, numbers_of, put_offset
from kili_export.splicing.offset_shift import rebase
from kili_export.splicing.regions import Region, Regions
from kili_export.splicing.splice import BaseArchive, splice
from kili_export.splicing.upload_parts import Source
from kili_export.splicing.zip_headers import decode_record, encode_record, local_length, record_span
from tests.unit.splicing.former_records import MARK, former_directory, former_record

BORDER = [MARK - 1, MARK, MARK + 1]
AROUND = st.one_of(
    st.sampled_from([0, 1, *BORDER, 1 << 40]),
    st.integers(MARK - 1000, MARK + 1000),
    st.integers(0, 1 << 46),
)


def record_at(offset: int, size: int = 3, compressed_size: int = 3, path: str = "a") -> Record:
    length = local_length(len(path.encode()), size, compressed_size)
    return Record(path, "as_1", 1, size, compressed_size, STORED, offset, length, 0x5B21_6000)


def plain_fields(raw: bytes) -> tuple[int, int, int, int]:
    """Version needed, compressed size, size and offset as readers without ZIP64 read them."""
    return struct.unpack_from("<6xH12x2I14xI", raw)


def fields_of(raw: bytes) -> dict[int, bytes]:
    """The extra fields of a record, as any reader walks them."""
    name_length, extra_length = struct.unpack_from("<HH", raw, 28)
    extra, found, at = raw[46 + name_length :], {}, 0
    assert len(extra) == extra_length
    while at < len(extra):
        identifier, length = struct.unpack_from("<HH", extra, at)
        assert identifier not in found
        found[identifier] = extra[at + 4 : at + 4 + length]
        assert len(found[identifier]) == length
        at += 4 + length
    return found


@given(AROUND, AROUND, AROUND)
def test_only_numbers_that_need_it_are_in_zip64(offset: int, size: int, compressed: int) -> None:
    raw = encode_record(record_at(offset, size, compressed))
    needed, *plain = plain_fields(raw)
    large = [number for number in (size, compressed, offset) if number >= MARK]
    assert plain == [min(number, MARK) for number in (compressed, size, offset)]
    assert needed == (45 if large else 20)
    zip64 = fields_of(raw).get(1)
    assert zip64 == (struct.pack(f"<{len(large)}Q", *large) if large else None)
    assert decode_record(raw, 0) == record_at(offset, size, compressed)
    assert record_span(raw, 0)[:2] == (len(raw), offset)


@given(AROUND, AROUND, AROUND, AROUND)
def test_a_record_that_moves_is_the_record_of_its_new_place(
    offset: int, target: int, size: int, compressed: int
) -> None:
    before, after = record_at(offset, size, compressed), record_at(target, size, compressed)
    for raw in (bytearray(encode_record(before)), bytearray(former_record(before))):
        put_offset(raw, 0, len(raw), target)
        # The former form has no date but one.
        assert raw[:12] + raw[16:] == encode_record(after)[:12] + encode_record(after)[16:]


@given(st.lists(AROUND, min_size=1, max_size=6), st.integers(-(1 << 33), 1 << 33), st.booleans())
def test_a_directory_that_moves_is_the_directory_of_its_new_place(
    offsets: list[int], delta: int, is_former: bool
) -> None:
    delta = max(delta, -min(offsets))
    records = [
        replace(record_at(offset, path=f"{number}"), modified=0x0021_0000)
        for number, offset in enumerate(offsets)
    ]
    raw = former_directory(records) if is_former else Directory.from_records(records).raw[:]
    directory = Directory.parse(bytes(raw), len(records))
    assert list(directory.records()) == records
    moved = [replace(record, offset=record.offset + delta) for record in records]
    assert directory.rebased(delta) == Directory.from_records(moved)


@given(st.integers(-3, 3), st.integers(-2000, 2000), st.integers(-2000, 2000))
def test_only_what_moves_crosses_the_border(step: int, first: int, second: int) -> None:
    """Two runs of entries, one on each side of a step, each moved by its own."""
    at = MARK + step
    offsets = [at - 2, at - 1, at, at + 1]
    records = [record_at(offset, path=f"{number}") for number, offset in enumerate(offsets)]
    raw = bytearray(Directory.from_records(records).raw[:])
    rebase(raw, 0, [0, at], [first, second])
    expected = [
        replace(record, offset=record.offset + (first if record.offset < at else second))
        for record in records
    ]
    assert Directory(bytes(raw), 4) == Directory.from_records(expected)


def test_records_of_version_0_1_become_plain_though_nothing_moves() -> None:
    records = [replace(record_at(7, path=path), modified=0x0021_0000) for path in ("a", "b")]
    raw = bytearray(former_directory(records))
    rebase(raw, 0, [0], [0])
    assert raw == Directory.from_records(records).raw


@pytest.mark.parametrize("offset", [0, *BORDER])
@pytest.mark.parametrize("size", [0, *BORDER])
def test_a_reader_of_another_make_reads_the_same_numbers(offset: int, size: int) -> None:
    raw = encode_record(record_at(offset, size, min(size, 5)))
    tail = encode_tail(Tail(0, len(raw), 1))
    (found,) = zipfile.ZipFile(io.BytesIO(raw + tail)).infolist()
    assert (found.header_offset, found.file_size, found.compress_size) == (
        offset,
        size,
        min(size, 5),
    )
    assert found.date_time == (2025, 9, 1, 12, 0, 0)


@pytest.mark.parametrize("count", [0, 65_534, 65_535, 65_536])
@pytest.mark.parametrize("start", [0, *BORDER])
def test_end_records_are_plain_where_they_can_be(count: int, start: int) -> None:
    tail = Tail(start, 46 * count, count)
    raw = encode_tail(tail)
    told = struct.unpack_from("<8x2H2I", raw, len(raw) - 22)
    assert told == (min(count, 0xFFFF), min(count, 0xFFFF), 46 * count, min(start, MARK))
    assert (len(raw) == 22) == (count < 65_535 and start < MARK)
    assert decode_tail(raw, tail.ends + len(raw)) == tail


@pytest.mark.parametrize(
    "end",
    [
        b"\x01\x00\x08\x00" + bytes(8),
        b"\x4c\x6c\x09\x00" + bytes(8),
        b"\x4c\x6c\xff\x00" + bytes(8),
        b"\x55\x54\x08\x00" + bytes(8),
    ],
)
def test_an_end_that_does_not_fit_its_record_is_refused(end: bytes) -> None:
    with pytest.raises(IntegrityError):
        decode_numbers(Numbers(1, 1, 1), end)
    raw = encode_record(record_at(1))[:-12] + end
    with pytest.raises(IntegrityError):
        decode_record(raw, 0)


def test_a_number_that_is_promised_and_not_there_is_refused() -> None:
    raw = bytearray(encode_record(record_at(1)))
    raw[42:46] = b"\xff" * 4
    with pytest.raises(IntegrityError):
        numbers_of(raw, 0, len(raw))


@pytest.mark.parametrize("is_former", [False, True])
@pytest.mark.parametrize("size", [MARK - 400, MARK, 5 << 30])
def test_entries_cross_the_border_when_a_picture_before_them_goes_or_comes(
    size: int, is_former: bool
) -> None:
    """No bytes of it are needed: a plan says where they would be copied from."""
    picture = replace(record_at(0, size, size, "images/big.tif"), modified=0x0021_0000)
    labels, at = [], picture.local_length
    for number in range(20):
        entry = replace(record_at(at, path=f"labels/{number:02d}.txt"), modified=0x0021_0000)
        labels.append(entry)
        at = entry.end
    records = [picture, *labels]
    raw = former_directory(records) if is_former else bytes(Directory.from_records(records).raw[:])
    source = Source("base", "etag", at + len(raw) + 22)
    base = BaseArchive(
        source, Directory.parse(raw, len(records)), Regions(picture.local_length, at, at)
    )
    without = splice(base, [picture.path], [])
    moved = [replace(one, offset=one.offset - picture.local_length) for one in labels]
    assert without.directory == Directory.from_records(moved)
    start = at + len(raw)
    directory = Directory.from_records([picture])
    stored = AddedEntries.stored(
        Source("new", "etag", start), 0, picture.local_length, directory, Region.MEDIA
    )
    small = BaseArchive(source, without.directory, without.regions)
    again = splice(small, [], [stored])
    assert again.directory == Directory.from_records(records)
    assert again.size == at + len(again.directory.raw) + (22 if at < MARK else 98)
