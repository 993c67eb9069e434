"""What consumers of the bucket read: the manifest and the delta's own list."""

from datetime import datetime
from pathlib import PurePosixPath
from typing import Literal

from pydantic import Field

from kili_export.archives.removal_guard import RemovedAssets
from kili_export.archives.statistics import Statistics
from kili_export.core.document import Document, PublishedDocument, is_none
from kili_export.core.export_options import Authors, OptionsDocument
from kili_export.costs.usage import RunUsage, Transfer


class Regions(Document):
    """Where an archive's regions end, in bytes from its beginning. Internal."""

    media_end: int
    labels_end: int
    documents_end: int


class ArchiveReference(Document):
    """An immutable archive: its key, its ETag, its size in bytes, how many files it holds.

    `generation` is the one that it holds, `written_at` when it was written.
    """

    key: str
    etag: str
    size: int
    members: int
    generation: int
    written_at: datetime | None = None

    @property
    def name(self) -> str:
        """Its file name."""
        return PurePosixPath(self.key).name


class DeltaReference(Document):
    """An immutable archive of what one generation changed against the one before.

    It leads from the files that `from_version` names to those that its own file name names.
    `added`, `changed` and `removed` are numbers of files; `regions` is internal.
    """

    key: str
    etag: str
    size: int
    generation: int
    from_generation: int
    from_version: str | None = None
    added: int
    changed: int
    removed: int
    regions: Regions | None = None

    @property
    def version(self) -> str:
        """Names the files that it leads to."""
        return PurePosixPath(self.key).name


class TableReference(Document):
    """An immutable table: its key, its ETag, its size in bytes.

    The last `index` bytes say where its blocks are (`storage/tables`).
    """

    key: str
    etag: str
    size: int
    index: int = 0


class ClassEntry(Document):
    """A class of the project, in the interface's order."""

    job: str
    key: str
    name: str


class Quarantined(Document):
    """An asset that could not be exported; its last good contents, if any, stay in place."""

    asset_id: str
    error: str
    since: datetime
    run_id: str


class Counts(Document):
    """Assets that Kili has, assets with files in the archive, files, bytes uncompressed."""

    assets: int
    exported: int
    members: int
    uncompressed_bytes: int


class ReviewCount(Document):
    """Assets that the export asks for, and those of them that are reviewed in Kili."""

    assets: int
    reviewed: int


HoldReason = Literal["classes_change", "reviewed_below"]


class LatestHold(Document):
    """That `latest.zip` is held back at `generation`, None if there is none yet.

    `held` are the conditions, as declared; empty once it was let out, until the next generation.
    `since` and `run_id` are when that began and the run that began it. `classes_at`: when the
    classes changed last that it is held for. `released`: somebody lets it out with the next run.
    """

    generation: int | None
    held: tuple[HoldReason, ...]
    since: datetime
    run_id: str
    classes_at: datetime | None = None
    released: bool = False


class NamedSnapshots(Document):
    """The last snapshot that the export named by itself, and how many assets changed since.

    `name` is None and `generation` 0 before the first. `at` is when it was named, or when the
    counting began.
    """

    name: str | None = None
    generation: int = 0
    at: datetime
    changed: int = 0

    def counting(self, assets: int) -> "NamedSnapshots":
        """The same after so many more assets changed."""
        return self.model_copy(update={"changed": self.changed + assets}) if assets else self


class ReportReference(Document):
    """What the format could not hold (`loss_report.LossReport`), under a fixed key.

    `version` is also in the object's metadata: another one there means that the report is about
    to be written.
    """

    key: str
    version: str


class Manifest(PublishedDocument):
    """What is current in an export. Replacing it is what publishes a generation.

    `archive` followed by `deltas`, applied in order, is the current state. `recent_deltas` is
    the chain of deltas that leads to this generation, oldest first. `classes_generation` is the one
    that `classes` came with as they are: before it a class's number may have meant another. 0 where
    that was not noted.

    `lineage` is random text that all generations share which follow each other, from
    `first_generation` on: another one means another export, though it has the same name. Version
    0.1 wrote none, nor `version`. `ended_at` says since when the export is declared no more.

    `files` are the tables of all files by path, oldest first (`archives/files_table.py`): of each
    file the newest counts. `ledger` and `ledger_changes` are the tables of the asset ledger.
    Version 0.1 wrote no tables: its ledger is an archive.

    `former_authors` is how a former format named authors, where that of today names none.

    `statistics` are those of the generation. A former version counted nothing: then they are there
    from the next full export on. `counted_since`: where assets changed and no file did, the numbers
    that the next generation begins with.

    `latest`, `review` and `snapshots` are there where the export has gates (`archives/gates.py`).
    """

    schema_version: Literal[1] = 1
    project_id: str
    export_name: str
    format: str
    options: OptionsDocument
    former_authors: Authors | None = Field(default=None, exclude_if=is_none)
    lineage: str | None = None
    first_generation: int = 1
    generation: int
    version: str = ""
    run_id: str
    published_at: datetime
    ended_at: datetime | None = None
    first_event_at: datetime | None = None
    archive: ArchiveReference
    latest_key: str | None = None
    latest: LatestHold | None = Field(default=None, exclude_if=is_none)
    deltas: tuple[DeltaReference, ...] = ()
    recent_deltas: tuple[DeltaReference, ...] = ()
    counts: Counts
    review: ReviewCount | None = Field(default=None, exclude_if=is_none)
    snapshots: NamedSnapshots | None = Field(default=None, exclude_if=is_none)
    statistics: Statistics | None = Field(default=None, exclude_if=is_none)
    counted_since: Statistics | None = Field(default=None, exclude_if=is_none)
    classes: tuple[ClassEntry, ...] = ()
    classes_generation: int = 0
    quarantined: tuple[Quarantined, ...] = ()
    losses: int = 0
    report: ReportReference | None = None
    moved: Transfer
    spending: RunUsage = RunUsage()
    definition: str
    dated: str
    ledger: TableReference
    ledger_changes: tuple[TableReference, ...] = ()
    files: tuple[TableReference, ...] = ()
    regions: Regions
    next_ids: dict[str, int] = Field(default_factory=dict)
    recent_removals: tuple[RemovedAssets, ...] = ()
    """Assets that left unasked, and that count yet when more of them do."""
    fence: int = 0
    """The lease whose holder took the project over from a run that seemed dead, 0 if none did."""

    @property
    def is_latest_held(self) -> bool:
        """Whether the copy at the fixed key is held back."""
        return self.latest is not None and bool(self.latest.held)

    @property
    def counted(self) -> Statistics | None:
        """The numbers of classes that the ledger's records come to."""
        return self.counted_since or self.statistics

    @property
    def tables(self) -> tuple[TableReference, ...]:
        """All tables that it names, and the ledger whatever it is."""
        return (self.ledger, *self.ledger_changes, *self.files)

    @property
    def newest_tables(self) -> int:
        """Bytes of the tables that a change is written with; of the ledger of version 0.1."""
        newest = [(self.ledger, *self.ledger_changes)[-1], *self.files[-1:]]
        return sum(table.size for table in newest)

    @property
    def has_tables(self) -> bool:
        """Whether the ledger is in tables, as every later version than 0.1 writes it."""
        return bool(self.files)

    @property
    def own_delta(self) -> DeltaReference | None:
        """What the run that wrote this manifest changed; None if it changed no file."""
        return next((one for one in self.recent_deltas if self.run_id in one.key), None)

    @property
    def changes_classes(self) -> bool:
        """Whether the run that wrote this manifest found other classes than those published."""
        return self.own_delta is not None and self.classes_generation == self.generation

    @property
    def is_rewritten(self) -> bool:
        """Whether the run that wrote this manifest wrote the archive."""
        return self.run_id in self.archive.key

    @property
    def first_members(self) -> int:
        """How many files came with the first generation; 0 for every later manifest."""
        is_first = self.generation == self.first_generation
        return self.counts.members if is_first and self.is_rewritten else 0

    @property
    def files_version(self) -> str:
        """Names the files of this generation, also when the archive is written again."""
        if self.version:
            return self.version
        named = (*self.deltas, *self.recent_deltas)
        own = [delta.key for delta in named if delta.generation == self.generation]
        return PurePosixPath(own[-1] if own else self.archive.key).name


CHAIN_LENGTH = 100
"""How many deltas a manifest names at most."""
