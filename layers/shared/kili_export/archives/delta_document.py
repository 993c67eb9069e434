"""`delta.json`: the files and assets that one generation changed."""

from typing import Final, Literal

from pydantic import Field

from kili_export.archives.digests import digest_of_shards
from kili_export.archives.statistics import ClassStatistics
from kili_export.core.document import Document, PublishedDocument, is_none

DELTA_LIST: Final = "delta.json"
"""The file of a delta archive that tells what it brings and removes."""


class ChangedMember(Document):
    """A file that a delta brings: its SHA-256, the asset it belongs to (None for shared ones).

    A large document has no SHA-256 of its own: `shards` are the sizes in bytes and the SHA-256
    of the parts that it consists of, in order.
    """

    path: str
    sha256: str | None
    asset_id: str | None = None
    shards: tuple[tuple[int, str], ...] | None = None

    @property
    def digest(self) -> str:
        """What its contents are checked against (`archives.digests`). Empty if there is nothing."""
        return self.sha256 or digest_of_shards(self.shards or ())


class RemovedMember(Document):
    """A file that a delta removes."""

    path: str
    asset_id: str | None = None


class ChangedAssets(Document):
    """Ids of the assets that came, changed and went."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


class Delta(PublishedDocument):
    """`delta.json`, the list in a delta archive.

    Write the files named in `added` and `changed` from the delta archive, delete those in
    `removed`, and `from_generation` has become `generation`. It follows the files that
    `from_version` names and no others, in the `lineage` of the manifest that names it.
    `statistics` are what became of the numbers of classes, None where they were not counted.
    """

    schema_version: Literal[1] = 1
    project_id: str
    export_name: str
    lineage: str | None = None
    generation: int
    from_generation: int
    from_version: str | None = None
    run_id: str
    added: tuple[ChangedMember, ...] = ()
    changed: tuple[ChangedMember, ...] = ()
    removed: tuple[RemovedMember, ...] = ()
    assets: ChangedAssets = ChangedAssets()
    statistics: tuple[ClassStatistics, ...] | None = Field(default=None, exclude_if=is_none)
