"""An asset as Kili answers it, and as one export sees it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

JsonObject = Mapping[str, Any]


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
    has of the asset, and `fingerprint` changes with any of them and with the asset's own fields.
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
