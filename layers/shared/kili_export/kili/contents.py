"""Finds out what labels contain: inline, or from where their URL points."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from kili_export.core.asset import FetchedAsset, JsonObject, fingerprint, order_key
from kili_export.core.errors import AssetError
from kili_export.core.file_dates import LabelDates
from kili_export.core.storable import is_storable
from kili_export.kili.answers import Row, parsed_metadata, rows, text
from kili_export.kili.http.downloads import Document, Outcome
from kili_export.kili.queries import AUTHOR_FIELDS, LABEL_FIELDS
from kili_export.steps.conversion.asset_source import FetchNeeds

Source = tuple[str, str]
"""What a document is about: ("label", its id) or ("asset", its id)."""
_PLAIN_LABEL_FIELDS = tuple(
    name for name in LABEL_FIELDS if name not in ("jsonResponse", "jsonResponseUrl")
)
_PLAIN_ASSET_FIELDS = (
    "content",
    "externalId",
    "id",
    "jsonContent",
    "pageResolutions",
    "resolution",
    "status",
)


def sources(row: Row, needs: FetchNeeds) -> dict[Source, str]:
    """The addresses to download for an asset: each label's content once, its `jsonContent`."""
    wanted: dict[Source, str] = {}
    for label in _content_labels(row, needs):
        if is_url(label.get("jsonResponseUrl")):
            wanted[("label", text(label, "id", "a label"))] = label["jsonResponseUrl"]
    if needs.json_content and is_url(row.get("jsonContent")):
        wanted[("asset", row["id"])] = row["jsonContent"]
    return wanted


def is_url(value: object) -> bool:
    """Whether Kili means this as an address."""
    return isinstance(value, str) and value.lower().startswith(("http://", "https://"))


def fetched_asset(row: Row, needs: FetchNeeds, outcomes: Mapping[Source, Outcome]) -> FetchedAsset:
    """The asset with its contents. Raises AssetError when any of them cannot be had."""
    asset_id = row["id"]
    name = row.get("externalId")
    if not isinstance(name, str) or not is_storable(name):
        raise AssetError("its external id is not a text in Unicode", asset_id=asset_id)
    fields = {field: row.get(field) for field in _PLAIN_ASSET_FIELDS}
    fields["jsonMetadata"] = parsed_metadata(row.get("jsonMetadata"))
    if needs.input_type == "GEOSPATIAL":
        fields["geospatialExportMetadata"] = row.get("geospatialExportMetadata")
    reader = _LabelReader(asset_id, outcomes)
    return FetchedAsset(
        asset_id=asset_id,
        external_id=name,
        order_key=order_key(row),
        fields=fields,
        latest_label=reader.optional(row.get("latestLabel")) if needs.latest_label else None,
        latest_labels=(
            tuple(reader.optional(label) for label in row.get("latestLabels") or [])
            if needs.latest_labels
            else None
        ),
        labels=(
            tuple(reader.label(label) for label in row.get("labels") or [])
            if needs.labels
            else None
        ),
        json_content=_json_content(row, outcomes) if needs.json_content else None,
        label_ids=frozenset(text(label, "id", "a label") for label in _labels(row)),
        fingerprint=fingerprint(row),
        label_dates=tuple(map(_dates, _labels(row))),
    )


def _dates(label: Row) -> LabelDates:
    return LabelDates(
        text(label, "id", "a label"),
        str(label.get("labelType") or ""),
        label.get("createdAt"),
        label.get("updatedAt"),
    )


class _LabelReader:
    """Turns the labels of one asset into what exports read."""

    def __init__(self, asset_id: str, outcomes: Mapping[Source, Outcome]) -> None:
        self._asset_id = asset_id
        self._outcomes = outcomes

    def optional(self, row: Row | None) -> JsonObject | None:
        """A label, or None for none."""
        return None if row is None else self.label(row)

    def label(self, row: Row) -> JsonObject:
        """A label with its content parsed. It has `jsonResponseUrl` only if that led nowhere."""
        label_id = text(row, "id", "a label")
        label: dict[str, Any] = {"id": label_id}
        label.update((name, row.get(name)) for name in _PLAIN_LABEL_FIELDS)
        if "isLastForStep" in row:
            label["isLastForStep"] = row["isLastForStep"]
        author = row.get("author")
        if isinstance(author, Mapping):
            author = {name: author.get(name) for name in AUTHOR_FIELDS}
        label["author"] = author
        if is_url(row.get("jsonResponseUrl")):
            content = _downloaded(self._outcomes, ("label", label_id), self._asset_id)
        else:
            label["jsonResponseUrl"] = row.get("jsonResponseUrl")
            content = self._inline(row.get("jsonResponse"), label_id)
        if not isinstance(content, dict):
            raise self._unusable(label_id, "is not a JSON object")
        label["jsonResponse"] = content
        return label

    def _inline(self, value: object, label_id: str) -> object:
        if not isinstance(value, str):
            return value
        if not value.strip():
            # A label without answers, as the SDK has it.
            return {}
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            raise self._unusable(label_id, "is not JSON") from None

    def _unusable(self, label_id: str, problem: str) -> AssetError:
        return AssetError(f"the content of label {label_id} {problem}", asset_id=self._asset_id)


def _json_content(row: Row, outcomes: Mapping[Source, Outcome]) -> Any:
    value = row.get("jsonContent")
    return _downloaded(outcomes, ("asset", row["id"]), row["id"]) if is_url(value) else value


def _downloaded(outcomes: Mapping[Source, Outcome], source: Source, asset_id: str) -> Any:
    outcome = outcomes[source]
    if isinstance(outcome, Document):
        return outcome.value
    kind, its_id = source
    subject = f"the content of label {its_id}" if kind == "label" else "its jsonContent"
    raise AssetError(f"{subject} cannot be read: {outcome.reason}", asset_id=asset_id)


def _content_labels(row: Row, needs: FetchNeeds) -> Iterator[Row]:
    if needs.latest_label and row.get("latestLabel") is not None:
        yield from rows([row["latestLabel"]], "labels")
    if needs.latest_labels:
        latest = row.get("latestLabels") or []
        known = [one for one in latest if one is not None] if isinstance(latest, list) else latest
        yield from rows(known, "labels")
    if needs.labels:
        yield from _labels(row)


def _labels(row: Row) -> list[Row]:
    return rows(row.get("labels") or [], "labels")
