"""A cell is right only when the reader finds every byte of every file."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from devtools.readers.catalogue import READERS
from devtools.readers.installing import absent
from devtools.readers.judging import Cell, Judge, Outcome
from devtools.readers.kinds.catalogue import KINDS
from devtools.readers.limits import LIMITS, Limit, by_cell
from devtools.readers.reader import ARCHIVE, NameLimit, Reader, extracting, printing
from tests.unit.devtools.readers.samples import absent_reader, reader, sample

KIND = "small"


def judged(one: Reader, folder: Path, *, limit: str = "") -> Cell:
    limits = by_cell((Limit(one.name, (KIND,), "refused", limit),) if limit else ())
    scratch = folder / "scratch"
    scratch.mkdir()
    cell = Judge(absent([one]), limits).cell(one, KIND, sample(folder), scratch)
    assert not list(scratch.iterdir())
    return cell


def python(name: str, program: str) -> Reader:
    """A reader that is a program: it writes files into the folder in which it is started."""
    return Reader(name, extracting(sys.executable, "-c", program, ARCHIVE))


def test_a_reader_that_finds_everything_is_right(tmp_path: Path) -> None:
    cell = judged(reader(), tmp_path)
    assert (cell.outcome, cell.detail) == (Outcome.RIGHT, "")


def test_a_reader_that_loses_a_file_is_wrong(tmp_path: Path) -> None:
    cell = judged(reader(a__txt=None), tmp_path)
    assert cell.outcome is Outcome.WRONG
    assert cell.detail == "status 0, and of 3 files 1 missing ('a.txt')"


def test_a_reader_that_gives_wrong_bytes_is_wrong(tmp_path: Path) -> None:
    cell = judged(reader(a__txt=b"fIrst"), tmp_path)
    assert cell.outcome is Outcome.WRONG
    assert cell.detail == "status 0, and of 3 files 1 with other bytes ('a.txt')"


def test_a_program_that_ends_well_without_files_is_wrong(tmp_path: Path) -> None:
    cell = judged(python("silent", "pass"), tmp_path)
    assert cell.outcome is Outcome.WRONG
    assert "status 0, and of 3 files 3 missing" in cell.detail


def test_a_program_that_extracts_everything_is_right(tmp_path: Path) -> None:
    program = "import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extractall()"
    assert judged(python("zipfile", program), tmp_path).outcome is Outcome.RIGHT


def test_a_program_that_extracts_everything_and_fails_is_wrong(tmp_path: Path) -> None:
    program = "import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extractall(); sys.exit('no more')"
    cell = judged(python("zipfile", program), tmp_path)
    assert (cell.outcome, cell.detail) == (Outcome.WRONG, "status 1: no more")


def test_a_program_that_is_killed_is_wrong(tmp_path: Path) -> None:
    program = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    cell = judged(python("killed", program), tmp_path)
    assert (cell.outcome, cell.detail) == (Outcome.WRONG, "signal 9")


def test_a_program_that_cannot_be_started_is_wrong(tmp_path: Path) -> None:
    cell = judged(Reader("gone", printing("./no-such-program", ARCHIVE)), tmp_path)
    assert cell.outcome is Outcome.WRONG
    assert "cannot be started" in cell.detail


def test_a_program_prints_what_it_finds(tmp_path: Path) -> None:
    program = (
        "import hashlib, sys, zipfile\n"
        "archive = zipfile.ZipFile(sys.argv[1])\n"
        "for name in archive.namelist():\n"
        "    data = archive.read(name)\n"
        "    line = f'{hashlib.sha256(data).hexdigest()} {len(data)} {name}\\n'\n"
        "    sys.stdout.buffer.write(line.encode())\n"
    )
    one = Reader("printing", printing(sys.executable, "-c", program, ARCHIVE))
    assert judged(one, tmp_path).outcome is Outcome.RIGHT


def test_a_reader_that_is_not_there_is_missing_with_what_it_needs(tmp_path: Path) -> None:
    cell = judged(absent_reader(), tmp_path)
    assert cell.outcome is Outcome.MISSING
    assert cell.detail == "`no-such-program` is not on the path; Debian's no-such-package"


def test_a_known_limit_is_shown_with_what_happens(tmp_path: Path) -> None:
    cell = judged(reader(a__txt=None), tmp_path, limit="no ZIP64")
    assert (cell.outcome, cell.label) == (Outcome.LIMITED, "refused")
    assert cell.detail == "no ZIP64 (status 0, and of 3 files 1 missing ('a.txt'))"


def test_a_limit_that_is_none_is_wrong(tmp_path: Path) -> None:
    cell = judged(reader(), tmp_path, limit="no ZIP64")
    assert (cell.outcome, cell.label) == (Outcome.WRONG, "")
    assert cell.detail == "it reads every file, although its limit says: no ZIP64"


@pytest.mark.parametrize("processes", [1, 3])
def test_cells_come_in_the_order_of_the_readers(tmp_path: Path, processes: int) -> None:
    readers = [reader("first"), reader("second", a__txt=None), absent_reader()]
    judge = Judge(absent(readers), {})
    cells = list(judge.cells(KIND, sample(tmp_path), readers, tmp_path, processes))
    assert [(cell.reader, cell.outcome) for cell in cells] == [
        ("first", Outcome.RIGHT),
        ("second", Outcome.WRONG),
        ("absent", Outcome.MISSING),
    ]


def test_limits_name_readers_and_kinds_that_exist() -> None:
    readers, kinds = {one.name for one in READERS}, {one.name for one in KINDS}
    assert {one.reader for one in LIMITS} <= readers
    assert {kind for one in LIMITS for kind in one.kinds} <= kinds
    assert len(by_cell()) == sum(len(one.kinds) for one in LIMITS)
    assert len(readers) == len(READERS)
    assert len(kinds) == len(KINDS)


def test_places_of_this_machine_are_not_shown(tmp_path: Path) -> None:
    program = (
        "import os, sys; sys.exit(f'cannot read {sys.argv[1]} in {os.getcwd()}/x' + '.' * 999)"
    )
    cell = judged(python("lost", program), tmp_path)
    assert cell.detail.startswith("status 1: cannot read archive.zip in ")
    assert str(tmp_path) not in cell.detail
    assert len(cell.detail) < 300


def test_names_that_a_reader_rewrites_are_a_limit_of_it(tmp_path: Path) -> None:
    limit = NameLimit(lambda name: "é" in name, "it writes no accents")
    cell = judged(replace(reader(a__txt=None), names=limit), tmp_path)
    assert (cell.outcome, cell.label) == (Outcome.LIMITED, "names")
    assert cell.detail.startswith("it writes no accents (")


def test_names_that_a_reader_leaves_alone_are_no_limit(tmp_path: Path) -> None:
    limit = NameLimit(lambda name: ":" in name, "it writes no colons")
    assert judged(replace(reader(), names=limit), tmp_path).outcome is Outcome.RIGHT
