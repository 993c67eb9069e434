"""Reads deltas out of the bucket: what they bring and remove, and where the files are."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from kili_export.archives.delta_document import DELTA_LIST, Delta
from kili_export.archives.manifest import DeltaReference
from kili_export.archives.stored_archive import StoredArchive
from kili_export.core.errors import IntegrityError
from kili_export.splicing.archive_reader import FetchRange, read_entry
from kili_export.splicing.end_of_directory import MAX_TAIL
from kili_export.splicing.entry_record import Record
from kili_export.splicing.upload_parts import Source
from kili_export.storage.object_store import ObjectStore

_READERS: Final = 16
_LIST_BYTES: Final = 1_024
_FILE_BYTES: Final = 256
"""What a list takes at most with usual names, compressed: for itself, and for each file."""


@dataclass(frozen=True, slots=True)
class StoredDelta:
    """A delta: its archive and the list in it."""

    archive: StoredArchive
    document: Delta

    @property
    def brought(self) -> Iterator[str]:
        """The files that it has."""
        return (member.path for member in (*self.document.added, *self.document.changed))

    @property
    def removed(self) -> Iterator[str]:
        """The files that it removes."""
        return (member.path for member in self.document.removed)

    def record(self, path: str) -> Record:
        """Where a file stands. Raises IntegrityError when it does not have it."""
        record = self.archive.directory.find(path)
        if record is None:
            raise IntegrityError(f"{self.archive.source.key} has no {path!r}")
        return record


def open_deltas(objects: ObjectStore, chain: Sequence[DeltaReference]) -> Iterator[StoredDelta]:
    """Each delta in order. Raises IntegrityError, ConflictError."""
    with ThreadPoolExecutor(_READERS) as pool:
        yield from pool.map(lambda reference: _open(objects, reference), chain)


def _open(objects: ObjectStore, reference: DeltaReference) -> StoredDelta:
    source = Source(reference.key, reference.etag, reference.size)
    fetch = _fetching(objects, reference)
    archive = StoredArchive.open(objects, source, fetch=fetch)
    listed = archive.directory.find(DELTA_LIST)
    if listed is None:
        raise IntegrityError(f"{reference.key} has no list")
    try:
        document = Delta.from_bytes(read_entry(fetch, listed))
    except (ValidationError, ValueError) as error:
        raise IntegrityError(f"the list of {reference.key} cannot be read") from error
    return StoredDelta(archive, document)


def _fetching(objects: ObjectStore, reference: DeltaReference) -> FetchRange:
    """Reads a delta whose end, which has its list and its directory, is read at once."""

    def get(start: int, length: int) -> bytes:
        return objects.get_range(reference.key, start, length, if_match=reference.etag)

    begin = _list_begins(reference)
    end = get(begin, reference.size - begin)

    def fetch(start: int, length: int) -> bytes:
        if start < begin:
            return get(start, length)
        return end[start - begin : start - begin + length]

    return fetch


def _list_begins(reference: DeltaReference) -> int:
    """A byte of the delta at or before which its list most probably begins."""
    regions = reference.regions
    if regions is None:
        return max(0, reference.size - MAX_TAIL)
    files = reference.added + reference.changed + reference.removed
    return max(regions.labels_end, regions.documents_end - _LIST_BYTES - files * _FILE_BYTES)
