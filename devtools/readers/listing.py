"""What a reader finds in an archive, and how that differs from the truth."""

import hashlib
import os
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Final, NamedTuple

_CHUNK: Final = 1 << 20
_SHOWN: Final = 3
"""So many names are shown of each difference."""


class Found(NamedTuple):
    """A file's contents: the size in bytes, and the SHA-256 in hexadecimal digits."""

    size: int
    sha256: str


Listing = Mapping[str, Found]
"""The files of an archive by name."""


class ReaderFailed(Exception):
    """A reader does not take an archive. The message says how it ends, and what it says."""


def found(data: bytes) -> Found:
    """The entry of a listing for these contents."""
    return Found(len(data), hashlib.sha256(data).hexdigest())


def found_in(stream: IO[bytes]) -> Found:
    """The same for the rest of a stream."""
    digest = hashlib.sha256()
    size = 0
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
        size += len(chunk)
    return Found(size, digest.hexdigest())


def listing_of(files: Mapping[str, bytes]) -> Listing:
    """The listing of files that are at hand."""
    return {name: found(data) for name, data in files.items()}


def files_below(folder: Path) -> Listing:
    """The files that a reader wrote into a folder. Links count as files that differ."""
    return dict(_walk(folder, ""))


def _walk(folder: Path, prefix: str) -> Iterator[tuple[str, Found]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            name = f"{prefix}{entry.name}"
            if entry.is_symlink():
                yield name, Found(-1, "link")
            elif entry.is_dir():
                yield from _walk(Path(entry.path), f"{name}/")
            else:
                with Path(entry.path).open("rb") as file:
                    yield name, found_in(file)


def printed_listing(output: bytes) -> Listing:
    """Reads lines of `SHA256 SIZE NAME`, which the scripts print.

    Raises ReaderFailed for lines that are not so, and for a name that comes twice.
    """
    listing: dict[str, Found] = {}
    for line in output.decode(errors="surrogateescape").split("\n"):
        if not line:
            continue
        try:
            digest, size, name = line.split(" ", 2)
            entry = Found(int(size), digest)
        except ValueError as error:
            raise ReaderFailed(f"it prints {line[:80]!r}") from error
        if name in listing:
            raise ReaderFailed(f"it finds {name!r} twice")
        listing[name] = entry
    return listing


def differences(listing: Listing, truth: Listing, *, composes_names: bool = False) -> str:
    """How a listing differs from the truth, in words; empty where it does not.

    With `composes_names` the reader may write names in Unicode's composed form (NFC).
    """
    if composes_names:
        listing, truth = _composed(listing), _composed(truth)
    missing = sorted(truth.keys() - listing.keys())
    extra = sorted(listing.keys() - truth.keys())
    other = sorted(name for name in truth.keys() & listing.keys() if truth[name] != listing[name])
    problems = [
        _told(names, what)
        for names, what in ((missing, "missing"), (extra, "extra"), (other, "with other bytes"))
        if names
    ]
    return f"of {len(truth)} files {', '.join(problems)}" if problems else ""


def _told(names: Sequence[str], what: str) -> str:
    shown = ", ".join(repr(name) for name in names[:_SHOWN])
    return f"{len(names)} {what} ({shown}{', ...' if len(names) > _SHOWN else ''})"


def _composed(listing: Listing) -> Listing:
    return {unicodedata.normalize("NFC", name): entry for name, entry in listing.items()}
