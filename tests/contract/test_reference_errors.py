"""docs/reference/errors.md shows the tree of errors, and what matches each of them."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from devtools.docs.sources import ROOT
from kili_export.cli.main import _code
from kili_export.core import errors
from kili_export.core.errors import ExportError
from tests.support.markdown_blocks import fenced

PAGE = (ROOT / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")
ROWS = {
    row[0].strip("`"): row
    for line in PAGE.splitlines()
    if len(row := [cell.strip() for cell in line.strip("|").split("|")]) == 4
    and row[0].startswith("`")
}


def tree(root: type[ExportError], depth: int = 0) -> Iterator[tuple[int, str]]:
    yield depth, root.__name__
    for child in root.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from tree(child, depth + 1)


def workflow() -> Any:
    text = (ROOT / "statemachine" / "export.asl.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)["States"]


def matched(rules: list[dict[str, Any]]) -> set[str]:
    return {name for rule in rules for name in rule["ErrorEquals"] if hasattr(errors, name)}


def test_the_tree_is_the_one_of_the_code() -> None:
    [drawn] = fenced(PAGE, "text")
    shown = [
        (len(re.findall("[│├└]", line)), re.sub(r"\W", "", line)) for line in drawn.splitlines()
    ]
    assert sorted(shown) == sorted(tree(ExportError))


def test_every_error_is_explained() -> None:
    assert ROWS.keys() == {name for _, name in tree(ExportError)}


@pytest.mark.parametrize("name", ROWS)
def test_the_exit_status_is_that_of_the_command_line(name: str) -> None:
    kind: type[ExportError] = getattr(errors, name)
    error = kind.__new__(kind)
    assert ROWS[name][3] == str(int(_code(error)))


def test_what_the_workflow_retries_and_what_blames_no_asset_is_marked() -> None:
    states = workflow()
    batch = states["ConvertAssets"]["ItemProcessor"]["States"]["ConvertBatch"]
    retried = matched(batch["Retry"])
    blameless = matched(batch["Catch"])
    assert retried == matched(states["PlanExport"]["Retry"])
    assert {name for name, row in ROWS.items() if row[2] == "retried"} == retried
    assert {name for name, row in ROWS.items() if row[2] == "batch fails"} == blameless - retried
