"""What a full export changes for readers of the archive that stood before it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from kili_export.archives.ledger.archive_files import FormerFile, FormerFiles
from kili_export.archives.ledger.asset_ledger import AssetRecord
from kili_export.splicing.regions import Gap, Regions
from kili_export.steps.publishing.generation.changes import contents_of
from kili_export.steps.publishing.generation.delta_list import JsonItems
from kili_export.steps.publishing.path_conflicts.in_full_export import NamedFile
from kili_export.storage.external_sort import ExternalSorter

_HOLE_BYTES: Final = 8


@dataclass(slots=True)
class ChangedIds:
    """The assets that came into the export, changed in it and went from it."""

    added: ExternalSorter = field(default_factory=ExternalSorter)
    changed: ExternalSorter = field(default_factory=ExternalSorter)
    removed: ExternalSorter = field(default_factory=ExternalSorter)
    count: int = 0

    def take(self, before: AssetRecord | None, after: AssetRecord | None) -> None:
        """Compares an asset as it was and as it is."""
        had = before if before is not None and before.exported else None
        has = after if after is not None and after.exported else None
        if has is not None and had is None:
            self._list(self.added, has)
        elif had is not None and has is None:
            self._list(self.removed, had)
        elif had is not None and has is not None and contents_of(had) != contents_of(has):
            self._list(self.changed, has)

    def _list(self, ids: ExternalSorter, record: AssetRecord) -> None:
        ids.add(record.asset_id.encode())
        self.count += 1


def by_path(
    before: FormerFiles, after: Iterator[NamedFile]
) -> Iterator[tuple[FormerFile | None, NamedFile | None]]:
    """The files of two archives side by side. Both come by path."""
    had = iter(before)
    old, new = next(had, None), next(after, None)
    while old is not None or new is not None:
        if new is None or (old is not None and old.path < new.path):
            yield old, None
            old = next(had, None)
        elif old is None or new.path < old.path:
            yield None, new
            new = next(after, None)
        else:
            yield old, new
            old, new = next(had, None), next(after, None)


def list_ids(items: JsonItems, ids: ExternalSorter) -> None:
    """Adds sorted ids to a list of JSON items."""
    items.extend(asset_id.decode() for asset_id in ids)


def span_bytes(start: int, length: int) -> bytes:
    """A span of bytes; spans sort by where they begin."""
    return start.to_bytes(_HOLE_BYTES) + length.to_bytes(_HOLE_BYTES)


def holes(spans: ExternalSorter, regions: Regions) -> Iterator[Gap]:
    """Holes in ascending order, neighbours of one region as one."""
    ends = regions.ends()
    start = end = 0
    for span in spans:
        first = int.from_bytes(span[:_HOLE_BYTES])
        if first > end or end == start or first in ends:
            if end > start:
                yield Gap(start, end - start)
            start = end = first
        end += int.from_bytes(span[_HOLE_BYTES:])
    if end > start:
        yield Gap(start, end - start)
