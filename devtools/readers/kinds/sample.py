"""What is handed to the readers: an archive, and the truth about it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from devtools.readers.listing import Listing


@dataclass(frozen=True, slots=True)
class SampleArchive:
    """An archive in a file, and the listing that every reader must find."""

    path: Path
    truth: Listing


Make = Callable[[Path], SampleArchive]
"""Makes a sample in a folder of its own."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of archive. `quick` kinds are made and read in seconds."""

    name: str
    about: str
    make: Make
    quick: bool = True
