"""An archive of more than 4 GiB and more than 65,535 files, for readers. `make test-large`.

Zeros are holes in the file: it takes minutes, because all of it is read, and next to no disk.
"""

from pathlib import Path

import pytest

from devtools.readers.kinds.large import FOUR_GIB, PICTURES, above_4_gib, open_file, whole_archive
from kili_export.splicing.upload_parts import CopyPart, plan_parts
from tests.support.archive_readers import compare, missing_readers, read_with
from tests.support.large import large

pytestmark = [
    large,
    pytest.mark.timeout(1800),
]
READERS = ("Python zipfile", "Info-ZIP unzip", "7z", "bsdtar from a pipe")


def test_the_pictures_are_copied_by_the_server() -> None:
    parts = plan_parts(whole_archive({"labels/1.txt": b"1", "labels/2.txt": b"2"}))
    assert sum(isinstance(part, CopyPart) for part in parts) >= PICTURES


def test_readers_take_archives_that_need_all_of_zip64(tmp_path: Path) -> None:
    sample = above_4_gib(tmp_path, labels=70_000)
    assert sample.path.stat().st_size > FOUR_GIB
    assert len(open_file(sample.path).directory) == len(sample.truth) > 65_535
    for reader in READERS:
        if reader not in missing_readers():
            compare(reader, read_with(reader, sample.path), sample.truth)
