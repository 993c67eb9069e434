"""The conditions and GraphQL documents for assets and labels that are read one by one."""

from collections.abc import Iterator, Mapping
from typing import Any

from kili_export.kili.filters import MOST_EXACT_NAMES, asset_where, chunks, wheres
from kili_export.kili.http.transport import Operation
from kili_export.kili.listing import PAGE
from kili_export.reading.rows.field_selection import (
    ASSET,
    CONTENT,
    CONTENT_URL,
    DOCUMENT,
    LABEL,
    FieldSelection,
)

COUNT_LABELS = Operation(
    "countLabels", "query countLabels($where: LabelWhere!) { data: countLabels(where: $where) }"
)
_OF_ASSET = "asset_"
_LABEL_CONDITIONS = {
    "author_in": "authorIn",
    "category_search": "search",
    "consensus_mark_gte": "consensusMarkGte",
    "consensus_mark_lte": "consensusMarkLte",
    "created_at": "createdAt",
    "created_at_gte": "createdAtGte",
    "created_at_lte": "createdAtLte",
    "honeypot_mark_gte": "honeypotMarkGte",
    "honeypot_mark_lte": "honeypotMarkLte",
    "id_in": "idIn",
    "labeler_in": "labelerIn",
    "reviewer_in": "reviewerIn",
    "type_in": "typeIn",
}


def asset_conditions(project_id: str, filters: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Conditions that select disjoint sets of assets and together what the filters select.

    `step_name_in` must have been replaced by `step_id_in`.
    """
    rest = {name: value for name, value in filters.items() if name != "asset_id_in"}
    for where in wheres(project_id, rest):
        yield from _by_ids(where, "idIn", filters.get("asset_id_in"))


def label_conditions(project_id: str, filters: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Conditions that select disjoint sets of labels and together what the filters select.

    `asset_step_name_in` must have been replaced by `asset_step_id_in`.
    """
    where: dict[str, Any] = {"project": {"id": project_id}}
    of_asset: dict[str, Any] = {}
    for name, value in filters.items():
        if name == "user_id":
            where["user"] = {"id": value}
        elif name.startswith(_OF_ASSET) and name != "asset_id_in":
            of_asset[name.removeprefix(_OF_ASSET)] = value
        elif name in _LABEL_CONDITIONS and name != "id_in":
            where[_LABEL_CONDITIONS[name]] = value
    for asset in _asset_parts(project_id, of_asset, filters.get("asset_id_in")):
        whole = {**where, "asset": asset} if asset else where
        yield from _by_ids(whole, "idIn", filters.get("id_in"))


def _asset_parts(
    project_id: str, filters: Mapping[str, Any], ids: list[str] | None
) -> Iterator[dict[str, Any]]:
    if not filters and ids is None:
        yield {}
        return
    yield from asset_conditions(
        project_id, dict(filters) if ids is None else {**filters, "asset_id_in": ids}
    )


def _by_ids(where: dict[str, Any], name: str, ids: list[str] | None) -> Iterator[dict[str, Any]]:
    if ids is None:
        yield where
        return
    for some in chunks(list(dict.fromkeys(ids)), MOST_EXACT_NAMES):
        yield {**where, name: some}


def rows_by_id(project_id: str, ids: list[str]) -> dict[str, Any]:
    """The variables that ask for rows of these ids, which are at most a hundred."""
    where = {**asset_where(project_id, {}), "idIn": ids}
    return {"where": where, "first": len(ids), "skip": 0}


def rows_query(name: str, fields: FieldSelection) -> Operation:
    """The query for rows of the selection's type, with what it takes to resolve their contents."""
    return _query(name, fields.type_name, written(fields))


def listing_query(type_name: str, fields: str) -> Operation:
    """The query that lists ids, and what a choice looks at."""
    return _query(f"list{type_name.title()}Ids", type_name, fields)


def written(fields: FieldSelection) -> str:
    """The selection as GraphQL has it."""
    values = dict.fromkeys(fields.values)
    if fields.type_name in (ASSET, LABEL) and _needs_id(fields):
        values["id"] = None
    if fields.type_name == LABEL and CONTENT in values:
        values[CONTENT_URL] = None
    objects = [f"{name} {{ {written(one)} }}" for name, one in fields.objects.items()]
    return " ".join([*values, *objects])


def page_size(fields: FieldSelection, input_type: str) -> int:
    """How many rows to ask for at once: as many as Kili's own client does."""
    if not fields.reads(CONTENT, LABEL) and "labels" not in fields.objects:
        return PAGE
    if input_type != "VIDEO":
        return 50
    return 10 if fields.type_name == ASSET else 20


def _needs_id(fields: FieldSelection) -> bool:
    contents = CONTENT if fields.type_name == LABEL else DOCUMENT
    return contents in fields.values


def _query(name: str, type_name: str, selection: str) -> Operation:
    where = "AssetWhere" if type_name == ASSET else "LabelWhere"
    return Operation(
        name,
        f"""query {type_name}s($where: {where}!, $first: PageSize!, $skip: Int!) {{
  data: {type_name}s(where: $where, skip: $skip, first: $first) {{ {selection} }}
}}""",
    )
