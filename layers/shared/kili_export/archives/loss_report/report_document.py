"""`report.json`: what an export's format could not hold, asset by asset."""

from typing import Literal

from pydantic import Field

from kili_export.core.document import Document, PublishedDocument


class ReportedLoss(Document):
    """`where` names the label, job or annotation, as `JOB/mid`, or a file; empty for the asset."""

    reason: str
    where: str = ""


class AssetLosses(Document):
    """What is missing of one asset, or was written otherwise than it is in Kili.

    `files` are those of the asset in the archive, labels first, and `files_left_out` is how many
    more there are. Reports of former versions have neither them nor `external_id`.
    """

    asset_id: str
    external_id: str = ""
    files: tuple[str, ...] = ()
    files_left_out: int = 0
    losses: tuple[ReportedLoss, ...]


class LossReport(PublishedDocument):
    """Every asset that lost something, in server order, and how often each reason holds.

    `generation` is the first one that the report is true for. `assets_left_out` is how many
    assets more lost something than are listed; `reasons` counts theirs too.
    """

    schema_version: Literal[1] = 1
    project_id: str
    export_name: str
    generation: int
    assets: tuple[AssetLosses, ...] = ()
    assets_left_out: int = 0
    reasons: dict[str, int] = Field(default_factory=dict)
