"""Filters against Kili's own SDK: the same names mean the same condition."""

import inspect
import re
from typing import Any

import pytest
from kili.adapters.kili_api_gateway.asset.mappers import asset_where_mapper
from kili.domain.asset import AssetFilters
from kili.services.export import tools

from kili_export.core.asset_filters import FILTERS, checked_filters
from kili_export.kili.filters import (
    ASSET_CONDITIONS,
    ISSUE_CONDITIONS,
    LABEL_CONDITIONS,
    asset_where,
)

SAMPLES: dict[str, Any] = {
    "assignee_in": ["u"],
    "assignee_not_in": ["u"],
    "consensus_mark_gte": 0.25,
    "consensus_mark_lte": 1,
    "created_at_gte": "2026-01-31",
    "created_at_lte": "2026-01-31",
    "external_id_in": ["part"],
    "external_id_strictly_in": ["exact"],
    "group_name_in": ["g"],
    "group_name_not_in": ["g"],
    "honeypot_mark_gte": 0,
    "honeypot_mark_lte": 0.5,
    "inference_mark_gte": 0.1,
    "inference_mark_lte": 0.2,
    "issue_status": "OPEN",
    "issue_type": "QUESTION",
    "label_author_in": ["a@example.com"],
    "label_category_search": "JOB.CAR.count > 0",
    "label_labeler_in": ["u"],
    "label_labeler_not_in": ["u"],
    "label_reviewer_in": ["u"],
    "label_reviewer_not_in": ["u"],
    "metadata_where": {"key": "value"},
    "skipped": False,
    "status_in": ["LABELED"],
    "step_id_in": ["s"],
    "step_status_in": ["DONE"],
}


def _without_nulls(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    pruned = {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return {key: item for key, item in pruned.items() if item != {}}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_filter_becomes_the_sdks_condition(name: str) -> None:
    sdk = asset_where_mapper(AssetFilters(project_id="P", **{name: SAMPLES[name]}))

    assert asset_where("P", checked_filters({name: SAMPLES[name]})) == _without_nulls(sdk)


def test_all_filters_together_become_the_sdks_condition() -> None:
    sdk = asset_where_mapper(AssetFilters(project_id="P", label_type_in=["REVIEW"], **SAMPLES))

    assert asset_where("P", {**SAMPLES, "label_type_in": ["REVIEW"]}) == _without_nulls(sdk)


def test_the_filters_are_those_of_the_sdks_export() -> None:
    accepted = set(
        re.findall(r'asset_filter_kwargs\.pop\("(\w+)"', inspect.getsource(tools.fetch_assets))
    )

    # The SDK's client turns names of steps into ids before its export sees them.
    assert set(FILTERS) == accepted | {"step_name_in"} == set(SAMPLES) | {"step_name_in"}


def test_every_filter_has_a_condition() -> None:
    conditions = ASSET_CONDITIONS.keys() | LABEL_CONDITIONS.keys() | ISSUE_CONDITIONS.keys()

    assert conditions == (FILTERS.keys() | {"label_type_in"}) - {"step_name_in"}
