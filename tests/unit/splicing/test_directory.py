import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kili_export.core.errors import IntegrityError
from kili_export.splicing.central_directory import Directory
from kili_export.splicing.entries import encode_entry
from kili_export.splicing.entry_record import DEFLATED, STORED, Record
from kili_export.splicing.zip_headers import RECORD, RECORD_START_SIZE, encode_record, local_length
from tests.unit.splicing.simple_archives import NAMES, OWNERS

RECORD_STARTS = [
    encode_record(Record("PK", "PK", 0x0201_4B50, 0x0201_4B50, 8, method, offset, 50, date))[
        :RECORD_START_SIZE
    ]
    for method in (STORED, DEFLATED)
    for offset in (0, 1 << 40)
    for date in (0x0021_0000, 0x0201_4B50)
]
# Numbers whose bytes read like the beginning of a directory record, or parts of one.
LIKE_RECORDS = sorted(
    {
        int.from_bytes((start * 2)[at : at + 4], "little")
        for start in RECORD_STARTS
        for at in range(len(start))
    }
)
NUMBERS = st.one_of(st.sampled_from(LIKE_RECORDS), st.integers(0, 2**32 - 2))
OFFSETS = st.one_of(
    st.integers(0, 2**46),
    st.builds(lambda low, high: low | high << 32, NUMBERS, st.integers(0, 2**14)),
)
TRICKY_NAMES = st.one_of(NAMES, st.sampled_from(["PK", "P", "aPK", "KP/PK", "PK/PK", "-", "KlPK"]))


@st.composite
def records(draw: st.DrawFn) -> Record:
    path = draw(TRICKY_NAMES)
    size, compressed_size = draw(NUMBERS), draw(NUMBERS)
    return Record(
        path=path,
        owner=draw(st.one_of(OWNERS, st.sampled_from(["", "PK", "P"]))),
        crc32=draw(NUMBERS),
        size=size,
        compressed_size=compressed_size,
        method=draw(st.sampled_from([STORED, DEFLATED])),
        offset=draw(OFFSETS),
        local_length=local_length(len(path.encode()), size, compressed_size),
        modified=draw(NUMBERS),
    )


DIRECTORIES = st.lists(records(), max_size=12, unique_by=lambda record: record.path)


@given(DIRECTORIES, NAMES)
def test_every_entry_is_found_whatever_its_numbers_look_like(
    some: list[Record], other: str
) -> None:
    directory = Directory.from_records(some)
    directory.verify()
    parsed = Directory.parse(directory.raw, len(some))
    by_path = {record.path: record for record in some}
    for path in [*by_path, other]:
        assert parsed.find(path) == by_path.get(path)
        assert (path in parsed) == (path in by_path)
    assert list(parsed.records()) == sorted(some, key=lambda record: record.path.encode())


@given(DIRECTORIES, st.text("PKal/-", max_size=3))
def test_a_prefix_selects_the_names_that_start_with_it(some: list[Record], prefix: str) -> None:
    directory = Directory.from_records(some)
    expected = [record for record in directory.records() if record.path.startswith(prefix)]
    assert list(directory.with_prefix(prefix)) == expected


@given(DIRECTORIES, st.integers(0, 2**40))
def test_rebasing_moves_every_offset_and_nothing_else(some: list[Record], delta: int) -> None:
    moved = list(Directory.from_records(some).rebased(delta).records())
    back = Directory.from_records(moved).rebased(-delta)
    assert [record.offset - delta for record in moved] == [
        record.offset for record in back.records()
    ]
    assert back == Directory.from_records(some)


def test_the_order_is_that_of_the_names_bytes() -> None:
    paths = ["a/b", "a", "é", "z", "Z", "\U0001f600", "\uffee"]
    directory = Directory.from_entries(encode_entry(path, b"") for path in paths)
    assert [record.path for record in directory.records()] == sorted(paths, key=str.encode)


def test_one_name_twice_is_refused() -> None:
    with pytest.raises(IntegrityError, match="two entries are named 'a'"):
        Directory.from_entries([encode_entry("a", b"1"), encode_entry("a", b"2")])


@pytest.fixture
def raw() -> bytes:
    return bytes(
        Directory.from_entries(encode_entry(f"labels/{i}.txt", b"x" * i) for i in range(9)).raw[:]
    )


@pytest.mark.parametrize("count", [8, 10, 0])
def test_a_wrong_count_is_noticed(raw: bytes, count: int) -> None:
    with pytest.raises(IntegrityError):
        Directory.parse(raw, count)


@pytest.mark.parametrize(
    "damage", [lambda raw: raw[1:], lambda raw: raw[:-1], lambda raw: raw + b"x"]
)
def test_bytes_too_few_or_too_many_are_noticed(raw: bytes, damage: object) -> None:
    assert callable(damage)
    with pytest.raises(IntegrityError):
        Directory.parse(damage(raw), 9)


def test_bytes_without_records_are_noticed() -> None:
    with pytest.raises(IntegrityError):
        Directory.parse(b"no records", 0)
    assert len(Directory.parse(b"", 0)) == 0


def test_records_in_the_wrong_order_are_noticed_by_verify(raw: bytes) -> None:
    half = len(raw) // 9 * 4
    swapped = Directory.parse(raw[half:] + raw[:half], 9)
    with pytest.raises(IntegrityError, match="not sorted"):
        swapped.verify()


def test_a_record_that_another_program_wrote_is_not_ours() -> None:
    foreign = struct.pack(
        "<4s6H3I5H2I", b"PK\x01\x02", 20, 20, 0, 0, 0, 33, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0
    )
    with pytest.raises(IntegrityError):
        Directory.parse(foreign + b"a", 1)


def test_looking_into_bytes_that_are_no_records_is_an_error(raw: bytes) -> None:
    for broken in (b"x" * 9000, raw[:40] + b"x" * 9000):
        with pytest.raises(IntegrityError):
            Directory(broken, 9).find("labels/5.txt")
    with pytest.raises(IntegrityError, match="cut off"):
        Directory(raw[:-1], 9).rebased(1)


@pytest.mark.parametrize("at", [28, 30, 60])
def test_a_record_with_broken_lengths_is_an_error_and_not_a_crash(raw: bytes, at: int) -> None:
    broken = raw[:at] + b"\xff" + raw[at + 1 :]
    with pytest.raises(IntegrityError):
        Directory.parse(broken, 9).verify()


@pytest.mark.parametrize("start", RECORD_STARTS)
def test_no_run_of_numbers_reads_like_the_beginning_of_a_record(start: bytes) -> None:
    for shift in range(len(start)):
        modified, crc, compressed_size, size = struct.unpack_from("<4I", start * 2, shift)
        (offset,) = struct.unpack_from("<Q", start * 2, shift)
        record = Record(
            path="PK",
            owner="PK",
            crc32=crc,
            size=size,
            compressed_size=compressed_size,
            method=STORED,
            offset=offset % 2**48,
            local_length=local_length(2, size, compressed_size),
            modified=modified,
        )
        directory = Directory.from_records([record])
        assert len(RECORD.findall(bytes(directory.raw[:]) * 2)) == 2, f"at {shift}"
        assert directory.find("PK") == record


def small(path: str) -> Record:
    return Record(path, "", 1, 1, 1, STORED, 0, local_length(len(path), 1, 1))


def test_files_below_a_folder_are_known() -> None:
    directory = Directory.from_records(map(small, ["a", "b-", "c/x", "e"]))
    assert [folder for folder in "abcdef" if directory.has_below(folder)] == ["c"]


def test_a_name_that_comes_twice_is_refused() -> None:
    twice = b"".join(encode_record(small(path)) for path in ("a", "b", "b"))
    with pytest.raises(IntegrityError, match="not sorted at 'b'"):
        Directory.parse(twice, 3).verify()
