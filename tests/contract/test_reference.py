"""The pages of docs/reference say what the code does."""

from pathlib import Path

import pytest
import yaml

from devtools.docs.__main__ import REFERENCE, main, stale_pages
from devtools.docs.blocks import BLOCKS
from devtools.docs.pages import block_names
from kili_export.contracts.registration import parse_registration
from kili_export.domain.formats.registry import FORMATS
from tests.markdown_blocks import fenced

PAGES = sorted(REFERENCE.glob("*.md"))


def test_no_generated_block_is_stale() -> None:
    assert [path.name for path, _ in stale_pages(REFERENCE)] == [], "run: make docs"


def test_every_block_is_on_one_page() -> None:
    shown = [name for page in PAGES for name in block_names(page.read_text(encoding="utf-8"))]
    assert sorted(shown) == sorted(BLOCKS)


def test_a_stale_page_is_found_and_brought_up_to_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devtools.docs.__main__.REFERENCE", tmp_path)
    page = tmp_path / "page.md"
    page.write_text("<!-- generated: exit-statuses -->\nold\n<!-- /generated -->\n")
    assert main(["--check"]) == 1
    assert "old" in page.read_text()
    assert main([]) == 0
    assert "| `0` |" in page.read_text()
    assert main(["--check"]) == 0


def test_the_sample_of_exports_can_be_registered() -> None:
    [sample] = fenced((REFERENCE / "configuration.md").read_text(encoding="utf-8"), "yaml")
    registration = parse_registration(yaml.safe_load(sample), FORMATS)
    assert [export.name for export in registration.exports] == ["yolo", "raw"]
