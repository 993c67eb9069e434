"""A reader: how it is called, and what has to be on the machine for it."""

import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from devtools.readers.listing import Listing, ReaderFailed, printed_listing
from devtools.readers.processes import is_there, run

SCRIPTS: Final = Path(__file__).with_name("scripts")
ARCHIVE: Final = "{archive}"
"""In a command: the archive's path."""

Read = Callable[[Path, Path], Listing]
"""Reads an archive, given an empty folder for whatever it writes. Raises ReaderFailed."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What a reader needs of the machine.

    `programs` must be on the path, `check` must end with status 0. `debian` are the packages that
    bring both. `npm` and `pypi` are what it needs of the folder `.venv-readers`. `version` prints
    a version where Debian's first package does not tell it.
    """

    programs: tuple[str, ...] = ()
    debian: tuple[str, ...] = ()
    check: tuple[str, ...] = ()
    npm: tuple[str, ...] = ()
    pypi: tuple[str, ...] = ()
    version: tuple[str, ...] = ()

    def of_system(self) -> str:
        """What of the system is missing, in words; empty where nothing is."""
        absent = [program for program in self.programs if not is_there(program)]
        if absent:
            return f"`{'`, `'.join(absent)}` is not on the path"
        if self.check:
            try:
                run(self.check)
            except ReaderFailed as error:
                return f"`{' '.join(self.check)}` ends with {error}"
        return ""


@dataclass(frozen=True, slots=True)
class NameLimit:
    """Names that a reader does not write as they are, and what it does with them."""

    applies: Callable[[str], bool]
    reason: str


@dataclass(frozen=True, slots=True)
class Reader:
    """One way to read an archive.

    `quick` readers are installed and started in seconds: they are tried whenever tests run.
    Those with `composes_names` write names in Unicode's composed form (NFC).
    """

    name: str
    read: Read
    needs: Needs = field(default_factory=Needs)
    quick: bool = False
    composes_names: bool = False
    names: NameLimit | None = None

    def rewrites(self, truth: Listing) -> bool:
        """Whether an archive of these files has names that it does not write as they are."""
        return self.names is not None and any(map(self.names.applies, truth))

    def listing(self, archive: Path, scratch: Path) -> Listing:
        """The files that it finds. What it writes is below `scratch`, and is removed again."""
        folder = Path(tempfile.mkdtemp(dir=scratch))
        try:
            return self.read(archive, folder)
        finally:
            run(("rm", "-rf", folder))


def extracting(*command: str | Path) -> Read:
    """A program that writes the files into the folder in which it is started."""

    def read(archive: Path, folder: Path) -> Listing:
        run(_filled(command, archive), folder=folder)
        return written_files(folder)

    return read


def printing(*command: str | Path, environment: Mapping[str, str] | None = None) -> Read:
    """A program that prints a line of `SHA256 SIZE NAME` for each file."""

    def read(archive: Path, folder: Path) -> Listing:
        output = run(_filled(command, archive), folder=folder, environment=environment)
        return printed_listing(output)

    return read


def written_files(folder: Path) -> Listing:
    """The files that a reader wrote into a folder. Raises ReaderFailed."""
    return printed_listing(run((sys.executable, "-m", "devtools.readers.folder_listing", folder)))


def _filled(command: tuple[str | Path, ...], archive: Path) -> list[str | Path]:
    return [archive if part == ARCHIVE else part for part in command]
