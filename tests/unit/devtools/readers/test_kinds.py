"""The archives that readers are tried on are of the kinds that they are named after."""

import zipfile
from pathlib import Path

import pytest

from devtools.readers.kinds.catalogue import KINDS
from devtools.readers.kinds.sample import SampleArchive
from devtools.readers.listing import differences
from devtools.readers.python_readers import with_zipfile

QUICK = [kind.name for kind in KINDS if kind.quick]


def made(name: str, folder: Path) -> SampleArchive:
    (kind,) = (kind for kind in KINDS if kind.name == name)
    return kind.make(folder)


@pytest.mark.parametrize("name", QUICK)
def test_the_archive_holds_what_the_truth_says(name: str, tmp_path: Path) -> None:
    sample = made(name, tmp_path)
    assert differences(with_zipfile(sample.path, tmp_path), sample.truth) == ""
    assert bool(sample.truth) == (name != "empty")


def test_media_are_stored_beside_deflated_labels(tmp_path: Path) -> None:
    with zipfile.ZipFile(made("media", tmp_path).path) as archive:
        methods = {one.filename[:6]: one.compress_type for one in archive.infolist()}
    assert methods["assets"] == zipfile.ZIP_STORED
    assert methods["labels"] == zipfile.ZIP_DEFLATED


def test_deleted_assets_are_in_the_truth_no_more(tmp_path: Path) -> None:
    names = set(made("deletions", tmp_path).truth)
    assert "assets/picture 4.png" in names
    assert not {"assets/folder/picture 0.png", "assets/picture 5.png"} & names


def test_a_delta_has_its_list_and_changed_files_alone(tmp_path: Path) -> None:
    names = set(made("delta", tmp_path).truth)
    assert names == {
        "delta.json",
        "labels/picture 2.json",
        "labels/folder/picture 12.json",
        "assets/folder/picture 12.png",
    }


def test_the_spliced_archive_has_lost_files_and_got_others(tmp_path: Path) -> None:
    names = set(made("spliced", tmp_path).truth)
    assert any(name.startswith("renamed/") for name in names)
    assert len([name for name in names if name.startswith("first/")]) < 10
