"""A folder whose file system takes names for one that differ in case: macOS, Windows, some shares.

The machine that tests has none. Here every call of the folder layer reaches what is there under a
name that folds alike, as such file systems do.
"""

import os
from pathlib import Path
from typing import Any

import pytest

from kili_export.core.errors import InvalidConfiguration
from kili_export.core.file_paths import folded
from kili_export.reading import folder_tree
from tests.support.workbench import Workbench
from tests.unit.reading.test_sync_folder import OPTIONS, files_in, sync
from tests.unit.steps.publishing.test_increments import labelled, two_jobs


class FoldingOs:
    """The calls of `os` on a file system that folds names. A rename gives the name as written."""

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def _there(self, name: str, folder: int) -> str:
        found = [one for one in os.listdir(folder) if folded(one) == folded(name)]
        return found[0] if found else name

    def stat(self, name: str, *, dir_fd: int, **more: Any) -> os.stat_result:
        return os.stat(self._there(name, dir_fd), dir_fd=dir_fd, **more)

    def open(self, name: str, flags: int, *, dir_fd: int) -> int:
        return os.open(self._there(name, dir_fd), flags, dir_fd=dir_fd)

    def unlink(self, name: str, *, dir_fd: int) -> None:
        os.unlink(self._there(name, dir_fd), dir_fd=dir_fd)

    def rmdir(self, name: str, *, dir_fd: int) -> None:
        os.rmdir(self._there(name, dir_fd), dir_fd=dir_fd)

    def mkdir(self, name: str, *, dir_fd: int) -> None:
        os.mkdir(self._there(name, dir_fd), dir_fd=dir_fd)

    def utime(self, name: str, times: tuple[int, int], *, dir_fd: int, **more: Any) -> None:
        os.utime(self._there(name, dir_fd), times, dir_fd=dir_fd, **more)

    def replace(self, name: str, other: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        there = self._there(other, dst_dir_fd)
        os.replace(name, there, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
        os.rename(there, other, src_dir_fd=dst_dir_fd, dst_dir_fd=dst_dir_fd)


@pytest.fixture
def folding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_tree, "os", FoldingOs())


def bench_of(*names: str) -> Workbench:
    made = Workbench(two_jobs(), dict(OPTIONS))
    for number, name in enumerate(names):
        made.kili.assets[f"as_{number:03d}"] = labelled(number, name, 0.2)
    made.rebuild()
    return made


PAIRS = [("Same.jpg", "same.jpg"), ("caf\u00e9.jpg", "cafe\u0301.jpg"), ("d/A.jpg", "D/a.jpg")]


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.usefixtures("folding")
def test_two_files_that_would_be_one_are_refused_before_anything_is_fetched(
    pair: tuple[str, str], tmp_path: Path
) -> None:
    """Otherwise each sync writes one over the other, and says that the folder is current."""
    bench = bench_of("plain.jpg", *pair)
    with pytest.raises(InvalidConfiguration, match="takes for one file"):
        sync(bench, tmp_path)
    assert files_in(tmp_path) == {}


@pytest.mark.parametrize("pair", PAIRS)
def test_where_case_counts_both_are_written(pair: tuple[str, str], tmp_path: Path) -> None:
    bench = bench_of("plain.jpg", *pair)
    sync(bench, tmp_path)
    assert files_in(tmp_path) == bench.files("yolo")


@pytest.mark.usefixtures("folding")
def test_folders_that_would_be_one_hold_the_files_of_both(tmp_path: Path) -> None:
    """And --delete takes none of them for a stranger."""
    bench = bench_of("Train/a.jpg", "train/b.jpg")
    for _ in range(2):
        sync(bench, tmp_path, delete=True)
        found = {folded(path): data for path, data in files_in(tmp_path).items()}
        assert found == {folded(path): data for path, data in bench.files("yolo").items()}
    assert sync(bench, tmp_path, delete=True).method == "nothing"


@pytest.mark.usefixtures("folding")
def test_a_name_that_changes_in_case_alone_is_followed(tmp_path: Path) -> None:
    bench = bench_of("plain.jpg", "Same.jpg")
    sync(bench, tmp_path)
    bench.kili.assets["as_001"] = labelled(1, "same.jpg", 0.7)
    bench.rebuild()
    sync(bench, tmp_path)
    assert files_in(tmp_path) == bench.files("yolo")
    assert sync(bench, tmp_path).method == "nothing"


@pytest.mark.parametrize("name", ["labels/SAME.txt", "Labels/same.txt"])
@pytest.mark.usefixtures("folding")
def test_a_stranger_that_folds_like_a_file_to_write_is_replaced_by_it(
    tmp_path: Path, name: str
) -> None:
    """It has the contents already; it goes all the same, and the file comes."""
    bench = bench_of("plain.jpg", "same.jpg")
    (tmp_path / name).parent.mkdir()
    (tmp_path / name).write_bytes(bench.files("yolo")["labels/same.txt"])
    sync(bench, tmp_path, delete=True)
    found = {folded(path): data for path, data in files_in(tmp_path).items()}
    assert found == {folded(path): data for path, data in bench.files("yolo").items()}
    assert sync(bench, tmp_path, delete=True).method == "nothing"


@pytest.mark.usefixtures("folding")
def test_of_strangers_that_fold_alike_all_are_removed(tmp_path: Path) -> None:
    bench = bench_of("plain.jpg")
    sync(bench, tmp_path)
    for name in ("stra\u00dfe", "strasse"):
        # A file system may fold less than we do.
        (tmp_path / name).write_bytes(b"mine")
    sync(bench, tmp_path, delete=True)
    assert files_in(tmp_path) == bench.files("yolo")
