"""Foreign readers on archives with a long life: all of them must find every file as it is.

`make readers` tries every reader on every kind of archive.
"""

import zipfile
from pathlib import Path

import pytest

from devtools.readers.judging import Judge, Outcome
from devtools.readers.kinds.catalogue import KINDS
from devtools.readers.kinds.sample import SampleArchive
from devtools.readers.limits import by_cell
from devtools.readers.listing import found, listing_of
from tests.support.archive_readers import (
    READERS,
    ReadersDisagree,
    check_with_every_reader,
    compare,
    missing_readers,
    read_with,
)

# They write no files: `make readers` lets the others extract 70,000 of them.
FAST_WITH_MANY_FILES = (
    "Python zipfile",
    "forward reader",
    "Java ZipFile",
    "Java ZipInputStream",
    "Node yauzl",
    "Node jszip",
)
CELLS = [
    *((reader, kind) for kind in ("spliced", "shards", "empty") for reader in READERS),
    *((reader, "70,000") for reader in FAST_WITH_MANY_FILES),
]


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, SampleArchive]:
    wanted = {kind for _, kind in CELLS}
    return {
        kind.name: kind.make(tmp_path_factory.mktemp("sample"))
        for kind in KINDS
        if kind.name in wanted
    }


@pytest.mark.parametrize(("reader", "kind"), CELLS)
def test_the_reader_finds_every_file_and_no_other(
    reader: str, kind: str, samples: dict[str, SampleArchive], tmp_path: Path
) -> None:
    judge = Judge(missing_readers(), by_cell())
    cell = judge.cell(READERS[reader], kind, samples[kind], tmp_path)
    if cell.outcome is Outcome.MISSING:
        pytest.skip(f"{cell.detail}; `make readers` installs it")
    assert cell.outcome is not Outcome.WRONG, cell.detail


def test_a_broken_archive_is_not_waved_through(
    samples: dict[str, SampleArchive], tmp_path: Path
) -> None:
    sample = samples["spliced"]
    with zipfile.ZipFile(sample.path) as archive:
        largest = max(archive.infolist(), key=lambda entry: entry.compress_size)
    data = bytearray(sample.path.read_bytes())
    data[data.index(largest.filename.encode()) + len(largest.filename) + 7] ^= 0xFF
    broken = tmp_path / "broken.zip"
    broken.write_bytes(data)
    for reader in ("forward reader", "Python zipfile", "Info-ZIP unzip", "7z"):
        if reader not in missing_readers():
            with pytest.raises(ReadersDisagree):
                compare(reader, read_with(reader, broken), sample.truth)


def test_readers_that_disagree_are_named() -> None:
    with pytest.raises(ReadersDisagree, match=r"7z: of 1 files 1 missing \('a'\), 1 extra \('b'\)"):
        compare("7z", {"b": found(b"")}, {"a": found(b"")})
    with pytest.raises(ReadersDisagree, match=r"1 with other bytes \('a'\)"):
        compare("7z", listing_of({"a": b"x"}), listing_of({"a": b""}))


def test_all_readers_together_find_what_was_written(samples: dict[str, SampleArchive]) -> None:
    sample = samples["spliced"]
    verdict = check_with_every_reader(sample.path)
    assert verdict.contents == {name: entry.sha256 for name, entry in sample.truth.items()}
    assert {*verdict.readers, *verdict.missing} == set(READERS)
