"""Kili's `AssetWhere` from the SDK's filter names."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from kili_export.core.errors import InvalidConfiguration

MOST_EXACT_NAMES = 1000
"""Larger lists of external ids fail on Kili's side."""
ASSET_CONDITIONS = MappingProxyType(
    {
        "assignee_in": "assigneeIn",
        "assignee_not_in": "assigneeNotIn",
        "consensus_mark_gte": "consensusMarkGte",
        "consensus_mark_lte": "consensusMarkLte",
        "created_at_gte": "createdAtGte",
        "created_at_lte": "createdAtLte",
        "external_id_in": "externalIdIn",
        "external_id_strictly_in": "externalIdStrictlyIn",
        "group_name_in": "groupNameIn",
        "group_name_not_in": "groupNameNotIn",
        "honeypot_mark_gte": "honeypotMarkGte",
        "honeypot_mark_lte": "honeypotMarkLte",
        "inference_mark_gte": "inferenceMarkGte",
        "inference_mark_lte": "inferenceMarkLte",
        "metadata_where": "metadata",
        "skipped": "skipped",
        "status_in": "statusIn",
        "step_id_in": "stepIdIn",
        "step_status_in": "stepStatusIn",
    }
)
LABEL_CONDITIONS = MappingProxyType(
    {
        "label_author_in": "authorIn",
        "label_category_search": "search",
        "label_labeler_in": "labelerIn",
        "label_labeler_not_in": "labelerNotIn",
        "label_reviewer_in": "reviewerIn",
        "label_reviewer_not_in": "reviewerNotIn",
        "label_type_in": "typeIn",
    }
)
ISSUE_CONDITIONS = MappingProxyType({"issue_type": "type", "issue_status": "status"})


def asset_where(project_id: str, filters: Mapping[str, Any]) -> dict[str, Any]:
    """The condition for the project's assets that match the filters.

    `step_name_in` must have been replaced by `step_id_in`. Raises InvalidConfiguration for a
    filter that is not known.
    """
    where: dict[str, Any] = {"project": {"id": project_id}}
    for name, value in filters.items():
        if value is None:
            continue
        if name in ASSET_CONDITIONS:
            where[ASSET_CONDITIONS[name]] = value
        elif name in LABEL_CONDITIONS:
            where.setdefault("label", {})[LABEL_CONDITIONS[name]] = value
        elif name in ISSUE_CONDITIONS:
            where.setdefault("issue", {})[ISSUE_CONDITIONS[name]] = value
        else:
            raise InvalidConfiguration(f"{name!r} is not a filter of assets")
    return where


def wheres(project_id: str, filters: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Conditions that select disjoint sets and together what the filters select."""
    names = filters.get("external_id_strictly_in")
    if not names or len(names) <= MOST_EXACT_NAMES:
        yield asset_where(project_id, filters)
        return
    for some in chunks(list(dict.fromkeys(names)), MOST_EXACT_NAMES):
        yield asset_where(project_id, {**filters, "external_id_strictly_in": some})


def chunks(items: Sequence[str], size: int) -> Iterator[list[str]]:
    """The items in lists of at most `size`."""
    for start in range(0, len(items), size):
        yield list(items[start : start + size])
