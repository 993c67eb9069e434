"""The table of differences in the documentation is the one that comparisons go by."""

import re
from pathlib import Path

import pytest

from devtools.parity.combinations import Combination
from devtools.parity.comparison import Finding, Verdict
from devtools.parity.differences import DIFFERENCES, explanation, sound_sides
from devtools.parity.projects import parity_projects

ROOT = Path(__file__).resolve().parents[4]
TABLE = (ROOT / "docs" / "reference" / "differences.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in TABLE.splitlines()
    if line.startswith("| ") and not line.startswith("| Row")
]


def test_rows_that_a_comparison_shows_are_marked_in_the_table() -> None:
    marked = {row[0].removesuffix(" *parity*") for row in ROWS if row[0].endswith("*parity*")}
    assert marked == DIFFERENCES.keys()


def test_rows_are_named_once() -> None:
    names = [row[0].removesuffix("*parity*").strip() for row in ROWS]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_every_row_has_a_test(row: list[str]) -> None:
    path, _, name = row[-1].strip("`").partition("::")
    source = (ROOT / path).read_text(encoding="utf-8")
    assert re.search(rf"(?m)^def {name}\(", source), f"{path} has no {name}"


def test_every_row_is_shown_by_a_project() -> None:
    assert {row for project in parity_projects() for row in project.rows} == DIFFERENCES.keys()


NEVER = r"(?!)"
KILI, COCO = Combination("kili"), Combination("coco")


@pytest.mark.parametrize(
    ("rows", "combination", "given", "expected"),
    [
        pytest.param(("23",), COCO, {"failure": "KeyError: 'J__LORRY'"}, "23", id="failure"),
        pytest.param(("23",), KILI, {"failure": "KeyError: 'J__LORRY'"}, None, id="other format"),
        pytest.param(("23",), COCO, {"failure": "TypeError: LORRY"}, None, id="other failure"),
        pytest.param((), COCO, {"failure": "KeyError: 'J__LORRY'"}, None, id="other project"),
        pytest.param(("unknown",), KILI, {"refusal": "must be one of"}, "unknown", id="refusal"),
        pytest.param(("unknown",), KILI, {"failure": "must be one of"}, None, id="no refusal"),
        pytest.param(("23", "2"), COCO, {"refusal": "no"}, None, id="unknown refusal"),
    ],
)
def test_a_row_explains_what_it_names_and_nothing_else(
    rows: tuple[str, ...],
    combination: Combination,
    given: dict[str, str],
    expected: str | None,
) -> None:
    assert explanation(rows, combination, **given) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("path", "expected"), [("labels/both.mp4.json", "22"), ("labels/a.json", None)]
)
def test_a_row_explains_the_files_that_it_names(path: str, expected: str | None) -> None:
    finding = Finding(path, Verdict.DIFFERENT)
    assert explanation(("22",), KILI, finding=finding) == expected


@pytest.mark.parametrize(
    "row", [row for row, one in DIFFERENCES.items() if one.files.pattern != NEVER]
)
def test_what_a_row_leaves_of_a_file_is_compared_too(row: str) -> None:
    assert (DIFFERENCES[row].reading is None) == bool(sound_sides([row]))


def test_rows_of_one_sound_project_are_compared_with_it_once() -> None:
    assert len(sound_sides(["14", "20", "22", "corrected 13"])) == 1
