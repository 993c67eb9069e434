"""The table of what is corrected names tests that there are, and its sample is one that works."""

import re
from pathlib import Path

import pytest
import yaml

from kili_export.archives.loss_report.report_document import LossReport
from kili_export.core.export_options import Compatibility, Split
from kili_export.formats.registry import FORMATS
from kili_export.registration.parse_registration import parse_registration

ROOT = Path(__file__).resolve().parents[4]
TEXT = (ROOT / "docs" / "reference" / "compatibility.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in TEXT.splitlines()
    if line.startswith("| ") and not line.startswith("| Row")
]


def test_rows_are_named_once() -> None:
    names = [row[0] for row in ROWS]
    assert sorted(set(names)) == sorted(names)
    assert len(names) > 10


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_every_row_has_a_test(row: list[str]) -> None:
    path, _, name = row[-1].strip("`").partition("::")
    source = (ROOT / path).read_text(encoding="utf-8")
    assert re.search(rf"(?m)^def {name}\(", source), f"{path} has no {name}"


def test_the_sample_can_be_registered() -> None:
    [sample] = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    [export] = parse_registration(yaml.safe_load(sample), FORMATS).exports

    assert export.compatibility is Compatibility.CORRECTED
    assert export.to_options().split == Split(0.8, 0.1, 0.1, "site")


def test_the_sample_of_a_report_is_one() -> None:
    [sample] = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
    assert LossReport.from_bytes(sample.encode()).assets[0].losses[0].where
