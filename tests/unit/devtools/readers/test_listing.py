"""What readers find is compared with the truth file by file."""

import hashlib
from io import BytesIO
from pathlib import Path

import pytest

from devtools.readers.listing import (
    Found,
    ReaderFailed,
    differences,
    files_below,
    found,
    found_in,
    listing_of,
    printed_listing,
)

TRUTH = listing_of({"a": b"1", "b": b"2", "c": b"3", "d": b"4", "e": b"5"})


def test_the_same_files_do_not_differ() -> None:
    assert differences(dict(TRUTH), TRUTH) == ""
    assert differences({}, {}) == ""


def test_files_that_are_missing_are_counted_and_some_are_named() -> None:
    told = differences({"a": found(b"1")}, TRUTH)
    assert told == "of 5 files 4 missing ('b', 'c', 'd', ...)"


def test_files_that_nobody_wrote_are_told() -> None:
    assert differences({**TRUTH, "f": found(b"")}, TRUTH) == "of 5 files 1 extra ('f')"


@pytest.mark.parametrize("other", [b"2!", b"x", b""])
def test_other_bytes_are_told(other: bytes) -> None:
    told = differences({**TRUTH, "b": found(other)}, TRUTH)
    assert told == "of 5 files 1 with other bytes ('b')"


def test_names_may_be_composed_where_the_reader_is_known_for_it() -> None:
    truth = listing_of({"e\u0301.txt": b"1"})
    composed = listing_of({"\u00e9.txt": b"1"})
    assert "1 missing" in differences(composed, truth)
    assert differences(composed, truth, composes_names=True) == ""
    assert differences({}, truth, composes_names=True) == "of 1 files 1 missing ('\u00e9.txt')"


def test_a_folder_is_walked_to_its_last_file(tmp_path: Path) -> None:
    inner = tmp_path / "x" / "y"
    inner.mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    (inner / "é f").write_bytes(b"1")
    (tmp_path / ".hidden").write_bytes(b"")
    assert files_below(tmp_path) == listing_of({"x/y/é f": b"1", ".hidden": b""})


def test_a_link_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "b").symlink_to("a")
    truth = listing_of({"a": b"1", "b": b"1"})
    assert differences(files_below(tmp_path), truth) == "of 2 files 1 with other bytes ('b')"


def test_a_stream_gives_what_its_bytes_give() -> None:
    data = bytes(range(256)) * 10_000
    assert found_in(BytesIO(data)) == found(data)
    assert found(data) == Found(len(data), hashlib.sha256(data).hexdigest())


def test_lines_are_read_with_whatever_a_name_holds() -> None:
    lines = f"{'0' * 64} 12 a  b 'c'\n{'1' * 64} 0 é\u2028x\n".encode()
    assert printed_listing(lines) == {
        "a  b 'c'": Found(12, "0" * 64),
        "é\u2028x": Found(0, "1" * 64),
    }
    assert printed_listing(b"") == {}


@pytest.mark.parametrize("line", [b"warning: old\n", b"0 x a\n", b"0\n"])
def test_what_is_no_line_of_a_file_is_an_error(line: bytes) -> None:
    with pytest.raises(ReaderFailed, match="it prints"):
        printed_listing(line)


def test_a_name_that_comes_twice_is_an_error() -> None:
    with pytest.raises(ReaderFailed, match="'a' twice"):
        printed_listing(b"0 1 a\n0 1 a\n")
