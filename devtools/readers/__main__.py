"""Reads archives of every kind with every reader, and compares each file's bytes.

    python -m devtools.readers [--quick] [--reader NAME]... [--kind NAME]... [ARCHIVE...]

Archives that are named on the command line are read instead of those made here; the truth about
them is what Python's zipfile finds. The exit status is 0 when no cell of the table is wrong, 1 when
one is, 2 when the arguments make no sense.
"""

import argparse
import logging
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from devtools.readers.catalogue import READERS
from devtools.readers.installing import absent, install
from devtools.readers.judging import Cell, Judge, Outcome
from devtools.readers.kinds.catalogue import KINDS
from devtools.readers.kinds.sample import Kind, SampleArchive
from devtools.readers.limits import by_cell
from devtools.readers.listing import ReaderFailed
from devtools.readers.python_readers import with_zipfile
from devtools.readers.reader import Reader
from devtools.readers.report import Report
from devtools.readers.workspace import scratch_place, version_of

Tell = Callable[[str], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Reads everything, and answers the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    logging.disable(logging.WARNING)
    tell = _telling(time.monotonic())
    readers = _selected_readers(options)
    try:
        kinds = _selected_kinds(options)
    except (OSError, ReaderFailed) as error:
        parser.error(str(error))
    if options.install:
        install(readers, tell)
    report = _read(readers, kinds, options.processes, tell)
    if options.write:
        Path(options.write).write_text(report.markdown(), encoding="utf-8")
    sys.stdout.write(f"{report.document() if options.json else report.table()}\n")
    return int(report.wrong)


def _read(readers: Sequence[Reader], kinds: Sequence[Kind], processes: int, tell: Tell) -> Report:
    """Makes one archive after another and hands it to all readers."""
    judge = Judge(absent(readers), by_cell())
    cells: list[Cell] = []
    total = len(readers) * len(kinds)
    for kind in kinds:
        with _folder() as folder:
            tell(f"{kind.name}: making the archive")
            sample = kind.make(folder)
            with _folder(scratch_place(sample)) as scratch:
                for cell in judge.cells(kind.name, sample, readers, scratch, processes):
                    cells.append(cell)
                    tell(f"{len(cells)}/{total} {_progress(cell)}")
    versions = {reader.name: version_of(reader.needs) for reader in readers}
    return Report(cells, {kind.name: kind.about for kind in kinds}, versions)


def _progress(cell: Cell) -> str:
    shown = f"{cell.kind}, {cell.reader}: {cell.outcome.value}, {cell.seconds:.1f} s"
    return f"{shown}: {cell.detail}" if cell.outcome is Outcome.WRONG else shown


def _selected_readers(options: argparse.Namespace) -> list[Reader]:
    chosen = options.reader or [one.name for one in READERS if one.quick or not options.quick]
    return [reader for reader in READERS if reader.name in chosen]


def _selected_kinds(options: argparse.Namespace) -> list[Kind]:
    """Raises OSError or ReaderFailed for archives that cannot be read at all."""
    if options.archives:
        return [_given(Path(archive)) for archive in options.archives]
    chosen = options.kind or [one.name for one in KINDS if one.quick or not options.quick]
    return [kind for kind in KINDS if kind.name in chosen]


def _given(archive: Path) -> Kind:
    sample = SampleArchive(archive.resolve(), with_zipfile(archive, archive.parent))
    return Kind(str(archive), f"{len(sample.truth)} files", lambda _: sample)


@contextmanager
def _folder(place: Path | None = None) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="kili-export-readers-", dir=place))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _telling(began: float) -> Tell:
    def tell(line: str) -> None:
        sys.stderr.write(f"{time.monotonic() - began:6.0f} s  {line}\n")

    return tell


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m devtools.readers",
        description="Reads archives of every kind with every reader, and compares their files.",
    )
    parser.add_argument("archives", nargs="*", metavar="ARCHIVE", help="read these archives")
    parser.add_argument(
        "--quick", action="store_true", help="small archives, and readers that install in seconds"
    )
    parser.add_argument(
        "--reader",
        action="append",
        metavar="NAME",
        choices=[reader.name for reader in READERS],
        help="this reader alone; may be repeated",
    )
    parser.add_argument(
        "--kind",
        action="append",
        metavar="NAME",
        choices=[kind.name for kind in KINDS],
        help="this kind of archive alone; may be repeated",
    )
    parser.add_argument(
        "--no-install", dest="install", action="store_false", help="use what is on the machine"
    )
    parser.add_argument(
        "--processes", type=int, default=2, metavar="N", help="readers at the same time (2)"
    )
    parser.add_argument("--write", metavar="FILE", help="also write the table into a file")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    return parser


if __name__ == "__main__":
    sys.exit(main())
