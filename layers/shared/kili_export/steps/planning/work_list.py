"""Writes the list of a run's assets to the bucket, however long it is."""

from collections.abc import Iterable
from typing import Final

from kili_export.runs.messages import WorkItem
from kili_export.storage.json_lines import LinePieces
from kili_export.storage.object_store import ObjectStore

_PIECE: Final = 8 * 1024 * 1024
"""Bytes held at once; what is copied into a list must have 5 MiB at least."""


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
