"""The filters of assets and of labels that are listed one by one, named as in the SDK.

Assets take all filters of exports, and label types and ids besides; labels take those of the
SDK's `labels`, and lists of ids besides.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from kili_export.core.asset_filters import FILTERS, Check, checked_filters

LABEL_TYPES = ("AUTOSAVE", "DEFAULT", "INFERENCE", "PREDICTION", "REVIEW")
_TEXT = FILTERS["label_category_search"]
_TEXTS = FILTERS["assignee_in"]
_MARK = FILTERS["consensus_mark_gte"]
_MOMENT = FILTERS["created_at_gte"]


def _label_types(value: Any) -> list[str]:
    types: list[str] = _TEXTS(value)
    if unknown := [item for item in types if item not in LABEL_TYPES]:
        raise ValueError(f"has {unknown[0]!r}, which is none of {', '.join(LABEL_TYPES)}")
    return types


ASSET_ROW_FILTERS: Mapping[str, Check] = MappingProxyType(
    {**FILTERS, "asset_id_in": _TEXTS, "label_type_in": _label_types}
)
LABEL_ROW_FILTERS: Mapping[str, Check] = MappingProxyType(
    {
        "asset_external_id_in": FILTERS["external_id_in"],
        "asset_external_id_strictly_in": _TEXTS,
        "asset_group_name_in": _TEXTS,
        "asset_group_name_not_in": _TEXTS,
        "asset_id_in": _TEXTS,
        "asset_status_in": FILTERS["status_in"],
        "asset_step_id_in": _TEXTS,
        "asset_step_name_in": _TEXTS,
        "asset_step_status_in": FILTERS["step_status_in"],
        "author_in": _TEXTS,
        "category_search": _TEXT,
        "consensus_mark_gte": _MARK,
        "consensus_mark_lte": _MARK,
        "created_at": _MOMENT,
        "created_at_gte": _MOMENT,
        "created_at_lte": _MOMENT,
        "honeypot_mark_gte": _MARK,
        "honeypot_mark_lte": _MARK,
        "id_in": _TEXTS,
        "labeler_in": _TEXTS,
        "reviewer_in": _TEXTS,
        "type_in": _label_types,
        "user_id": _TEXT,
    }
)


def checked_asset_filters(filters: Mapping[str, Any]) -> dict[str, Any]:
    """Filters of assets with their values checked. Raises ValueError, naming the filter."""
    return checked_filters(filters, ASSET_ROW_FILTERS)


def checked_label_filters(filters: Mapping[str, Any]) -> dict[str, Any]:
    """Filters of labels with their values checked. Raises ValueError, naming the filter."""
    checked = checked_filters(filters, LABEL_ROW_FILTERS)
    if "asset_step_id_in" in checked and "asset_step_name_in" in checked:
        raise ValueError("asset_step_id_in and asset_step_name_in select the same; give one")
    return checked
