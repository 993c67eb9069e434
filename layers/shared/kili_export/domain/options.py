"""How one export is made, by the names of `kili.export_labels`."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Layout(StrEnum):
    """One set of labels, or a folder per job."""

    SPLIT = "split"
    MERGED = "merged"


class ExportType(StrEnum):
    """Which labels of an asset are exported."""

    LATEST = "latest"
    LATEST_FROM_LAST_STEP = "latest_from_last_step"
    LATEST_FROM_ALL_STEPS = "latest_from_all_steps"
    NORMAL = "normal"


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """Options of one export. Defaults are those of `kili.export_labels`, but for `with_assets`.

    `asset_ids` and `external_ids` select assets; None selects all, empty selects none.
    `filters` holds the SDK's `asset_filter_kwargs`.
    """

    format: str
    layout: Layout = Layout.SPLIT
    single_file: bool = False
    with_assets: bool = False
    export_type: ExportType = ExportType.LATEST
    label_type_in: tuple[str, ...] = ("DEFAULT", "REVIEW")
    include_sent_back_labels: bool = True
    normalized_coordinates: bool | None = None
    asset_ids: tuple[str, ...] | None = None
    external_ids: tuple[str, ...] | None = None
    filters: Mapping[str, Any] = field(default_factory=dict)

    def digest(self) -> str:
        """A hash that is equal exactly when the options are."""
        canonical = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()
