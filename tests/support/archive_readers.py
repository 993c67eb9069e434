"""Foreign readers of ZIP archives as judges: those of `make readers` that install in seconds.

Readers that are not on this machine are named, never passed over.
"""

import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path

from devtools.readers.catalogue import READERS as ALL_READERS
from devtools.readers.installing import absent
from devtools.readers.listing import Listing, ReaderFailed, differences
from devtools.readers.python_readers import read_forwards
from devtools.readers.reader import Reader

READERS: Mapping[str, Reader] = {reader.name: reader for reader in ALL_READERS if reader.quick}
"""Those that tests use, by name."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What all readers agree on: SHA-256 by name; the readers that read; those that are absent."""

    contents: Mapping[str, str]
    readers: tuple[str, ...]
    missing: tuple[str, ...]


class ReadersDisagree(AssertionError):
    """A reader failed on an archive, or found other files in it than the first one."""


def check_with_every_reader(path: Path) -> Verdict:
    """Reads the archive with all readers of this machine. Raises ReadersDisagree.

    Readers that rewrite some of its names are not asked.
    """
    missing = missing_readers()
    truth = read_with("Python zipfile", path)
    present = [
        name
        for name, reader in READERS.items()
        if name not in missing and not reader.rewrites(truth)
    ]
    for name in present:
        compare(name, read_with(name, path), truth)
    contents = {name: entry.sha256 for name, entry in truth.items()}
    return Verdict(contents, tuple(present), tuple(missing))


@cache
def missing_readers() -> Mapping[str, str]:
    """By the name of each reader that this machine does not have: what it misses."""
    return absent(READERS.values())


def read_with(reader: str, path: Path) -> Listing:
    """The files of an archive as one reader finds them. Raises ReadersDisagree when it fails."""
    with tempfile.TemporaryDirectory() as scratch:
        try:
            return READERS[reader].listing(path, Path(scratch))
        except ReaderFailed as error:
            raise ReadersDisagree(f"{reader} on {path}: {error}") from error


def compare(reader: str, listing: Listing, truth: Listing) -> None:
    """Raises ReadersDisagree when a listing differs from the truth."""
    composes_names = READERS[reader].composes_names
    if problem := differences(listing, truth, composes_names=composes_names):
        raise ReadersDisagree(f"{reader}: {problem}")


def sha256(data: bytes) -> str:
    """The digest that listings hold."""
    return hashlib.sha256(data).hexdigest()


def walk_local_headers(archive: bytes) -> Mapping[str, str]:
    """SHA-256 by name, as a reader that only reads forwards finds them. Raises ReaderFailed."""
    listing = read_forwards(BytesIO(archive))
    return {name: entry.sha256 for name, entry in listing.items()}
