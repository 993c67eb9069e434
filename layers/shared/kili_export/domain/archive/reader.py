"""Reads archives of ours, piece by piece."""

from collections.abc import Callable
from dataclasses import dataclass

from kili_export.domain.archive.directory import Directory
from kili_export.domain.archive.entries import decode_local
from kili_export.domain.archive.record import Record
from kili_export.domain.archive.tail import MAX_TAIL, decode_tail
from kili_export.domain.errors import IntegrityError

FetchRange = Callable[[int, int], bytes]
"""Gives exactly the bytes at (start, length)."""


@dataclass(frozen=True, slots=True)
class ArchiveIndex:
    """What is known of an archive without its entries. `entries_size` is in bytes."""

    directory: Directory
    entries_size: int


def read_archive(fetch_range: FetchRange, size: int) -> ArchiveIndex:
    """The directory of an archive of `size` bytes, in two reads.

    Raises IntegrityError for bytes that are not an archive written by this package.
    """
    length = min(size, MAX_TAIL)
    tail = decode_tail(fetch_range(size - length, length), size)
    raw = b""
    if tail.directory_length:
        raw = fetch_range(tail.directory_start, tail.directory_length)
    directory = Directory.parse(raw, tail.count)
    return ArchiveIndex(directory=directory, entries_size=tail.directory_start)


def read_entry(fetch_range: FetchRange, record: Record) -> bytes:
    """The file that `record` describes. Raises IntegrityError unless it is exactly that one."""
    return decode_local(record, fetch_range(record.offset, record.local_length))


def fetch_from(archive: bytes) -> FetchRange:
    """Ranges of an archive that is in memory."""

    def fetch(start: int, length: int) -> bytes:
        piece = archive[start : start + length]
        if start < 0 or len(piece) != length:
            raise IntegrityError(f"no {length} bytes at offset {start}")
        return piece

    return fetch
