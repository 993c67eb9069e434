"""Keeps small objects of one place in memory, for work that one process begins and ends."""

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from typing import BinaryIO, Final

from kili_export.core.errors import ConflictError, IntegrityError
from kili_export.splicing.held_bytes import cut_held
from kili_export.splicing.upload_parts import BufferPart, CopyPart, CopyRange, InlineBytes, Part
from kili_export.storage.object_store import LongUploads, ObjectStore, StoredObject
from kili_export.storage.recent_objects import LARGEST, RecentObjects

_MOST_BYTES: Final = 32 << 20


@dataclass(frozen=True, slots=True)
class _Held:
    data: bytes
    stored: StoredObject
    content_type: str


@dataclass(slots=True)
class HeldObjects:
    """An ObjectStore in front of another, `behind`.

    What is written below `prefix` is held in memory, `most` bytes altogether, until `store`; what
    does not fit, and everything else, goes to the store behind. Keys below the prefix are written
    by this process alone.

    What `get` answers for keys that `remembers` accepts is asked of the store behind once, and
    again after a write that failed. It accepts keys that nobody else writes meanwhile, or that are
    written on condition of what was read.

    What is small and does not change by `is_immutable` is taken from `recent`, which outlives this:
    what the process read or wrote before, whole or a range of it. `head` and `get` answer
    what it wrote last under keys that `rewrites` accepts, which are written on condition of that.
    `head` does so once: a second call asks the store behind, whose answer holds until this writes
    there, or fails to.
    """

    behind: ObjectStore
    prefix: str
    most: int = _MOST_BYTES
    remembers: Callable[[str], bool] = lambda _: False
    recent: RecentObjects | None = None
    is_immutable: Callable[[str], bool] = lambda _: False
    rewrites: Callable[[str], bool] = lambda _: False
    _held: dict[str, _Held] = field(default_factory=dict)
    _known: dict[str, tuple[bytes, StoredObject] | None] = field(default_factory=dict)
    _asked: dict[str, StoredObject | None] = field(default_factory=dict)
    """What `head` was answered behind for keys that are rewritten."""
    _size: int = 0

    def store(self) -> None:
        """Writes what is held to the store behind, in the order in which it was written here."""
        for key, one in self._held.items():
            self.behind.put(key, one.data, content_type=one.content_type)
        self._held.clear()
        self.most = 0

    def forget(self) -> None:
        """Reads again what is behind from now on."""
        self._known.clear()
        self._asked.clear()
        if self.recent is not None:
            self.recent.clear()

    def head(self, key: str) -> StoredObject | None:
        """See ObjectStore."""
        if key in self._held:
            return self._held[key].stored
        noted = self.recent.noted(key) if self.recent is not None else None
        if self.recent is not None and noted is not None:
            self.recent.forget(key)
            return noted
        if not self.rewrites(key):
            return self.behind.head(key)
        if key not in self._asked:
            self._asked[key] = self.behind.head(key)
        return self._asked[key]

    def get(self, key: str, *, if_match: str | None = None) -> tuple[bytes, StoredObject] | None:
        """See ObjectStore."""
        if key in self._held:
            return self._one(key, if_match).data, self._held[key].stored
        if if_match is None and self.rewrites(key):
            return self._last(key)
        if if_match is not None or not self.remembers(key):
            return self.behind.get(key, if_match=if_match)
        if key not in self._known:
            self._known[key] = self.behind.get(key)
        return self._known[key]

    def get_range(self, key: str, start: int, length: int, *, if_match: str | None = None) -> bytes:
        """See ObjectStore."""
        if key not in self._held:
            return self._range_behind(key, start, length, if_match)
        data = self._one(key, if_match).data[start : start + length]
        if len(data) != length:
            raise IntegrityError(f"{key} has no {length} bytes at {start}")
        return data

    def download(self, key: str, target: BinaryIO, *, if_match: str | None = None) -> StoredObject:
        """See ObjectStore."""
        if key not in self._held:
            return self.behind.download(key, target, if_match=if_match)
        target.write(self._one(key, if_match).data)
        return self._held[key].stored

    def put(
        self,
        key: str,
        data: bytes,
        *,
        if_match: str | None = None,
        if_none_match: bool = False,
        metadata: Mapping[str, str] | None = None,
        content_type: str = "application/octet-stream",
    ) -> StoredObject:
        """See ObjectStore. What is held has no metadata."""
        is_plain = if_match is None and not metadata
        if not (is_plain and key.startswith(self.prefix) and self._size + len(data) <= self.most):
            self._known.pop(key, None)
            with self._forgotten_on_failure(key):
                stored = self.behind.put(
                    key,
                    data,
                    if_match=if_match,
                    if_none_match=if_none_match,
                    metadata=metadata,
                    content_type=content_type,
                )
            self._held.pop(key, None)
            if self.remembers(key):
                self._known[key] = bytes(data), stored
            self._note(stored, bytes(data))
            return stored
        if if_none_match and key in self._held:
            raise ConflictError(f"{key} exists")
        stored = StoredObject(key, f'"{hashlib.sha256(data).hexdigest()}"', len(data))
        self._held[key] = _Held(bytes(data), stored, content_type)
        self._size += len(data)
        return stored

    def compose(
        self,
        key: str,
        parts: Sequence[Part],
        *,
        if_match: str | None = None,
        if_none_match: bool = False,
        metadata: Mapping[str, str] | None = None,
        content_type: str = "application/zip",
        plan: str = "",
        uploads: LongUploads | None = None,
    ) -> StoredObject:
        """See ObjectStore. What is copied from an object that is at hand is sent as bytes."""
        sent = [self._sent(part) for part in parts]
        with self._forgotten_on_failure(key):
            stored = self.behind.compose(
                key,
                sent,
                if_match=if_match,
                if_none_match=if_none_match,
                metadata=metadata,
                content_type=content_type,
                plan=plan,
                uploads=uploads,
            )
        self._keep(stored, sent)
        return stored

    def composed(
        self, key: str, plan: str, *, uploads: LongUploads | None = None
    ) -> StoredObject | None:
        """See ObjectStore."""
        return self.behind.composed(key, plan, uploads=uploads)

    def delete(self, keys: Iterable[str]) -> None:
        """See ObjectStore."""
        behind = [key for key in keys if self._held.pop(key, None) is None]
        for key in behind:
            self._known.pop(key, None)
            self._asked.pop(key, None)
            if self.recent is not None:
                self.recent.forget(key)
        self.behind.delete(behind)

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """See ObjectStore."""
        held = [one.stored for key, one in self._held.items() if key.startswith(prefix)]
        if not held:
            return self.behind.list(prefix)
        return iter(sorted([*held, *self.behind.list(prefix)], key=lambda one: one.key))

    def folders(self, prefix: str) -> Iterator[str]:
        """See ObjectStore. Folders of held objects alone are not among them."""
        return self.behind.folders(prefix)

    def delete_versions(self, prefix: str, *, current: bool, keep: Collection[str] = ()) -> int:
        """See ObjectStore. What is held has no versions."""
        return self.behind.delete_versions(prefix, current=current, keep=keep)

    def abort_uploads(self, prefix: str) -> int:
        """See ObjectStore."""
        return self.behind.abort_uploads(prefix)

    def _range_behind(self, key: str, start: int, length: int, if_match: str | None) -> bytes:
        if self.recent is None or if_match is None or not self.is_immutable(key):
            return self.behind.get_range(key, start, length, if_match=if_match)
        found = self.recent.find(key, if_match, start, length)
        if found is not None:
            return found
        data = self.behind.get_range(key, start, length, if_match=if_match)
        self.recent.keep(key, if_match, data, start)
        return data

    def _last(self, key: str) -> tuple[bytes, StoredObject] | None:
        """What was written last, as far as this process knows."""
        noted = self.recent.noted(key) if self.recent is not None else None
        if self.recent is not None and noted is not None:
            data = self.recent.find(key, noted.etag, 0, noted.size)
            if data is not None:
                return data, noted
        found = self.behind.get(key)
        if found is not None:
            self._note(found[1], found[0])
        return found

    def _note(self, stored: StoredObject, data: bytes) -> None:
        if self.recent is not None and self.rewrites(stored.key):
            self.recent.note(stored)
            self.recent.keep(stored.key, stored.etag, data)

    @contextmanager
    def _forgotten_on_failure(self, key: str) -> Iterator[None]:
        """What was noted of the key is no condition of a write any more, if this one fails."""
        self._asked.pop(key, None)
        try:
            yield
        except BaseException:
            if self.recent is not None:
                self.recent.forget(key)
            raise

    def _keep(self, stored: StoredObject, parts: Sequence[Part]) -> None:
        """Keeps of what was composed, for the next run, what is at hand."""
        if self.recent is None:
            return
        if self.rewrites(stored.key):
            self.recent.note(stored)
        if not self.is_immutable(stored.key):
            return
        pieces = [piece for part in parts for piece in _pieces(part)]
        start = 0
        for is_here, some in groupby(pieces, lambda one: isinstance(one, InlineBytes)):
            held = list(some)
            length = sum(one.length for one in held)
            if is_here and length <= LARGEST:
                data = b"".join(bytes(one.data[:]) for one in held if isinstance(one, InlineBytes))
                self.recent.keep(stored.key, stored.etag, data, start)
            start += length

    def _one(self, key: str, if_match: str | None) -> _Held:
        one = self._held[key]
        if if_match not in {None, one.stored.etag}:
            raise ConflictError(f"{key} is not {if_match}")
        return one

    def _sent(self, part: Part) -> Part:
        if isinstance(part, CopyPart):
            copied = CopyRange(part.source, part.start, part.length)
            sent = self._at_hand(copied)
            return part if sent is copied else BufferPart((sent,))
        return BufferPart(tuple(map(self._at_hand, part.pieces)))

    def _at_hand(self, piece: CopyRange | InlineBytes) -> CopyRange | InlineBytes:
        if isinstance(piece, InlineBytes):
            return piece
        if piece.source.key not in self._held:
            return self._recent_bytes(piece) or piece
        data = self._one(piece.source.key, piece.source.etag).data
        return InlineBytes(cut_held(data, piece.start, piece.start + piece.length))

    def _recent_bytes(self, piece: CopyRange) -> InlineBytes | None:
        if self.recent is None:
            return None
        source = piece.source
        found = self.recent.find(source.key, source.etag, piece.start, piece.length)
        return None if found is None else InlineBytes(found)


def _pieces(part: Part) -> Sequence[CopyRange | InlineBytes]:
    if isinstance(part, BufferPart):
        return part.pieces
    return (CopyRange(part.source, part.start, part.length),)
