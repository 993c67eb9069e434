"""Readers in this process, and what they make of archives that are not sound."""

import struct
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest

from devtools.readers.kinds.edited import EditedArchive
from devtools.readers.listing import Listing, ReaderFailed, listing_of
from devtools.readers.python_readers import forwards, read_forwards, with_zipfile

FILES = {"a.txt": b"a" * 1000, "folder/b.txt": b"", "é.bin": bytes(range(256))}


def archive() -> bytes:
    made = EditedArchive()
    made.edit(FILES)
    return made.data


@pytest.mark.parametrize("read", [with_zipfile, forwards])
def test_every_file_is_found(read: Callable[[Path, Path], Listing], tmp_path: Path) -> None:
    path = tmp_path / "archive.zip"
    path.write_bytes(archive())
    assert read(path, tmp_path) == listing_of(FILES)


@pytest.mark.parametrize("read", [with_zipfile, forwards])
def test_a_flipped_bit_is_noticed(read: Callable[[Path, Path], Listing], tmp_path: Path) -> None:
    data = bytearray(archive())
    data[data.index(bytes(range(256))) + 7] ^= 1
    path = tmp_path / "archive.zip"
    path.write_bytes(data)
    with pytest.raises(ReaderFailed):
        read(path, tmp_path)


@pytest.mark.parametrize("read", [with_zipfile, forwards])
def test_a_file_of_something_else_is_no_archive(
    read: Callable[[Path, Path], Listing], tmp_path: Path
) -> None:
    path = tmp_path / "archive.zip"
    path.write_bytes(b"something else" * 20)
    with pytest.raises(ReaderFailed):
        read(path, tmp_path)


def test_bytes_between_files_are_noticed_forwards() -> None:
    data = archive()
    second = data.index(b"PK\x03\x04", 4)
    with pytest.raises(ReaderFailed, match="neither a file nor the directory"):
        read_forwards(BytesIO(data[:second] + b"between" + data[second:]))


@pytest.mark.parametrize("length", [10, 60, 200])
def test_a_cut_off_archive_is_noticed_forwards(length: int) -> None:
    with pytest.raises(ReaderFailed):
        read_forwards(BytesIO(archive()[:length]))


def test_sizes_after_the_contents_are_no_archive_of_ours() -> None:
    made = BytesIO()
    with zipfile.ZipFile(made, "w") as opened, opened.open("a.txt", "w") as file:
        file.write(b"a")
    data = bytearray(made.getvalue())
    struct.pack_into("<H", data, 6, 8)
    with pytest.raises(ReaderFailed, match="stumbles"):
        read_forwards(BytesIO(data))


def test_a_name_that_comes_twice_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "archive.zip"
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr("a", b"1")
        with pytest.warns(UserWarning, match="Duplicate"):
            opened.writestr("a", b"2")
    for read in (with_zipfile, forwards):
        with pytest.raises(ReaderFailed, match="'a' twice"):
            read(path, tmp_path)


@pytest.mark.parametrize("read", [with_zipfile, forwards])
def test_a_name_that_is_no_text_is_an_error(
    read: Callable[[Path, Path], Listing], tmp_path: Path
) -> None:
    path = tmp_path / "archive.zip"
    path.write_bytes(archive().replace("é.bin".encode(), b"\xff\xfe.bin"))
    with pytest.raises(ReaderFailed):
        read(path, tmp_path)
