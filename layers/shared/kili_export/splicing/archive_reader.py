"""Reads archives of ours, piece by piece."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from kili_export.core.errors import IntegrityError
from kili_export.splicing.central_directory import Directory
from kili_export.splicing.end_of_directory import MAX_TAIL, Tail, decode_tail
from kili_export.splicing.entries import decode_local
from kili_export.splicing.entry_record import Record
from kili_export.splicing.held_bytes import Hold, hold_in_memory

FetchRange = Callable[[int, int], bytes]
"""Gives exactly the bytes at (start, length)."""


@dataclass(frozen=True, slots=True)
class ArchiveIndex:
    """What is known of an archive without its entries. `entries_size` is in bytes."""

    directory: Directory
    entries_size: int


_READ: Final = 8 << 20


def read_archive(fetch_range: FetchRange, size: int, hold: Hold = hold_in_memory) -> ArchiveIndex:
    """The directory of an archive of `size` bytes, in two reads, or one more for each 8 MiB of it.

    `hold` keeps the directory. Raises IntegrityError for bytes that are not an archive written
    by this package.
    """
    length = min(size, MAX_TAIL)
    tail = decode_tail(fetch_range(size - length, length), size)
    directory = Directory.parse(hold(_directory(fetch_range, tail)), tail.count)
    return ArchiveIndex(directory=directory, entries_size=tail.directory_start)


def _directory(fetch_range: FetchRange, tail: Tail) -> Iterator[bytes]:
    end = tail.directory_start + tail.directory_length
    for start in range(tail.directory_start, end, _READ):
        yield fetch_range(start, min(_READ, end - start))


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
