"""Segments: entries one after another, and their directory relative to the first byte."""

from dataclasses import dataclass

from kili_export.core.errors import IntegrityError
from kili_export.splicing.central_directory import Directory
from kili_export.splicing.entries import Entry
from kili_export.splicing.entry_record import Record


@dataclass(frozen=True, slots=True)
class Segment:
    """Complete local entries. Offsets of `directory` count from the beginning of `body`."""

    body: bytes
    directory: Directory


class SegmentBuilder:
    """Collects entries, in the order in which they come."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._records: list[Record] = []
        self._paths: set[str] = set()
        self._size = 0

    @property
    def size(self) -> int:
        """How many bytes the entries take so far."""
        return self._size

    def __len__(self) -> int:
        return len(self._records)

    def add(self, entry: Entry) -> Record:
        """Appends an entry. Raises IntegrityError when its name was added before."""
        if entry.path in self._paths:
            raise IntegrityError(f"two entries are named {entry.path!r}")
        record = entry.record(self._size)
        self._paths.add(entry.path)
        self._records.append(record)
        self._chunks.append(entry.local)
        self._size += len(entry.local)
        return record

    def finish(self) -> Segment:
        """The segment of what was added."""
        return Segment(b"".join(self._chunks), Directory.from_records(self._records))
