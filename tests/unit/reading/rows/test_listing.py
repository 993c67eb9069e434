"""The use cases: what is refused before anything is asked for, what is told of each page."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from kili_export.core.errors import IncompatibleProject, InvalidConfiguration
from kili_export.core.project import Project
from kili_export.reading.rows.field_selection import FieldSelection
from kili_export.reading.rows.kili_rows import RowPage
from kili_export.reading.rows.label_choice import LabelChoice
from kili_export.reading.rows.list_assets import AssetLabels, AssetListing, list_assets
from kili_export.reading.rows.list_labels import LabelListing, list_labels
from kili_export.reading.rows.listed_lines import LineBatch
from tests.support.kili_samples import answers, asset, box, job, label, project


@dataclass
class FakeRows:
    """A Kili with these pages, which notes what it is asked for."""

    held: Project
    pages: list[RowPage] = field(default_factory=list)
    asked: list[FieldSelection] = field(default_factory=list)
    filters: Mapping[str, Any] = field(default_factory=dict)
    choice: LabelChoice | None = None

    def project(self, project_id: str) -> Project:
        assert project_id == self.held.project_id
        return self.held

    def find_assets(self, project_id: str, filters: Mapping[str, Any]) -> list[str]:
        return self._found(project_id, filters)

    def find_labels(
        self, project_id: str, filters: Mapping[str, Any], choice: LabelChoice
    ) -> list[str]:
        self.choice = choice
        return self._found(project_id, filters)

    def iter_assets(
        self, project: Project, asset_ids: Sequence[str], fields: FieldSelection
    ) -> Iterator[RowPage]:
        assert (project, list(asset_ids)) == (self.held, self._ids())
        self.asked.append(fields)
        return iter(self.pages)

    iter_labels = iter_assets

    def _found(self, project_id: str, filters: Mapping[str, Any]) -> list[str]:
        assert project_id == self.held.project_id
        self.filters = filters
        return self._ids()

    def _ids(self) -> list[str]:
        return [one for page in self.pages for one in [*page.rows, *page.failed, *page.gone]]


def _kili(input_type: str = "IMAGE", **more: Any) -> FakeRows:
    return FakeRows(project({"JOB": job(["CAR"])}, input_type, **more))


def _all(batches: Iterator[LineBatch]) -> list[LineBatch]:
    return list(batches)


def test_each_page_tells_how_far_the_listing_is() -> None:
    kili = _kili()
    kili.pages = [
        RowPage({"a": {"id": "a"}, "b": {"id": "b"}}, {"c": "why"}),
        RowPage({}, {}, ("d",)),
        RowPage({"e": {"id": "e"}}),
    ]
    first, second, third = _all(list_assets(kili, AssetListing("proj1", ("id",))))

    assert [(one.done, one.total) for one in (first, second, third)] == [(3, 5), (4, 5), (5, 5)]
    assert first.lines == ({"id": "a"}, {"id": "b"})
    assert (first.failed, second.gone) == ({"c": "why"}, ("d",))


@pytest.mark.parametrize(
    ("labels", "lines"), [("LATEST", ["one"]), ("LAST_STEP", ["one"]), ("ALL", ["two", "one"])]
)
def test_the_labels_that_were_wanted_are_taken_apart(labels: str, lines: list[str]) -> None:
    one = label(answers(JOB=[box("CAR", 0, 0, 1, 1)]), id="one")
    two = label(answers(JOB=[box("CAR", 0, 0, 1, 1)]), id="two")
    row = asset(1, "a.png", latestLabel=one, latestLabels=[None, one], labels=[two, one])
    kili = _kili()
    kili.pages = [RowPage({"as_1": row})]
    listing = AssetListing("proj1", parsed=AssetLabels[labels])
    (batch,) = _all(list_assets(kili, listing))

    assert [line["labelId"] for line in batch.lines] == lines
    assert AssetLabels[labels].value in kili.asked[0].objects


def test_an_asset_without_a_label_gives_no_lines() -> None:
    kili = _kili()
    kili.pages = [RowPage({"as_1": asset(1, "a.png")})]
    (batch,) = _all(list_assets(kili, AssetListing("proj1", parsed=AssetLabels.LATEST)))

    assert (batch.lines, batch.done) == ((), 1)


@pytest.mark.parametrize(
    ("input_type", "wanted", "unwanted"),
    [
        ("IMAGE", {"resolution", "jsonContent"}, "pageResolutions"),
        ("VIDEO", {"resolution"}, "jsonContent"),
        ("PDF", {"pageResolutions"}, "resolution"),
        ("GEOSPATIAL", {"geospatialExportMetadata"}, "jsonContent"),
    ],
)
def test_what_tells_sizes_is_asked_for_and_nothing_else(
    input_type: str, wanted: set[str], unwanted: str
) -> None:
    kili = _kili(input_type)
    _all(list_assets(kili, AssetListing("proj1", parsed=AssetLabels.LATEST)))
    _all(list_labels(kili, LabelListing("proj1", parsed=True)))
    of_assets, of_labels = kili.asked[0], kili.asked[1].objects["labelOf"]

    for fields in (of_assets, of_labels):
        assert wanted <= set(fields.order)
        assert unwanted not in fields.order


@pytest.mark.parametrize("input_type", ["LLM_STATIC", "LLM_INSTR_FOLLOWING"])
def test_contents_that_would_come_empty_are_refused(input_type: str) -> None:
    for listing in (AssetListing("proj1"), AssetListing("proj1", parsed=AssetLabels.ALL)):
        with pytest.raises(IncompatibleProject, match="other fields than jsonResponse"):
            _all(list_assets(_kili(input_type), listing))
    with pytest.raises(IncompatibleProject):
        _all(list_labels(_kili(input_type), LabelListing("proj1")))
    assert _all(list_labels(_kili(input_type), LabelListing("proj1", ("id",)))) == []


def test_the_last_step_of_a_project_without_steps_is_refused() -> None:
    kili = _kili(workflow_version="V1")
    with pytest.raises(InvalidConfiguration, match="no workflow steps"):
        _all(list_assets(kili, AssetListing("proj1", parsed=AssetLabels.LAST_STEP)))


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"status": ["TODO"]}, "'status' is no filter"),
        ({"asset_id_in": []}, "asset_id_in must not be empty"),
        ({"consensus_mark_gte": float("nan")}, "consensus_mark_gte must be a number"),
        ({"step_id_in": ["s"], "step_name_in": ["n"]}, "select the same"),
        ({"label_type_in": ["DONE"]}, "which is none of AUTOSAVE"),
    ],
    ids=str,
)
def test_a_filter_of_assets_that_cannot_be_is_refused(filters: Any, message: str) -> None:
    with pytest.raises(InvalidConfiguration, match=message):
        _all(list_assets(_kili(), AssetListing("proj1", ("id",), filters)))


def test_steps_of_labels_are_named_in_one_way() -> None:
    filters = {"asset_step_id_in": ["s"], "asset_step_name_in": ["n"]}
    with pytest.raises(InvalidConfiguration, match="select the same"):
        _all(list_labels(_kili(), LabelListing("proj1", ("id",), filters)))


def test_the_choice_and_the_filters_reach_kili() -> None:
    kili = _kili()
    choice = LabelChoice.LATEST_PER_ANNOTATOR
    _all(list_labels(kili, LabelListing("proj1", ("id",), {"author_in": ["a"]}, choice)))

    assert (kili.filters, kili.choice) == ({"author_in": ["a"]}, choice)
