import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kili_export.core.errors import IntegrityError
from kili_export.splicing.archive_reader import fetch_from, read_archive, read_entry
from kili_export.splicing.central_directory import Directory
from kili_export.splicing.end_of_directory import MAX_TAIL, Tail, decode_tail, encode_tail
from tests.unit.splicing.simple_archives import full_archive

ARCHIVE, PLAN = full_archive({"a": b"1", "b": b"2" * 1000, "c": b""})


@given(st.integers(0, 2**46), st.integers(0, 2**40), st.integers(0, 2**33))
def test_end_records_give_back_what_was_put_in(start: int, length: int, count: int) -> None:
    tail = Tail(start, length, count)
    end = encode_tail(tail)
    before = b"x" * MAX_TAIL
    size = start + length + len(end)
    assert decode_tail((before + end)[-MAX_TAIL:], size) == tail


@pytest.mark.parametrize(
    ("tail", "length"),
    [
        (Tail(0, 0, 0), 22),
        (Tail(2**32 - 2, 2**32 - 2, 65534), 22),
        (Tail(2**32 - 1, 0, 0), 98),
        (Tail(0, 2**32 - 1, 0), 98),
        (Tail(0, 0, 65535), 98),
    ],
)
def test_zip64_end_records_are_written_only_where_they_are_needed(tail: Tail, length: int) -> None:
    assert len(encode_tail(tail)) == length


def test_an_archive_is_opened_with_two_reads() -> None:
    reads: list[tuple[int, int]] = []

    def fetch(start: int, length: int) -> bytes:
        reads.append((start, length))
        return ARCHIVE[start : start + length]

    index = read_archive(fetch, len(ARCHIVE))
    assert len(reads) == 2
    assert index.directory == PLAN.directory
    assert index.entries_size == PLAN.regions.documents_end


def test_an_archive_with_65535_entries_and_more_is_opened() -> None:
    archive, _ = full_archive({f"{number:05x}": b"" for number in range(65_536)})
    assert len(read_archive(fetch_from(archive), len(archive)).directory) == 65_536


@pytest.mark.parametrize("kept", [0, 10, 21, 22, len(ARCHIVE) - 1])
def test_an_archive_that_is_cut_off_is_refused(kept: int) -> None:
    for part in (ARCHIVE[:kept], ARCHIVE[-kept:] if kept else b""):
        with pytest.raises(IntegrityError):
            read_archive(fetch_from(part), len(part))


@given(st.data())
def test_a_changed_byte_is_noticed_or_changes_no_file(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(ARCHIVE) - 1))
    value = data.draw(st.integers(0, 255))
    broken = ARCHIVE[:at] + bytes([value]) + ARCHIVE[at + 1 :]
    fetch = fetch_from(broken)
    try:
        index = read_archive(fetch, len(broken))
        index.directory.verify()
        found = {record.path: read_entry(fetch, record) for record in index.directory.records()}
    except IntegrityError:
        assert broken != ARCHIVE, "an archive that is whole was refused"
        return
    assert sorted(found.values()) == sorted([b"1", b"2" * 1000, b""])


@pytest.mark.parametrize("more", [-1, 1, 1000])
def test_an_end_record_that_does_not_fit_the_archives_size_is_refused(more: int) -> None:
    end = encode_tail(Tail(100, 50, 1))
    assert decode_tail(end, 150 + len(end))
    with pytest.raises(IntegrityError, match="does not fit its size"):
        decode_tail(end, 150 + len(end) + more)


def test_archives_of_other_programs_are_refused() -> None:
    foreign = io.BytesIO()
    with zipfile.ZipFile(foreign, "w") as archive:
        archive.writestr("a", b"1")
        archive.comment = b"made elsewhere"
    data = foreign.getvalue()
    with pytest.raises(IntegrityError, match="not a ZIP archive of ours"):
        read_archive(fetch_from(data), len(data))


def test_a_range_outside_the_archive_is_refused() -> None:
    for start, length in ((-1, 1), (0, len(ARCHIVE) + 1)):
        with pytest.raises(IntegrityError):
            fetch_from(ARCHIVE)(start, length)


def test_directories_have_a_length_and_say_what_they_are() -> None:
    assert len(PLAN.directory) == 3
    assert repr(Directory.empty()) == "Directory(0 entries, 0 bytes)"
