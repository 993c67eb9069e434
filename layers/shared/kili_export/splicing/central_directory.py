"""The central directory as raw bytes, sorted by name, without an object per entry."""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final

from kili_export.core.errors import IntegrityError
from kili_export.splicing.entries import Entry
from kili_export.splicing.entry_record import Record
from kili_export.splicing.held_bytes import ByteSource, chunks_of
from kili_export.splicing.offset_shift import rebase
from kili_export.splicing.zip_headers import (
    CENTRAL_HEADER_SIZE,
    LENGTHS_AT,
    MAX_RECORD_BYTES,
    RECORD,
    RECORD_START,
    RECORD_START_SIZE,
    decode_record,
    encode_name,
    encode_record,
    is_record_start,
    record_length,
)

_NO_COUNT: Final = -1
_WINDOW: Final = 1 << 18
"""Bytes of a directory that are read at once when its records are walked."""


class Directory:
    """An immutable directory: its records in the order of their names' UTF-8 bytes.

    `raw` is exactly what stands in the archive; treat it as read-only. It may be in a file: no
    method but `rebased` holds more than a fraction of a MiB of it.
    """

    __slots__ = ("_count", "raw")

    def __init__(self, raw: ByteSource, count: int) -> None:
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
    def parse(cls, raw: ByteSource, count: int) -> "Directory":
        """A directory of ours read back.

        Checks in a few passes at memory speed that it is made of `count` of our records. Raises
        IntegrityError otherwise. `verify` walks every record.
        """
        found = _count_starts(raw)
        if found != count:
            raise IntegrityError(f"a directory of {count} entries holds {found}")
        directory = cls(raw, count)
        if count and (
            not is_record_start(bytes(raw[:RECORD_START_SIZE]), 0)
            or directory._last_end() != len(raw)
        ):
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
            return decode_record(self._whole(start), 0)
        return None

    def has_below(self, folder: str) -> bool:
        """Whether a file is in that folder, or in one of its folders."""
        prefix = f"{folder}/".encode()
        start = self.lower_bound(prefix)
        return start < len(self.raw) and self.name_at(start).startswith(prefix)

    def records(self) -> Iterator[Record]:
        """Every entry, by name."""
        for window, at, _ in self._walk(0):
            yield decode_record(window, at)

    def with_prefix(self, prefix: str) -> Iterator[Record]:
        """The entries whose names start with `prefix`, by name."""
        encoded = prefix.encode()
        for window, at, _ in self._walk(self.lower_bound(encoded)):
            if not _name(window, at).startswith(encoded):
                return
            yield decode_record(window, at)

    def raw_with_prefix(self, prefix: str) -> Iterator[tuple[bytes, bytes]]:
        """The names that start with `prefix`, ascending, each with its record as it stands here."""
        encoded = prefix.encode()
        for window, at, _ in self._walk(self.lower_bound(encoded)):
            name = _name(window, at)
            if not name.startswith(encoded):
                return
            yield name, window[at : at + record_length(window, at)]

    def between(self, low: str, high: str) -> Iterator[Record]:
        """The entries from one name to before another, by name."""
        end = high.encode()
        for window, at, _ in self._walk(self.lower_bound(low.encode())):
            if _name(window, at) >= end:
                return
            yield decode_record(window, at)

    def rebased(self, delta: int) -> "Directory":
        """The same entries, each `delta` bytes further on."""
        raw = bytearray(self.raw[:])
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
                low = at + record_length(self._head(at), 0)
            else:
                high = at
        return low

    def names(self) -> Iterator[tuple[bytes, int]]:
        """Every name, ascending, and where its record begins."""
        for window, at, start in self._walk(0):
            yield _name(window, at), start

    def name_at(self, start: int) -> bytes:
        """The name of the record that begins at `start`."""
        return _name(self._whole(start), 0)

    def record_at(self, start: int) -> bytes:
        """The record that begins at `start`. Raises IntegrityError when it is cut off."""
        whole = self._whole(start)
        length = record_length(whole, 0)
        if len(whole) < length:
            raise IntegrityError(f"the directory record at byte {start} is cut off")
        return whole

    def slices(self, start: int, end: int) -> Iterator[bytes]:
        """The records between two boundaries of records, many whole ones at a time."""
        while start < end:
            until = end if end - start <= _WINDOW else self._boundary(start, start + _WINDOW)
            yield bytes(self.raw[start:until])
            start = until

    def _head(self, start: int) -> bytes:
        return bytes(self.raw[start : start + CENTRAL_HEADER_SIZE])

    def _whole(self, start: int) -> bytes:
        """The bytes of the record at `start`, as many as there are."""
        length = record_length(self._head(start), 0)
        return bytes(self.raw[start : start + length])

    def _walk(self, start: int) -> Iterator[tuple[bytes, int, int]]:
        """Every record from `start` on: bytes that have it, where in them, where in all."""
        size = len(self.raw)
        while start < size:
            window = bytes(self.raw[start : start + _WINDOW])
            safe = len(window) if start + len(window) == size else len(window) - MAX_RECORD_BYTES
            at = 0
            while at < safe:
                yield window, at, start + at
                at += record_length(window, at)
            start += at

    def _boundary(self, low: int, at: int) -> int:
        """The last record that begins in `low..at`; `low` is the beginning of one."""
        floor = max(low, at - MAX_RECORD_BYTES)
        found = _last_start(bytes(self.raw[floor : at + RECORD_START_SIZE]), at - floor)
        if found < 0:
            raise IntegrityError(f"no directory record within {MAX_RECORD_BYTES} bytes before {at}")
        return floor + found

    def _last_end(self) -> int:
        floor = max(0, len(self.raw) - MAX_RECORD_BYTES)
        last = bytes(self.raw[floor:])
        start = _last_start(last, len(last))
        if start < 0 or start + CENTRAL_HEADER_SIZE > len(last):
            return _NO_COUNT
        decode_record(last, start)
        return floor + start + record_length(last, start)


def _last_start(window: bytes, at: int) -> int:
    """The last record that begins in the window at `at` or before, -1 for none."""
    end = at + len(RECORD_START)
    while (found := window.rfind(RECORD_START, 0, end)) >= 0:
        if is_record_start(window, found):
            return found
        end = found + len(RECORD_START) - 1
    return -1


def _name(raw: bytes, start: int) -> bytes:
    head = start + CENTRAL_HEADER_SIZE
    length = int.from_bytes(raw[start + LENGTHS_AT : start + LENGTHS_AT + 2], "little")
    return raw[head : head + length]


def _count_starts(raw: ByteSource) -> int:
    """How many records begin in the bytes."""
    found, carried = 0, b""
    for chunk in chunks_of(raw):
        joined = carried + chunk
        found += sum(1 for _ in RECORD.finditer(joined))
        carried = joined[-(RECORD_START_SIZE - 1) :]
    return found


def _placed(entries: Iterable[Entry]) -> Iterator[Record]:
    offset = 0
    for entry in entries:
        yield entry.record(offset)
        offset += len(entry.local)
