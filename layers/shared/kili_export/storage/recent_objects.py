"""Keeps what a process read and wrote lately of objects that never change, for its next run."""

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Final

from kili_export.core.clock import Clock
from kili_export.storage.object_store import StoredObject

LARGEST: Final = 1 << 20
"""Bytes of the largest object, or range of one, that is kept."""
_MOST_BYTES: Final = 16 << 20
_LIFE: Final = timedelta(hours=1)
"""How long an object is used after it was read or written. A later use of any forgets it."""


_Range = tuple[str, str, int]
"""The key and the ETag of an object, and where in it the range begins."""


@dataclass(frozen=True, slots=True)
class _Kept:
    data: bytes
    since: datetime


@dataclass(slots=True)
class RecentObjects:
    """Ranges of objects by key and ETag, `most` bytes altogether, the latest.

    Beside them what was written last under keys that are written again and again, to be used
    where a condition of the write shows whether it is still so. Threads may share it.
    """

    clock: Clock
    most: int = _MOST_BYTES
    _kept: "OrderedDict[_Range, _Kept]" = field(default_factory=OrderedDict)
    _starts: dict[tuple[str, str], set[int]] = field(default_factory=dict)
    """Where the ranges of an object begin."""
    _written: dict[str, tuple[StoredObject, datetime]] = field(default_factory=dict)
    _size: int = 0
    _lock: Lock = field(default_factory=Lock)

    def keep(self, key: str, etag: str, data: bytes, start: int = 0) -> None:
        """Keeps bytes of an object, from one of them on."""
        if len(data) > min(LARGEST, self.most):
            return
        with self._lock:
            self._drop((key, etag, start))
            self._kept[key, etag, start] = _Kept(data, self.clock.now())
            self._starts.setdefault((key, etag), set()).add(start)
            self._size += len(data)
            self._forget_old()

    def find(self, key: str, etag: str, start: int, length: int) -> bytes | None:
        """Exactly those bytes of an object, None where they are not kept."""
        with self._lock:
            self._forget_old()
            for at in self._starts.get((key, etag), ()):
                data = self._kept[key, etag, at].data
                if at <= start and start + length <= at + len(data):
                    return data[start - at : start - at + length]
        return None

    def note(self, stored: StoredObject) -> None:
        """Keeps that this was written."""
        with self._lock:
            self._written[stored.key] = stored, self.clock.now()

    def noted(self, key: str) -> StoredObject | None:
        """What was written under that key last, if it is known."""
        with self._lock:
            self._forget_old()
            found = self._written.get(key)
        return found[0] if found else None

    def forget(self, key: str) -> None:
        """Another object is there, or none."""
        with self._lock:
            self._written.pop(key, None)

    def clear(self) -> None:
        """Forgets all, as after something went wrong: it may be the reason."""
        with self._lock:
            self._kept.clear()
            self._starts.clear()
            self._written.clear()
            self._size = 0

    def _forget_old(self) -> None:
        oldest = self.clock.now() - _LIFE
        while self._kept:
            first = next(iter(self._kept))
            if self._size <= self.most and self._kept[first].since >= oldest:
                break
            self._drop(first)
        for key in [key for key, (_, since) in self._written.items() if since < oldest]:
            del self._written[key]

    def _drop(self, name: _Range) -> None:
        if name in self._kept:
            self._size -= len(self._kept.pop(name).data)
            key, etag, start = name
            starts = self._starts[key, etag]
            starts.discard(start)
            if not starts:
                del self._starts[key, etag]
