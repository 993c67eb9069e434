"""What is asked of Kili about assets, and what comes back."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from kili_export.domain.asset import FetchedAsset
from kili_export.domain.errors import AssetError
from kili_export.domain.options import ExportOptions, ExportType
from kili_export.domain.project import Project

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

FORMATS_WITHOUT_JSON_CONTENT = frozenset({"kili", "raw"})
"""Formats that write `jsonContent` as Kili answers it and never read what it points to."""


@dataclass(frozen=True, slots=True)
class ListedAsset:
    """One asset of a listing. `order_key` and `fingerprint` equal those of its FetchedAsset."""

    asset_id: str
    external_id: str
    order_key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class ListingPosition:
    """Where a listing that is read in pages has come to.

    `seen` assets were given, `offset` is where the server's next page begins, and `recent` are the
    ids of the last ones that were given, by which is told whether the pages have shifted.
    """

    offset: int = 0
    seen: int = 0
    recent: tuple[str, ...] = ()


FROM_THE_BEGINNING = ListingPosition()


@dataclass(frozen=True, slots=True)
class ListedPage:
    """Some assets of a listing, and where to go on after them; with the last one it is whole."""

    assets: tuple[ListedAsset, ...]
    position: ListingPosition
    is_last: bool


@dataclass(frozen=True, slots=True)
class FetchNeeds:
    """Which parts of an asset the exports of a project need together.

    `latest_label`, `latest_labels` and `labels` are Kili's three selections of labels with their
    contents; `json_content` is the document that an asset's `jsonContent` points to.
    """

    input_type: str
    latest_label: bool = False
    latest_labels: bool = False
    labels: bool = False
    json_content: bool = False

    @classmethod
    def of(cls, project: Project, exports: Iterable[ExportOptions]) -> Self:
        """What the exports need, taken together."""
        wanted = list(exports)
        types = {options.export_type for options in wanted}
        return cls(
            input_type=project.input_type,
            latest_label=ExportType.LATEST in types,
            latest_labels=ExportType.LATEST_FROM_LAST_STEP in types,
            labels=bool(types & {ExportType.LATEST_FROM_ALL_STEPS, ExportType.NORMAL}),
            json_content=any(
                _reads_json_content(options) or options.with_assets for options in wanted
            ),
        )


@dataclass(frozen=True, slots=True)
class FetchResult:
    """What became of each asset that was asked for: exactly one of the three.

    `missing` are those that Kili confirmed not to have in the project any more.
    """

    assets: tuple[FetchedAsset, ...] = ()
    missing: tuple[str, ...] = ()
    failed: Mapping[str, AssetError] = field(default_factory=dict)


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


def server_filters(options: ExportOptions) -> dict[str, Any]:
    """The filters of an export that only Kili can apply; empty when it selects all assets.

    The label types go along, as the SDK sends them: Kili applies the filters on labels to the
    labels of these types.
    """
    if not options.filters:
        return {}
    return {**options.filters, "label_type_in": list(options.label_type_in)}


def _reads_json_content(options: ExportOptions) -> bool:
    return (
        options.format not in FORMATS_WITHOUT_JSON_CONTENT
        or options.normalized_coordinates is not None
    )


def sortable_moment(created_at: object) -> str:
    """A text that sorts moments as Kili writes them by time; empty when there is none."""
    if not isinstance(created_at, str):
        return ""
    try:
        moment = datetime.fromisoformat(created_at)
    except ValueError:
        return created_at
    # Two notations of one moment must not sort apart: fractions and zones may be left out.
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat(timespec="microseconds")
