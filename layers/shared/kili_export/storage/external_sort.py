"""Sorts more than memory holds."""

import heapq
import struct
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, TypeVar

import orjson

from kili_export.storage.spool import Spool

_T = TypeVar("_T")
_LENGTH: Final = struct.Struct("<I")
_IN_MEMORY: Final = 8 << 20
_OBJECT: Final = 64
"""Bytes that Python adds to each item that is held."""
_WINDOW: Final = 1 << 18


class SpooledItems:
    """Byte strings in the order in which they were added, in memory or in a file."""

    def __init__(self) -> None:
        self._spool = Spool()

    def add(self, item: bytes | bytearray) -> None:
        """Appends one."""
        self._spool.write(_LENGTH.pack(len(item)))
        self._spool.write(item)

    def __iter__(self) -> Iterator[bytes]:
        return self.between(0, self.end)

    @property
    def end(self) -> int:
        """A mark behind the last one that was added."""
        return len(self._spool)

    def between(self, start: int, end: int) -> Iterator[bytes]:
        """Those that were added between two marks. Reads a fraction of a MiB at a time."""
        window, at = b"", 0
        while start + at < end:
            if len(window) - at < _LENGTH.size:
                start, at = start + at, 0
                window = self._spool[start : min(start + _WINDOW, end)]
            (length,) = _LENGTH.unpack_from(window, at)
            if len(window) - at - _LENGTH.size < length:
                start, at = start + at, 0
                needed = _LENGTH.size + length
                window = self._spool[start : min(start + max(_WINDOW, needed), end)]
            at += _LENGTH.size
            yield window[at : at + length]
            at += length


class ExternalSorter:
    """Takes byte strings in any order and gives them in ascending order, as often as asked for.

    What `in_memory` bytes do not hold is sorted in runs, which are merged when they are read.
    """

    def __init__(self, in_memory: int = _IN_MEMORY) -> None:
        self._in_memory = in_memory
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._items = SpooledItems()
        self._runs: list[tuple[int, int]] = []

    def add(self, item: bytes) -> None:
        """Takes one in."""
        self._held.append(item)
        self._held_bytes += len(item) + _OBJECT
        if self._held_bytes > self._in_memory:
            self._spill()

    def __iter__(self) -> Iterator[bytes]:
        self._held.sort()
        if not self._runs:
            return iter(self._held)
        runs = [self._items.between(*run) for run in self._runs]
        return heapq.merge(*runs, self._held)

    def settle(self) -> None:
        """Gives the memory back: nothing more is to be added for now."""
        if self._runs:
            self._spill()

    def _spill(self) -> None:
        self._held.sort()
        start = self._items.end
        for item in self._held:
            self._items.add(item)
        if self._items.end > start:
            self._runs.append((start, self._items.end))
        self._held.clear()
        self._held_bytes = 0


class SortedDocuments:
    """JSON documents by path, in any order, read ascending by the paths' UTF-8 bytes."""

    def __init__(self) -> None:
        self._sorter = ExternalSorter()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, path: str, document: Any = True) -> None:
        """Takes one in. A document of None is as none for `joined`."""
        # JSON holds no such byte, and sorts after it.
        self._sorter.add(path.encode() + b"\0" + orjson.dumps(document))
        self._count += 1

    def __iter__(self) -> Iterator[tuple[bytes, Any]]:
        for item in self._sorter:
            path, _, document = item.rpartition(b"\0")
            yield path, orjson.loads(document)


def grouped(items: Iterable[bytes], key: Callable[[bytes], bytes]) -> Iterator[list[bytes]]:
    """Neighbours of one key together."""
    group: list[bytes] = []
    last = b""
    for item in items:
        of = key(item)
        if group and of != last:
            yield group
            group = []
        group.append(item)
        last = of
    if group:
        yield group


def joined(*streams: Iterable[tuple[bytes, _T]]) -> Iterator[tuple[bytes, list[_T | None]]]:
    """What streams, each ascending by key, have of every key: the last of each, None for none."""
    numbered = [_numbered(number, stream) for number, stream in enumerate(streams)]
    by_key: Callable[[tuple[bytes, int, _T]], bytes] = itemgetter(0)
    for key, group in groupby(heapq.merge(*numbered, key=by_key), key=by_key):
        values: list[_T | None] = [None] * len(streams)
        for _, number, value in group:
            values[number] = value
        yield key, values


def _numbered(number: int, stream: Iterable[tuple[bytes, _T]]) -> Iterator[tuple[bytes, int, _T]]:
    return ((key, number, value) for key, value in stream)
