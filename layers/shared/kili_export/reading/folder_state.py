"""What a folder that follows an export says about itself, in `.kili-export/state.json`."""

from datetime import datetime
from typing import Literal

from kili_export.archives.manifest import Manifest
from kili_export.core.document import PublishedDocument


class FolderState(PublishedDocument):
    """Which generation a folder holds: its lineage, its number and what names its files.

    While `status` is `applying`, files of `generation` are being replaced by those of
    `next_generation`, each at once: a reader that needs all files of one generation reads the state
    before and after, and accepts what was read if both are `current` and equal.
    """

    schema_version: Literal[1] = 1
    status: Literal["current", "applying"] = "current"
    project_id: str
    export_name: str
    lineage: str | None = None
    generation: int
    version: str
    published_at: datetime
    next_generation: int | None = None

    @classmethod
    def of(cls, manifest: Manifest) -> "FolderState":
        """The state of a folder that holds what this manifest names."""
        return cls(
            project_id=manifest.project_id,
            export_name=manifest.export_name,
            lineage=manifest.lineage,
            generation=manifest.generation,
            version=manifest.files_version,
            published_at=manifest.published_at,
        )
