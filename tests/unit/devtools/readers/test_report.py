"""The table shows every cell, and says in words what is not right."""

import json

from devtools.readers.judging import Cell, Outcome
from devtools.readers.report import Report

CELLS = [
    Cell("unzip", "small", Outcome.RIGHT, seconds=0.125),
    Cell("7z", "small", Outcome.WRONG, "status 0, and of 3 files 1 missing ('a|b')"),
    Cell("unar", "small", Outcome.MISSING, "`unar` is not on the path"),
    Cell("unzip", "4 GiB", Outcome.LIMITED, "no ZIP64 at all (status 1)", label="no ZIP64"),
    Cell("unar", "4 GiB", Outcome.MISSING, "`unar` is not on the path"),
]
KINDS = {"small": "a few files", "4 GiB": "pictures"}


def report(cells: list[Cell]) -> Report:
    return Report(cells, KINDS, {"unzip": "6.0"})


def test_the_table_is_aligned_and_followed_by_what_is_not_right() -> None:
    assert report(CELLS).table().splitlines() == [
        "reader  version  small    4 GiB",
        "----------------------------------",
        "unzip   6.0      ok       no ZIP64",
        "7z               WRONG    -",
        "unar             missing  missing",
        "",
        "Wrong:",
        "  7z, small: status 0, and of 3 files 1 missing ('a|b')",
        "Limits of the readers:",
        "  unzip, 4 GiB: no ZIP64 at all (status 1)",
        "Not on this machine:",
        "  unar: `unar` is not on the path",
        "5 cells: 1 right, 1 beyond a reader's limits, 1 wrong, 2 not tried.",
    ]


def test_a_wrong_cell_makes_the_report_wrong_and_a_missing_reader_does_not() -> None:
    assert report(CELLS).wrong
    assert not report([cell for cell in CELLS if cell.outcome is not Outcome.WRONG]).wrong


def test_the_document_has_the_same_cells() -> None:
    text = report(CELLS).markdown()
    assert text.startswith("# Which readers open the archives\n")
    assert "| reader | version | small | 4 GiB |\n| --- | --- | --- | --- |\n" in text
    assert "| unzip | 6.0 | ok | no ZIP64 |\n" in text
    assert "- **small**: a few files\n" in text
    assert "- **4 GiB**, unzip: no ZIP64 at all\n" in text


def test_the_document_names_readers_that_hide_their_limit() -> None:
    """Limits that several readers share stand in one line."""
    seen = {"7z": "0, and of 9 files 2 missing", "unar": "1", "unzip": "1"}
    cells = [
        Cell(name, "4 GiB", Outcome.LIMITED, f"no ZIP64 (status {status})", label="no")
        for name, status in seen.items()
    ]
    text = report(cells).markdown()
    assert "- **4 GiB**, unar, unzip: no ZIP64\n" in text
    assert (
        "- **4 GiB**, 7z: no ZIP64. It ends with status 0 all the same, with files missing\n"
        in text
    )


def test_programs_read_json() -> None:
    told = json.loads(report(CELLS).document())
    assert told["cells"][0] == {
        "reader": "unzip",
        "version": "6.0",
        "kind": "small",
        "outcome": "right",
        "detail": "",
        "seconds": 0.12,
    }
    counts = {outcome.value: told[outcome.value] for outcome in Outcome}
    assert counts == {"right": 1, "limited": 1, "wrong": 1, "missing": 2}
    assert len(told["cells"]) == len(CELLS)
