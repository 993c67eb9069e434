"""Filters that a project's workflow has not are refused, as the SDK refuses them."""

import warnings
from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest
from kili.domain.asset.helpers import check_asset_workflow_arguments

from kili_export.core.errors import IncompatibleProject
from kili_export.core.export_options import ExportOptions
from kili_export.formats.registry import FORMATS
from tests.support.kili_samples import job, project

FILTERS: dict[str, Any] = {
    "group_name_in": ["g"],
    "group_name_not_in": ["g"],
    "skipped": True,
    "status_in": ["LABELED"],
    "step_id_in": ["s"],
    "step_name_in": ["s"],
    "step_status_in": ["DONE"],
}
CHECKED_BY_EXPORTS = ("skipped", "status_in", "step_name_in", "step_status_in")
"""What the SDK's `export_labels` gives its check, which knows more."""
NAMES = [some for count in range(4) for some in combinations(FILTERS, count)]


def refused_by_the_sdk(version: Any, names: tuple[str, ...]) -> bool:
    given: Any = {name: FILTERS[name] for name in names if name in CHECKED_BY_EXPORTS}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            check_asset_workflow_arguments(version, given)
        except ValueError:
            return True
    return False


@pytest.mark.parametrize("version", ["V1", "V2", "V3"])
def test_the_filters_that_the_sdk_refuses_are_refused(version: str) -> None:
    sample = replace(project({"CARS": job(["BIG"])}), workflow_version=version)
    for names in NAMES:
        options = ExportOptions(format="kili", filters={name: FILTERS[name] for name in names})
        try:
            FORMATS["kili"].check(sample, options)
            refused = False
        except IncompatibleProject:
            refused = True
        assert refused == refused_by_the_sdk(version, names), names
