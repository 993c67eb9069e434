"""Gives the assets of a project one by one, or the annotations of their labels."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from kili_export.core.errors import InvalidConfiguration
from kili_export.core.project import Project
from kili_export.formats.jsonl.annotations import LabelParser
from kili_export.reading.rows.field_selection import ASSET, select_fields
from kili_export.reading.rows.kili_rows import KiliRows
from kili_export.reading.rows.listed_lines import (
    Line,
    LineBatch,
    batches,
    checked,
    refuse_conversations,
    same,
    shape_fields,
)
from kili_export.reading.rows.row_filters import checked_asset_filters

DEFAULT_FIELDS = (
    "id",
    "externalId",
    "status",
    "createdAt",
    "jsonMetadata",
    "latestLabel.id",
    "latestLabel.author.email",
    "latestLabel.labelType",
    "latestLabel.createdAt",
    "latestLabel.jsonResponse",
)
PARSED_LABEL_FIELDS = ("id", "author.email", "labelType", "createdAt", "jsonResponse")


class AssetLabels(StrEnum):
    """Which labels of an asset are parsed, by the name of the field that holds them."""

    LATEST = "latestLabel"
    LAST_STEP = "latestLabels"
    ALL = "labels"


@dataclass(frozen=True, slots=True)
class AssetListing:
    """Which assets, and what of them.

    `filters` are those of `row_filters`. With `parsed` there is a line per annotation of
    these labels; `fields` then has no meaning.
    """

    project_id: str
    fields: tuple[str, ...] = DEFAULT_FIELDS
    filters: Mapping[str, Any] = field(default_factory=dict)
    parsed: AssetLabels | None = None


def list_assets(kili: KiliRows, listing: AssetListing) -> Iterator[LineBatch]:
    """The lines of the assets that match, in server order, page by page.

    An asset that cannot be read whole gives no line and is in `failed`. Raises
    InvalidConfiguration for a field or filter that cannot be, before anything is asked of Kili
    but the project.
    """
    if listing.parsed is None:
        select_fields(ASSET, listing.fields)
    filters = checked(checked_asset_filters, listing.filters)
    project = kili.project(listing.project_id)
    fields = select_fields(ASSET, _paths(project, listing))
    refuse_conversations(project, fields)
    if listing.parsed is AssetLabels.LAST_STEP and project.workflow_version == "V1":
        raise InvalidConfiguration(
            f"Project {project.project_id} has no workflow steps; parse its latest labels, or all."
        )
    ids = kili.find_assets(project.project_id, filters)
    pages = kili.iter_assets(project, ids, fields)
    if listing.parsed is None:
        yield from batches(pages, len(ids), same)
    else:
        lines = _ParsedLines(LabelParser(project), listing.parsed)
        yield from batches(pages, len(ids), lines)


def _paths(project: Project, listing: AssetListing) -> tuple[str, ...]:
    if listing.parsed is None:
        return listing.fields
    labels = tuple(f"{listing.parsed.value}.{name}" for name in PARSED_LABEL_FIELDS)
    return ("id", "externalId", *shape_fields(project), *labels)


@dataclass(frozen=True, slots=True)
class _ParsedLines:
    parser: LabelParser
    labels: AssetLabels

    def __call__(self, asset: Line) -> Iterable[Line]:
        held = asset.get(self.labels.value)
        for label in held if isinstance(held, list) else [held]:
            # On a step of several labelers there is a null for one who did not label yet.
            if label is not None:
                yield from self.parser.lines(asset, label)
