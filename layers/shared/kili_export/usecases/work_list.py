"""Writes the list of a run's assets to the bucket, however long it is."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from kili_export.contracts.workflow import WorkItem
from kili_export.domain.archive.parts import CopyPart, Source
from kili_export.ports import ObjectStore

_PIECE: Final = 8 * 1024 * 1024
"""Bytes held at once; what is copied into a list must have 5 MiB at least."""


@dataclass(slots=True)
class LinePieces:
    """The list so far: stored pieces, and the end of it that is still held."""

    objects: ObjectStore
    key: str
    piece: int
    stored: list[Source] = field(default_factory=list)
    held: bytearray = field(default_factory=bytearray)

    def add(self, line: bytes) -> None:
        self.held += line
        if len(self.held) >= self.piece:
            self.flush()

    def flush(self) -> None:
        name = f"{self.key}.{len(self.stored):05d}"
        stored = self.objects.put(name, bytes(self.held), content_type="application/x-ndjson")
        self.stored.append(Source(stored.key, stored.etag, stored.size))
        self.held.clear()

    def finish(self) -> None:
        if not self.stored:
            self.objects.put(self.key, bytes(self.held), content_type="application/x-ndjson")
            return
        if self.held:
            self.flush()
        parts = [CopyPart(piece, 0, piece.size) for piece in self.stored]
        self.objects.compose(self.key, parts, content_type="application/x-ndjson")
        self.objects.delete([piece.key for piece in self.stored])


def write_work_list(
    objects: ObjectStore, key: str, items: Iterable[WorkItem], *, piece: int = _PIECE
) -> int:
    """Writes one JSON object a line and answers how many. Holds `piece` bytes at most.

    Each asset is listed once, as it came first.
    """
    pieces = LinePieces(objects, key, piece)
    seen: set[str] = set()
    for item in items:
        if item.asset_id not in seen:
            seen.add(item.asset_id)
            pieces.add(item.to_bytes() + b"\n")
    pieces.finish()
    return len(seen)
