"""Reads deltas out of the bucket: what they bring and remove, and where the files are."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from kili_export.contracts.manifest import DELTA_LIST, Delta, DeltaReference
from kili_export.domain.archive.parts import Source
from kili_export.domain.archive.record import Record
from kili_export.domain.errors import IntegrityError
from kili_export.ports import ObjectStore
from kili_export.usecases.aggregation.stored_archive import StoredArchive

_READERS: Final = 16


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
    archive = StoredArchive.open(objects, source)
    listed = archive.directory.find(DELTA_LIST)
    if listed is None:
        raise IntegrityError(f"{reference.key} has no list")
    try:
        document = Delta.from_bytes(archive.read(listed))
    except (ValidationError, ValueError) as error:
        raise IntegrityError(f"the list of {reference.key} cannot be read") from error
    return StoredDelta(archive, document)
