"""Gives the labels of a project one by one, or their annotations."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kili_export.formats.jsonl.annotations import LabelParser
from kili_export.reading.rows.field_selection import LABEL, select_fields
from kili_export.reading.rows.kili_rows import KiliRows
from kili_export.reading.rows.label_choice import LabelChoice
from kili_export.reading.rows.listed_lines import (
    Line,
    LineBatch,
    batches,
    checked,
    refuse_conversations,
    same,
    shape_fields,
)
from kili_export.reading.rows.row_filters import checked_label_filters

DEFAULT_FIELDS = (
    "id",
    "assetId",
    "labelOf.externalId",
    "author.email",
    "labelType",
    "createdAt",
    "jsonResponse",
)
PARSED_FIELDS = ("id", "author.email", "labelType", "createdAt", "jsonResponse")


@dataclass(frozen=True, slots=True)
class LabelListing:
    """Which labels, and what of them.

    `filters` are those of `row_filters`; the choice is made among the labels that match.
    With `parsed` there is a line per annotation; `fields` then has no meaning.
    """

    project_id: str
    fields: tuple[str, ...] = DEFAULT_FIELDS
    filters: Mapping[str, Any] = field(default_factory=dict)
    choice: LabelChoice = LabelChoice.ALL
    parsed: bool = False


def list_labels(kili: KiliRows, listing: LabelListing) -> Iterator[LineBatch]:
    """The lines of the labels that match and are chosen, in server order, page by page.

    A label whose content cannot be read gives no line and is in `failed`. Raises
    InvalidConfiguration for a field or filter that cannot be, before anything is asked of Kili
    but the project.
    """
    if not listing.parsed:
        select_fields(LABEL, listing.fields)
    filters = checked(checked_label_filters, listing.filters)
    project = kili.project(listing.project_id)
    of_asset = (f"labelOf.{name}" for name in ("id", "externalId", *shape_fields(project)))
    paths = (*PARSED_FIELDS, *of_asset) if listing.parsed else listing.fields
    fields = select_fields(LABEL, paths)
    refuse_conversations(project, fields)
    ids = kili.find_labels(project.project_id, filters, listing.choice)
    pages = kili.iter_labels(project, ids, fields)
    parser = LabelParser(project)

    def parsed(label: Line) -> Iterable[Line]:
        asset = label.get("labelOf")
        return parser.lines(asset if isinstance(asset, Mapping) else {}, label)

    yield from batches(pages, len(ids), parsed if listing.parsed else same)
