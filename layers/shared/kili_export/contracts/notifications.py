"""The events that consumers subscribe to on the event bus. Version 1 of their schema."""

from datetime import datetime
from typing import Literal

from kili_export.contracts.base import Document

PUBLISHED = "Export Published"
FAILED = "Export Failed"
SOURCE = "kili-continuous-export"


class ExportPublished(Document):
    """An export has a new generation, or its archive was written anew.

    `archive_generation` is the one that the archive holds; where it is below `generation`, the
    manifest's `deltas` follow. Without changes it is the archive alone that is new.
    `classes_changed`: the number of a class may mean another than in the generation before.
    """

    version: Literal["1"] = "1"
    project_id: str
    export_name: str
    format: str
    generation: int
    run_id: str
    bucket: str
    manifest_key: str
    archive_key: str
    archive_generation: int
    delta_key: str | None = None
    latest_key: str | None = None
    size: int
    added: int
    changed: int
    removed: int
    quarantined: int
    classes_changed: bool = False
    published_at: datetime
    freshness_seconds: float | None = None


class ExportFailed(Document):
    """A run, or one export of it, failed; nothing that was published changed."""

    version: Literal["1"] = "1"
    project_id: str
    export_name: str | None = None
    run_id: str | None = None
    execution_arn: str
    error: str
    cause: str
