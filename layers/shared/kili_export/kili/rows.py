"""Reads assets and labels one by one: finds their ids, then asks for what is wanted of each."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from kili_export.core.errors import IntegrityError
from kili_export.core.project import Project
from kili_export.kili.answers import Row, count, parsed_metadata, rows, text
from kili_export.kili.contents import Source, is_url
from kili_export.kili.fetching import raise_if_storage_is_down
from kili_export.kili.filters import chunks
from kili_export.kili.http.downloads import Document, Expired, JsonDownloads, Outcome
from kili_export.kili.http.transport import GraphQLTransport, Operation
from kili_export.kili.listing import list_consistently
from kili_export.kili.queries import COUNT_ASSETS
from kili_export.kili.row_queries import (
    COUNT_LABELS,
    asset_conditions,
    label_conditions,
    listing_query,
    page_size,
    rows_by_id,
    rows_query,
)
from kili_export.reading.rows.field_selection import (
    ASSET,
    CONTENT,
    CONTENT_URL,
    DOCUMENT,
    LABEL,
    METADATA,
    FieldSelection,
)
from kili_export.reading.rows.kili_rows import RowPage
from kili_export.reading.rows.label_choice import LabelChoice, LabelMarks, chosen_labels

_CHOICE_FIELDS = (
    "id assetId authorId author { email } labelType createdAt isLatestReviewLabelForUser"
)
Reassure = Callable[[str], Any]
"""Reads the project, to know that it is still there and visible."""


class _Unreadable(Exception):
    """A row of which something cannot be had; the message says what."""


class RowReader:
    """Reads rows of one kind after another. Rows come by id, so that no page shifts under it."""

    def __init__(
        self, transport: GraphQLTransport, downloads: JsonDownloads, reassure: Reassure
    ) -> None:
        self._transport = transport
        self._downloads = downloads
        self._reassure = reassure

    def find_assets(self, project_id: str, filters: Mapping[str, Any]) -> list[str]:
        """See KiliRows; steps are named by their ids."""
        query = listing_query(ASSET, "id")
        found: dict[str, None] = {}
        for where in asset_conditions(project_id, filters):
            listed = self._list(where, query, COUNT_ASSETS, "assets")
            found.update(dict.fromkeys(text(row, "id", "an asset") for row in listed))
        return list(found)

    def find_labels(
        self, project_id: str, filters: Mapping[str, Any], choice: LabelChoice
    ) -> list[str]:
        """See KiliRows; steps are named by their ids."""
        query = listing_query(LABEL, "id" if choice is LabelChoice.ALL else _CHOICE_FIELDS)
        found: dict[str, Row] = {}
        for where in label_conditions(project_id, filters):
            listed = self._list(where, query, COUNT_LABELS, "labels")
            found.update((text(row, "id", "a label"), row) for row in listed)
        if choice is LabelChoice.ALL:
            return list(found)
        return chosen_labels(choice, (_marks(row) for row in found.values()))

    def _list(
        self, where: dict[str, Any], query: Operation, counting: Operation, what: str
    ) -> list[Row]:
        def read_page(skip: int, first: int) -> list[Row]:
            variables = {"where": where, "first": first, "skip": skip}
            page = rows(self._transport.execute(query, variables), what)
            for row in page:
                text(row, "id", what)
            return page

        def counted() -> int:
            return count(self._transport.execute(counting, {"where": where}))

        return list_consistently(read_page, counted, what)

    def pages(
        self, project: Project, ids: Sequence[str], fields: FieldSelection
    ) -> Iterator[RowPage]:
        """Rows by id, a page at a time. See KiliRows.iter_assets."""
        for some in chunks(list(dict.fromkeys(ids)), page_size(fields, project.input_type)):
            yield self._page(project.project_id, some, fields)

    def _page(self, project_id: str, ids: list[str], fields: FieldSelection) -> RowPage:
        found = self._present(project_id, ids, fields)
        outcomes = self._downloads.all(_all_sources(found, fields))
        expired = [one for one, row in found.items() if _has_expired(row, fields, outcomes)]
        if expired:
            # An address that the storage refuses is most often one whose signature ran out.
            fresh = self._asked(project_id, expired, fields)
            found = {one: fresh.get(one, row) for one, row in found.items()}
            outcomes |= self._downloads.all(_all_sources(fresh, fields))
        raise_if_storage_is_down(outcomes)
        shown: dict[str, Mapping[str, Any]] = {}
        failed: dict[str, str] = {}
        for one in ids:
            try:
                if one in found:
                    shown[one] = _Resolver(outcomes).shown(found[one], fields)
            except _Unreadable as error:
                failed[one] = str(error)
        return RowPage(shown, failed, tuple(one for one in ids if one not in found))

    def _present(self, project_id: str, ids: list[str], fields: FieldSelection) -> dict[str, Row]:
        """The rows that there are, the others asked for twice before they count as gone."""
        found = self._asked(project_id, ids, fields)
        missing = [one for one in ids if one not in found]
        if missing:
            # An empty answer is also what a project gives that cannot be seen any more.
            self._reassure(project_id)
            found.update(self._asked(project_id, missing, fields))
        return found

    def _asked(self, project_id: str, ids: list[str], fields: FieldSelection) -> dict[str, Row]:
        query = rows_query(f"fetch{fields.type_name.title()}Rows", _with_id(fields))
        answer = rows(
            self._transport.execute(query, rows_by_id(project_id, ids)), f"{fields.type_name}s"
        )
        found = {text(row, "id", f"a {fields.type_name}"): row for row in answer}
        if found.keys() - set(ids):
            raise IntegrityError(f"Kili answered {fields.type_name}s that were not asked for")
        return found


def _with_id(fields: FieldSelection) -> FieldSelection:
    return replace(fields, values=tuple(dict.fromkeys(("id", *fields.values))))


def _marks(row: Row) -> LabelMarks:
    author = row.get("author")
    email = author.get("email") if isinstance(author, Mapping) else None
    return LabelMarks(
        label_id=row["id"],
        asset_id=text(row, "assetId", "a label"),
        author=str(email or row.get("authorId") or ""),
        label_type=str(row.get("labelType") or ""),
        created_at=str(row.get("createdAt") or ""),
        is_latest_review=row.get("isLatestReviewLabelForUser") is True,
    )


def _all_sources(found: Mapping[str, Row], fields: FieldSelection) -> dict[Source, str]:
    return {key: url for row in found.values() for key, url in _sources(row, fields)}


def _sources(row: Row, fields: FieldSelection) -> Iterator[tuple[Source, str]]:
    """The addresses of the documents that the selection reads."""
    for selection, one in fields.nodes(row):
        if selection.type_name == LABEL and CONTENT in selection.values:
            name, kind = CONTENT_URL, LABEL
        elif selection.type_name == ASSET and DOCUMENT in selection.values:
            name, kind = DOCUMENT, ASSET
        else:
            continue
        if is_url(one.get(name)):
            yield (kind, str(one.get("id"))), one[name]


def _has_expired(row: Row, fields: FieldSelection, outcomes: Mapping[Source, Outcome]) -> bool:
    return any(isinstance(outcomes[key], Expired) for key, _ in _sources(row, fields))


class _Resolver:
    """Puts documents in the place of their addresses, and leaves out what was not asked for."""

    def __init__(self, outcomes: Mapping[Source, Outcome]) -> None:
        self._outcomes = outcomes

    def shown(self, row: Mapping[str, Any], fields: FieldSelection) -> dict[str, Any]:
        return {
            name: self._object(row.get(name), fields.objects[name])
            if name in fields.objects
            else self._value(row, name, fields.type_name)
            for name in fields.order
        }

    def _object(self, value: Any, fields: FieldSelection) -> Any:
        if isinstance(value, list):
            return [self._object(one, fields) for one in value]
        return self.shown(value, fields) if isinstance(value, Mapping) else None

    def _value(self, row: Mapping[str, Any], name: str, kind: str) -> Any:
        if kind == LABEL and name == CONTENT:
            return self._content(row)
        if kind == ASSET and name == METADATA:
            return parsed_metadata(row.get(name))
        if kind == ASSET and name == DOCUMENT and is_url(row.get(name)):
            return self._document((ASSET, str(row.get("id"))), "its jsonContent")
        return row.get(name)

    def _content(self, label: Mapping[str, Any]) -> Any:
        subject = f"the content of label {label.get('id')}"
        if is_url(label.get(CONTENT_URL)):
            content = self._document((LABEL, str(label.get("id"))), subject)
        else:
            content = _inline(label.get(CONTENT), subject)
        if not isinstance(content, dict):
            raise _Unreadable(f"{subject} is not a JSON object")
        return content

    def _document(self, source: Source, subject: str) -> Any:
        outcome = self._outcomes[source]
        if isinstance(outcome, Document):
            return outcome.value
        raise _Unreadable(f"{subject} cannot be read: {outcome.reason}")


def _inline(value: object, subject: str) -> object:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise _Unreadable(f"{subject} is not JSON") from None
