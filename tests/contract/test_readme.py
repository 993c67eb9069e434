"""The README says what is."""

import re
from pathlib import Path

import pytest
import yaml

from kili_export.cli.arguments import parser
from kili_export.formats.registry import FORMATS
from kili_export.registration.declaration import parse_registration
from kili_export.wiring.settings import VARIABLES

README = (Path(__file__).parents[2] / "README.md").read_text()


def variables_table() -> str:
    rows = ["| variable | meaning | default |", "|---|---|---|"]
    for variable in VARIABLES:
        default = "required" if variable.default is None else f"`{variable.default}`"
        unit = f" {variable.unit}" if variable.unit and variable.default is not None else ""
        unit = "" if variable.unit == "URL" else unit
        rows.append(f"| `{variable.name}` | {variable.meaning} | {default}{unit} |")
    return "\n".join(rows)


def test_the_table_of_variables_is_that_of_the_settings() -> None:
    found = re.search(r"<!-- variables -->\n(.*)\n<!-- /variables -->", README, re.DOTALL)
    assert found is not None
    assert found[1] == variables_table()


def test_the_sample_of_exports_can_be_registered() -> None:
    found = re.search(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert found is not None
    registration = parse_registration(yaml.safe_load(found[1]), FORMATS)
    assert [export.name for export in registration.exports] == ["yolo", "raw"]


@pytest.mark.parametrize(
    "command", sorted(set(re.findall(r"kili-export ([a-z]+(?: [a-z]+)? ?[A-Z_]*)", README)))
)
def test_every_command_that_is_shown_exists(command: str) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args([*re.findall(r"[a-z]+", command), "--help"])
    assert ended.value.code == 0
