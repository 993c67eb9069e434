"""`delta.json`: what a delta archive brings and what it removes, a line at a time."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import orjson

from kili_export.archives.delta_document import ChangedAssets, Delta
from kili_export.archives.digests import shards_of_digest
from kili_export.archives.statistics import ClassStatistics
from kili_export.core.file_dates import date_of, moments_of
from kili_export.splicing.held_bytes import ByteSource
from kili_export.splicing.splice import SplicePlan
from kili_export.storage.spool import Spool


@dataclass(frozen=True, slots=True)
class DeltaHead:
    """Which generation a delta leads to, and what names the files that it follows."""

    project_id: str
    export: str
    run_id: str
    lineage: str
    generation: int
    from_version: str
    dated: str
    """When the dataset was first exported as it is declared."""
    statistics: tuple[ClassStatistics, ...] | None = None
    """What became of the numbers of classes."""

    @property
    def date(self) -> int:
        """That of the list, as ZIP writes it."""
        digest = hashlib.sha256(f"{self.run_id}/{self.generation}".encode()).hexdigest()
        return date_of(moments_of(self.dated), digest)


@dataclass(frozen=True, slots=True)
class DeltaPlan:
    """A delta archive, and how many files it adds, changes and removes."""

    plan: SplicePlan
    added: int
    changed: int
    removed: int


class JsonItems:
    """The items of a JSON array, kept as text."""

    def __init__(self) -> None:
        self.count = 0
        self.spool = Spool()

    def add(self, item: object) -> None:
        """Appends one."""
        if self.count:
            self.spool.write(b",")
        self.spool.write(orjson.dumps(item))
        self.count += 1

    def extend(self, items: Iterable[object]) -> None:
        """Appends many."""
        for item in items:
            self.add(item)


class DeltaList:
    """The list of a delta archive. Files are to be added by path, assets by id."""

    def __init__(self) -> None:
        self.added, self.changed, self.removed = JsonItems(), JsonItems(), JsonItems()
        self.assets_added = JsonItems()
        self.assets_changed = JsonItems()
        self.assets_removed = JsonItems()

    def bring(self, path: str, digest: str, asset_id: str | None, *, known: bool) -> None:
        """Takes in a file that comes; it is `known` if there is one of that name before."""
        items = self.changed if known else self.added
        shards = shards_of_digest(digest)
        contents = {"sha256": digest} if shards is None else {"sha256": None, "shards": shards}
        items.add({"path": path, **contents, "asset_id": asset_id})

    def remove(self, path: str, asset_id: str | None) -> None:
        """Takes in a file that goes."""
        self.removed.add({"path": path, "asset_id": asset_id})

    def take_assets(self, assets: ChangedAssets) -> None:
        """Takes in the assets that changed."""
        self.assets_added.extend(assets.added)
        self.assets_changed.extend(assets.changed)
        self.assets_removed.extend(assets.removed)

    def document(self, head: DeltaHead) -> Sequence[ByteSource]:
        """The document, in pieces (`archives.manifest.Delta`)."""
        empty = Delta(
            project_id=head.project_id,
            export_name=head.export,
            lineage=head.lineage,
            generation=head.generation,
            from_generation=head.generation - 1,
            from_version=head.from_version,
            run_id=head.run_id,
            statistics=head.statistics,
        ).model_dump(mode="json", exclude={"added", "changed", "removed", "assets"})
        return [
            orjson.dumps(empty)[:-1],
            b',"added":[',
            self.added.spool,
            b'],"changed":[',
            self.changed.spool,
            b'],"removed":[',
            self.removed.spool,
            b'],"assets":{"added":[',
            self.assets_added.spool,
            b'],"changed":[',
            self.assets_changed.spool,
            b'],"removed":[',
            self.assets_removed.spool,
            b"]}}",
        ]
