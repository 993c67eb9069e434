"""The benchmark of growth, on a project of a few files."""

import json
from pathlib import Path

import pytest

from devtools.bench.growth.__main__ import main

pytestmark = pytest.mark.slow


def test_a_small_archive_is_measured_whole_and_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, picture = tmp_path / "growth.md", tmp_path / "growth.svg"
    status = main(["--size", "60", "--write", str(page), "--chart", str(picture), "--json"])
    [size] = json.loads(capsys.readouterr().out)["sizes"]
    assert status == 0
    assert size["full"]["status"] == size["change"]["status"] == "committed"
    assert size["change"]["members"] == size["full"]["members"] > 60
    assert 0 < size["change"]["spent"]["seconds"] < size["full"]["spent"]["seconds"] + 60
    assert "| 60 |" in page.read_text()
    assert picture.read_text().startswith("<svg")
