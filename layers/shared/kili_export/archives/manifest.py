"""What consumers of the bucket read: the manifest and the delta's own list."""

from datetime import datetime
from pathlib import PurePosixPath
from typing import Literal

from pydantic import Field

from kili_export.archives.removal_guard import RemovedAssets
from kili_export.core.document import Document, PublishedDocument
from kili_export.core.export_options import OptionsDocument
from kili_export.costs.usage import Moved, RunSpending


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


class DeltaReference(Document):
    """An immutable archive of what one generation changed against the one before.

    `added`, `changed` and `removed` are numbers of files; `regions` is internal.
    """

    key: str
    etag: str
    size: int
    generation: int
    from_generation: int
    added: int
    changed: int
    removed: int
    regions: Regions | None = None


class LedgerReference(Document):
    """The asset ledger that belongs to the archive. Internal."""

    key: str
    etag: str
    size: int


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
    """

    schema_version: Literal[1] = 1
    project_id: str
    export_name: str
    format: str
    options: OptionsDocument
    generation: int
    run_id: str
    published_at: datetime
    first_event_at: datetime | None = None
    archive: ArchiveReference
    latest_key: str | None = None
    deltas: tuple[DeltaReference, ...] = ()
    recent_deltas: tuple[DeltaReference, ...] = ()
    counts: Counts
    classes: tuple[ClassEntry, ...] = ()
    classes_generation: int = 0
    quarantined: tuple[Quarantined, ...] = ()
    losses: int = 0
    report: ReportReference | None = None
    moved: Moved
    spending: RunSpending = RunSpending()
    definition: str
    dated: str
    ledger: LedgerReference
    regions: Regions
    next_ids: dict[str, int] = Field(default_factory=dict)
    recent_removals: tuple[RemovedAssets, ...] = ()
    """Assets that left unasked, and that count yet when more of them do."""
    fence: int = 0
    """The lease whose holder took the project over from a run that seemed dead, 0 if none did."""

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
        return self.counts.members if self.generation == 1 and self.is_rewritten else 0

    @property
    def version(self) -> str:
        """Names the files of this generation, also when the archive is written again."""
        named = (*self.deltas, *self.recent_deltas)
        own = [delta.key for delta in named if delta.generation == self.generation]
        return PurePosixPath(own[-1] if own else self.archive.key).name


CHAIN_LENGTH = 100
"""How many deltas a manifest names at most."""
