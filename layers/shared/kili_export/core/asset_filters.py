"""The filters of an export: the SDK's `asset_filter_kwargs`, with their values checked."""

import math
from collections.abc import Callable, Collection, Mapping
from datetime import date
from types import MappingProxyType
from typing import Any

import orjson

ASSET_STATUSES = ("TODO", "ONGOING", "LABELED", "REVIEWED", "TO_REVIEW")
STEP_STATUSES = (
    "TO_DO",
    "DOING",
    "IN_PROGRESS",
    "PARTIALLY_DONE",
    "REWORK",
    "REDO",
    "DONE",
    "SKIPPED",
)
ISSUE_TYPES = ("ISSUE", "QUESTION")
ISSUE_STATUSES = ("CANCELLED", "OPEN", "SOLVED")
MOST_PARTIAL_NAMES = 10
"""Kili's limit on names that are searched for as parts."""
Check = Callable[[Any], Any]


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("must be a number")
    return value


def _flag(value: Any) -> bool:
    if value is True or value is False:
        return bool(value)
    raise ValueError("must be true or false")


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("must be a text")
    return value


def _moment(value: Any) -> str:
    # YAML reads an unquoted date as a date.
    text = value.isoformat() if isinstance(value, date) else _text(value)
    try:
        date.fromisoformat(text[:10])
    except ValueError:
        raise ValueError("must be a date such as 2026-01-31") from None
    return text


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ValueError("must be an object")
    try:
        is_json = orjson.loads(orjson.dumps(value)) == value
    except (TypeError, ValueError):
        is_json = False
    if not is_json:
        raise ValueError(
            "holds what JSON cannot: write dates as texts; numbers must be finite and have 64 bits"
        )
    return dict(value)


def _texts(value: Any) -> list[str]:
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise ValueError("must be a list of texts")
    if not value:
        # To Kili an empty list may mean no restriction, which is hardly what was meant.
        raise ValueError("must not be empty; leave the filter out to select everything")
    return list(value)


def _partial_names(value: Any) -> list[str]:
    names = _texts(value)
    if len(names) > MOST_PARTIAL_NAMES:
        raise ValueError(
            f"takes at most {MOST_PARTIAL_NAMES} names; use external_id_strictly_in for more"
        )
    return names


def _one_of(known: Collection[str]) -> Check:
    def check(value: Any) -> str:
        if value not in known:
            raise ValueError(f"must be one of {', '.join(known)}")
        return str(value)

    return check


def _some_of(known: Collection[str]) -> Check:
    def check(value: Any) -> list[str]:
        values = _texts(value)
        if unknown := [item for item in values if item not in known]:
            raise ValueError(f"has {unknown[0]!r}, which is none of {', '.join(known)}")
        return values

    return check


FILTERS: Mapping[str, Check] = MappingProxyType(
    {
        "assignee_in": _texts,
        "assignee_not_in": _texts,
        "consensus_mark_gte": _number,
        "consensus_mark_lte": _number,
        "created_at_gte": _moment,
        "created_at_lte": _moment,
        "external_id_in": _partial_names,
        "external_id_strictly_in": _texts,
        "group_name_in": _texts,
        "group_name_not_in": _texts,
        "honeypot_mark_gte": _number,
        "honeypot_mark_lte": _number,
        "inference_mark_gte": _number,
        "inference_mark_lte": _number,
        "issue_status": _one_of(ISSUE_STATUSES),
        "issue_type": _one_of(ISSUE_TYPES),
        "label_author_in": _texts,
        "label_category_search": _text,
        "label_labeler_in": _texts,
        "label_labeler_not_in": _texts,
        "label_reviewer_in": _texts,
        "label_reviewer_not_in": _texts,
        "metadata_where": _object,
        "skipped": _flag,
        "status_in": _some_of(ASSET_STATUSES),
        "step_id_in": _texts,
        "step_name_in": _texts,
        "step_status_in": _some_of(STEP_STATUSES),
    }
)
FILTERS_BY_PEOPLE = frozenset(
    {
        "assignee_in",
        "assignee_not_in",
        "label_author_in",
        "label_labeler_in",
        "label_labeler_not_in",
        "label_reviewer_in",
        "label_reviewer_not_in",
    }
)
"""Filters whose values are people's e-mail addresses or ids."""


def checked_filters(
    filters: Mapping[str, Any], known: Mapping[str, Check] = FILTERS
) -> dict[str, Any]:
    """The filters with their values in the form that is stored; those that are null are left out.

    Raises ValueError, naming the filter and what it may be.
    """
    checked = {}
    for name, value in filters.items():
        if name not in known:
            raise ValueError(f"{name!r} is no filter; known are {', '.join(known)}")
        if value is not None:
            checked[name] = _checked(name, value, known[name])
    if "step_id_in" in checked and "step_name_in" in checked:
        raise ValueError("step_id_in and step_name_in select the same thing; give one of them")
    return checked


def _checked(name: str, value: Any, check: Check) -> Any:
    try:
        return check(value)
    except ValueError as error:
        raise ValueError(f"{name} {error}") from None
