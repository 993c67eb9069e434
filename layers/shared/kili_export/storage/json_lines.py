"""Stored objects of lines, read a few MiB at a time."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from kili_export.splicing.upload_parts import CopyPart, Source
from kili_export.storage.object_store import ObjectStore, StoredObject

_CHUNK: Final = 8 << 20


def iter_lines(
    objects: ObjectStore, key: str, *, size: int | None = None, chunk: int = _CHUNK
) -> Iterator[bytes] | None:
    """The lines of an object that are not blank; None when there is no such object.

    `size`, where it is known, spares a request for small objects: those of up to `chunk` bytes,
    which is also what is read at once. Raises ConflictError when the
    object is replaced meanwhile.
    """
    if size is not None and size <= chunk:
        found = objects.get(key)
        return None if found is None else _not_blank(found[0].split(b"\n"))
    stored = objects.head(key)
    return None if stored is None else _not_blank(_lines(objects, stored, chunk))


def _not_blank(lines: Iterable[bytes]) -> Iterator[bytes]:
    return (line for line in lines if line.strip())


def _lines(objects: ObjectStore, stored: StoredObject, chunk: int) -> Iterator[bytes]:
    rest = b""
    for start in range(0, stored.size, chunk):
        length = min(chunk, stored.size - start)
        data = rest + objects.get_range(stored.key, start, length, if_match=stored.etag)
        *lines, rest = data.split(b"\n")
        yield from lines
    yield rest


@dataclass(slots=True)
class LinePieces:
    """The list so far: stored pieces, and the end of it that is still held."""

    objects: ObjectStore
    key: str
    piece: int
    stored: list[Source] = field(default_factory=list)
    held: bytearray = field(default_factory=bytearray)

    def add(self, line: bytes) -> None:
        """One line more."""
        self.held += line
        if len(self.held) >= self.piece:
            self.flush()

    def flush(self) -> None:
        """Stores what is held as a piece."""
        name = f"{self.key}.{len(self.stored):05d}"
        stored = self.objects.put(name, bytes(self.held), content_type="application/x-ndjson")
        self.stored.append(Source(stored.key, stored.etag, stored.size))
        self.held.clear()

    def finish(self) -> StoredObject:
        """Puts the pieces together under the key. Answers the object."""
        if not self.stored:
            return self.objects.put(self.key, bytes(self.held), content_type="application/x-ndjson")
        if self.held:
            self.flush()
        parts = [CopyPart(piece, 0, piece.size) for piece in self.stored]
        whole = self.objects.compose(self.key, parts, content_type="application/x-ndjson")
        self.objects.delete([piece.key for piece in self.stored])
        return whole
