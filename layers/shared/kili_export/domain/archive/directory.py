"""The central directory as raw bytes, sorted by name, without an object per entry."""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final

from kili_export.domain.archive.entries import Entry
from kili_export.domain.archive.rebase import rebase
from kili_export.domain.archive.record import Record
from kili_export.domain.archive.wire import (
    CENTRAL_HEADER_SIZE,
    LENGTHS_AT,
    MAX_RECORD_BYTES,
    RECORD_START,
    RECORD_STARTS,
    decode_record,
    encode_name,
    encode_record,
    is_record_start,
    record_length,
)
from kili_export.domain.errors import IntegrityError

RawBytes = bytes | bytearray
_NO_COUNT: Final = -1


class Directory:
    """An immutable directory: its records in the order of their names' UTF-8 bytes.

    `raw` is exactly what stands in the archive; treat it as read-only.
    """

    __slots__ = ("_count", "raw")

    def __init__(self, raw: RawBytes, count: int) -> None:
        """Takes bytes that are known to be well-formed; use `parse` for those that are not."""
        self.raw: Final = raw
        self._count: Final = count

    @classmethod
    def empty(cls) -> "Directory":
        """The directory of no entries."""
        return cls(b"", 0)

    @classmethod
    def from_records(cls, records: Iterable[Record]) -> "Directory":
        """The directory of these records. Raises IntegrityError when a name comes twice."""
        encoded = sorted((encode_name(record.path), encode_record(record)) for record in records)
        for (name, _), (following, _) in pairwise(encoded):
            if name == following:
                raise IntegrityError(f"two entries are named {name.decode()!r}")
        return cls(b"".join(raw for _, raw in encoded), len(encoded))

    @classmethod
    def from_entries(cls, entries: Iterable[Entry]) -> "Directory":
        """The directory of entries that follow each other from offset 0."""
        return cls.from_records(_placed(entries))

    @classmethod
    def parse(cls, raw: RawBytes, count: int) -> "Directory":
        """A directory of ours read back.

        Checks in a few passes at memory speed that it is made of `count` of our records. Raises
        IntegrityError otherwise. `verify` walks every record.
        """
        found = sum(raw.count(start) for start in RECORD_STARTS)
        if found != count:
            raise IntegrityError(f"a directory of {count} entries holds {found}")
        directory = cls(raw, count)
        if count and (not is_record_start(raw, 0) or directory._last_end() != len(raw)):
            raise IntegrityError("a directory has bytes around its records")
        if not count and raw:
            raise IntegrityError("an empty directory has bytes")
        return directory

    def __len__(self) -> int:
        return self._count

    def __contains__(self, path: str) -> bool:
        return self.find(path) is not None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Directory) and self.raw == other.raw

    def __hash__(self) -> int:
        return hash((self._count, len(self.raw)))

    def __repr__(self) -> str:
        return f"Directory({self._count} entries, {len(self.raw)} bytes)"

    def find(self, path: str) -> Record | None:
        """The entry of that name. Raises IntegrityError where the bytes are not records."""
        name = encode_name(path)
        start = self.lower_bound(name)
        if start < len(self.raw) and self.name_at(start) == name:
            return decode_record(self.raw, start)
        return None

    def records(self) -> Iterator[Record]:
        """Every entry, by name."""
        start = 0
        while start < len(self.raw):
            yield decode_record(self.raw, start)
            start += record_length(self.raw, start)

    def with_prefix(self, prefix: str) -> Iterator[Record]:
        """The entries whose names start with `prefix`, by name."""
        encoded = prefix.encode()
        start = self.lower_bound(encoded)
        while start < len(self.raw) and self.name_at(start).startswith(encoded):
            yield decode_record(self.raw, start)
            start += record_length(self.raw, start)

    def rebased(self, delta: int) -> "Directory":
        """The same entries, each `delta` bytes further on."""
        raw = bytearray(self.raw)
        rebase(raw, 0, [0], [delta])
        return Directory(raw, self._count)

    def verify(self) -> None:
        """Walks every record. Raises IntegrityError unless all are whole and sorted by name."""
        last, count = b"", 0
        for record in self.records():
            name = encode_name(record.path)
            if name <= last:
                raise IntegrityError(f"a directory is not sorted at {record.path!r}")
            last, count = name, count + 1
        if count != self._count:
            raise IntegrityError(f"a directory of {self._count} entries holds {count}")

    def lower_bound(self, name: bytes, start: int = 0) -> int:
        """Where the first record whose name is not below `name` begins, looking from `start`."""
        low, high = start, len(self.raw)
        while low < high:
            at = self._boundary(low, (low + high) // 2)
            if self.name_at(at) < name:
                low = at + record_length(self.raw, at)
            else:
                high = at
        return low

    def names(self) -> Iterator[tuple[bytes, int]]:
        """Every name, ascending, and where its record begins."""
        start = 0
        while start < len(self.raw):
            yield self.name_at(start), start
            start += record_length(self.raw, start)

    def name_at(self, start: int) -> bytes:
        """The name of the record that begins at `start`."""
        head = start + CENTRAL_HEADER_SIZE
        length = int.from_bytes(self.raw[start + LENGTHS_AT : start + LENGTHS_AT + 2], "little")
        return bytes(self.raw[head : head + length])

    def _boundary(self, low: int, at: int) -> int:
        """The last record that begins in `low..at`; `low` is the beginning of one."""
        end = at + len(RECORD_START)
        floor = max(low, at - MAX_RECORD_BYTES)
        while (found := self.raw.rfind(RECORD_START, floor, end)) >= 0:
            if is_record_start(self.raw, found):
                return found
            end = found + len(RECORD_START) - 1
        raise IntegrityError(f"no directory record within {MAX_RECORD_BYTES} bytes before {at}")

    def _last_end(self) -> int:
        start = max(self.raw.rfind(begin) for begin in RECORD_STARTS)
        if start + CENTRAL_HEADER_SIZE > len(self.raw):
            return _NO_COUNT
        decode_record(self.raw, start)
        return start + record_length(self.raw, start)


def _placed(entries: Iterable[Entry]) -> Iterator[Record]:
    offset = 0
    for entry in entries:
        yield entry.record(offset)
        offset += len(entry.local)
