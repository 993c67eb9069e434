"""The pages of docs/reference say what the code does."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from devtools.docs.__main__ import REFERENCE, main, stale_pages
from devtools.docs.blocks import BLOCKS
from devtools.docs.pages import block_names
from kili_export.archives.delta_document import ChangedAssets, ChangedMember, Delta, RemovedMember
from kili_export.archives.manifest import DeltaReference, Manifest
from kili_export.archives.purged_export import PurgedExport, parse_published
from kili_export.core.document import Document
from kili_export.formats.registry import FORMATS
from kili_export.registration.parse_registration import parse_registration
from kili_export.runs.announcements import AssetsQuarantined, ExportFailed, ExportPublished
from tests.support.markdown_blocks import fenced

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


MANIFEST_PAGE = (REFERENCE / "manifest.md").read_text(encoding="utf-8")
INTERNAL = {"options", "spending", "ledger", "regions", "next_ids", "recent_removals"}
"""Fields of the manifest that one row explains with everything in them."""


def tables(text: str) -> list[set[str]]:
    """The names in the first column of each table of fields, table by table."""
    found = []
    for table in re.findall(r"\| field[^\n]*\n\|-[^\n]*\n((?:\|.*\n)+)", text):
        cells = [line.split("|")[1] for line in table.splitlines()]
        found.append({name for cell in cells for name in re.findall(r"`([^`]+)`", cell)})
    return found


def paths(value: Any, prefix: str = "") -> Iterator[str]:
    """The dotted paths of a document, entries of lists as `name[]`."""
    for name, inner in value.items():
        path = f"{prefix}{name}"
        yield path
        entry, mark = (inner[0], "[].") if isinstance(inner, list) and inner else (inner, ".")
        if isinstance(entry, Mapping):
            yield from paths(entry, path + mark)


def without_internals(found: Iterable[str]) -> set[str]:
    """Paths but for those that lie within something that one row explains."""
    plain = {
        "moved.requests.",
        "deltas[].",
        "recent_deltas[].",
        *(f"{one}{mark}" for one in INTERNAL for mark in (".", "[].")),
    }
    return {path for path in found if not path.startswith(tuple(plain))}


def test_the_sample_of_a_manifest_has_every_field() -> None:
    sample, *_ = map(json.loads, fenced(MANIFEST_PAGE, "json"))
    manifest = Manifest.model_validate(sample)
    assert list(paths(sample)) == list(paths(manifest.model_dump(mode="json")))
    for some in (manifest.deltas, manifest.recent_deltas, manifest.quarantined, manifest.classes):
        assert some


def test_every_field_of_a_manifest_is_explained() -> None:
    sample, *_ = map(json.loads, fenced(MANIFEST_PAGE, "json"))
    fields, of_deltas, _ = tables(MANIFEST_PAGE)
    assert fields == without_internals(paths(sample))
    assert of_deltas == DeltaReference.model_fields.keys()


def test_the_sample_of_a_delta_has_every_field_and_each_is_explained() -> None:
    _, sample, _ = map(json.loads, fenced(MANIFEST_PAGE, "json"))
    delta = Delta.model_validate(sample)
    *_, explained = tables(MANIFEST_PAGE)
    assert sample.keys() == Delta.model_fields.keys()
    assert sample["assets"].keys() == ChangedAssets.model_fields.keys()
    files = {*sample["added"][0], *sample["changed"][0]}
    assert files == ChangedMember.model_fields.keys()
    assert sample["removed"][0].keys() == RemovedMember.model_fields.keys()
    assert all(one.digest for one in (*delta.added, *delta.changed))
    top = {name for name in explained if "." not in name}
    assert top == Delta.model_fields.keys()
    assert {name.partition(".")[2] for name in explained} - {""} == files


def test_the_sample_of_a_tombstone_has_every_field() -> None:
    *_, sample = map(json.loads, fenced(MANIFEST_PAGE, "json"))
    tombstone = parse_published(json.dumps(sample).encode())
    assert isinstance(tombstone, PurgedExport)
    assert list(sample) == list(PurgedExport.model_fields)


EVENTS_PAGE = (REFERENCE / "events.md").read_text(encoding="utf-8")
CONSUMERS = REFERENCE.parents[1] / "events" / "consumers"


@pytest.mark.parametrize(
    ("number", "name", "model"),
    [
        (0, "export_published", ExportPublished),
        (1, "export_failed", ExportFailed),
        (2, "assets_quarantined", AssetsQuarantined),
    ],
)
def test_the_samples_of_events_are_those_of_the_contract_and_every_field_is_explained(
    number: int, name: str, model: type[Document]
) -> None:
    sample = json.loads(fenced(EVENTS_PAGE, "json")[number])
    assert sample == json.loads((CONSUMERS / f"{name}.json").read_text(encoding="utf-8"))
    assert sample["detail"].keys() == tables(EVENTS_PAGE)[number] == model.model_fields.keys()
