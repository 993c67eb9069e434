"""Foreign programs as judges of archives."""

import zipfile
from pathlib import Path

import pytest

from devtools.bench.readers import Unreadable, check


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for number in range(20):
            made.writestr(f"labels/{number}.txt", f"{number} 0.5 0.5\n" * 50)
    return path


def test_a_sound_archive_is_read_by_all_that_are_here(archive: Path) -> None:
    agreed, missing = check(archive)
    assert "a forward reader" in agreed
    assert len(agreed) + len(missing) == 4


def test_damaged_contents_are_found(archive: Path) -> None:
    data = bytearray(archive.read_bytes())
    data[50] ^= 0xFF
    archive.write_bytes(data)
    with pytest.raises(Unreadable):
        check(archive)


def test_a_file_that_only_forward_readers_see_is_found(archive: Path) -> None:
    with zipfile.ZipFile(archive, "a") as opened:
        hidden = opened.filelist.pop(3)
        opened.NameToInfo.pop(hidden.filename)
        opened.writestr("one more.txt", "")
    with pytest.raises(Unreadable, match="finds 21 files, the directory names 20"):
        check(archive)
