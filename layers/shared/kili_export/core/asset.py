"""An asset as Kili answers it, and as one export sees it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from kili_export.core.file_dates import LabelDates
from kili_export.core.storable import storable_text

JsonObject = Mapping[str, Any]


def fingerprint(asset: Mapping[str, Any]) -> str:
    """A hash that changes with the asset's name, status or metadata and with any of its labels.

    `asset` is Kili's answer with ASSET_MARKS and, under `labels`, LABEL_MARKS; other fields are
    left out of the hash, so a listing and a fetch of the same state agree. The contents of
    labels are not part of it: that an edited label shows in its own fields is Kili's promise.
    """
    labels = asset.get("labels")
    marks = [
        [asset.get(name) for name in ASSET_MARKS],
        [
            [label.get(name) for name in LABEL_MARKS]
            for label in (labels if isinstance(labels, list) else [])
            if isinstance(label, Mapping)
        ],
    ]
    canonical = json.dumps(marks, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]


def order_key(asset: Mapping[str, Any]) -> str:
    """A text that sorts assets by their creation, then by id.

    Kili documents that it lists assets by creation, first to last. Its ids begin with their time
    of creation too, so on a server that does not tell `createdAt` the id alone gives the order.
    """
    return f"{sortable_moment(asset.get('createdAt'))}/{asset.get('id')}"


@dataclass(frozen=True, slots=True)
class FetchedAsset:
    """One asset with all that any export of the project needs, its label contents resolved.

    `fields` holds the asset's own fields under Kili's names (`content`, `externalId`, `id`,
    `jsonContent`, `jsonMetadata` parsed, `pageResolutions`, `resolution`, `status`, and
    `geospatialExportMetadata` on geospatial projects). `latest_label`, `latest_labels` and
    `labels` hold what the server answered for these selections, None where it was not asked:
    each label is a mapping under Kili's names, with `jsonResponse` parsed, and `id` besides.
    `order_key` sorts assets as the server lists them: by creation, first to last.
    `json_content` is the document that `fields["jsonContent"]` points to (or what it holds, when
    it is no URL), None where it was not needed. `label_ids` are the ids of all labels that Kili
    has of the asset, `label_dates` their types and dates, and `fingerprint` changes with any of
    them and with the asset's own fields.
    """

    asset_id: str
    external_id: str
    order_key: str
    fields: JsonObject
    latest_label: JsonObject | None = None
    latest_labels: tuple[JsonObject | None, ...] | None = None
    labels: tuple[JsonObject, ...] | None = None
    media_urls: Mapping[str, str] = field(default_factory=dict)
    json_content: Any = None
    label_ids: frozenset[str] = frozenset()
    fingerprint: str = ""
    label_dates: tuple[LabelDates, ...] = ()

    @property
    def created_at(self) -> str:
        """When Kili got the asset, where it says so."""
        return self.order_key.partition("/")[0]


@dataclass(frozen=True, slots=True)
class SelectedAsset:
    """An asset with the labels that one export holds of it, never empty, in server order.

    `json_content` as in FetchedAsset. `media` are the names of its media in the archive, in the
    order in which they were asked for; empty in an export without media. `media_size` is what the
    first one's file tells of its width and height in pixels.
    """

    asset_id: str
    external_id: str
    order_key: str
    fields: JsonObject
    labels: tuple[JsonObject, ...]
    json_content: Any = None
    media: tuple[str, ...] = ()
    media_size: tuple[int, int] | None = None


ASSET_MARKS = ("id", "externalId", "createdAt", "status", "jsonMetadata")
"""Fields of an asset that its fingerprint covers."""
LABEL_MARKS = (
    "id",
    "createdAt",
    "updatedAt",
    "labelType",
    "isLastForStep",
    "isLatestLabelForUser",
    "isSentBackToQueue",
)
"""Fields of each of its labels that its fingerprint covers."""


def sortable_moment(created_at: object) -> str:
    """A text that sorts moments as Kili writes them by time; empty when there is none."""
    if not isinstance(created_at, str):
        return ""
    try:
        moment = datetime.fromisoformat(created_at)
    except ValueError:
        return storable_text(created_at)
    # Two notations of one moment must not sort apart: fractions and zones may be left out.
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat(timespec="microseconds")
