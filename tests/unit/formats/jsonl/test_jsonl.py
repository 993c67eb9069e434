"""JSON lines: boxes, pages, losses, and what JSON has no form for."""

import json
from typing import Any

import pytest

from kili_export.core.asset import FetchedAsset
from kili_export.core.errors import IncompatibleProject
from kili_export.core.export_options import Authors, ExportOptions, ExportType, Layout
from kili_export.formats.common.format import ExportContext
from kili_export.formats.registry import CORRECTED, FORMATS, format_of
from kili_export.steps.conversion.author_pseudonyms import with_authors
from tests.support.archive_of import DATED, archive_of, losses_of
from tests.support.kili_samples import (
    Json,
    answers,
    asset,
    box,
    fetched,
    job,
    label,
    project,
    ring,
    shape,
)

OPTIONS = ExportOptions("jsonl")
JOBS = {
    "J": job({"CAR": {"name": "A car"}}),
    "TEXT": job({}, None, "TRANSCRIPTION"),
    "FILE": job({}, None, "FILE"),
}
SIZE = {"resolution": {"width": 1000, "height": 400}}


def read(files: dict[str, bytes], name: str) -> list[Json]:
    return [json.loads(line) for line in files[f"{name}/{name}.jsonl"].decode().splitlines()]


def lines_of(response: Any, input_type: str = "IMAGE", **more: Any) -> list[Json]:
    held = fetched(asset(1, "d/a.jpg", label(response), **{**SIZE, **more}))
    return read(archive_of(project(JOBS, input_type), [held], OPTIONS), "annotations")


def drawn(held: Any, **more: Any) -> Json:
    (line,) = lines_of(answers(J=[held]), **more)
    return line


@pytest.mark.parametrize(
    ("held", "bbox", "pixels"),
    [
        (box("CAR", 0.25, 0.5, 0.75, 1), [0.25, 0.5, 0.5, 0.5], [250.0, 200.0, 500.0, 200.0]),
        (
            shape("semantic", "CAR", ring((0, 0), (0.5, 0), (0.5, 0.5)), ring((0.1, 0.1))),
            [0.0, 0.0, 0.5, 0.5],
            [0.0, 0.0, 500.0, 200.0],
        ),
        ({"type": "marker", "point": {"x": 0.5, "y": 0.25}}, [0.5, 0.25, 0, 0], [500, 100, 0, 0]),
        (
            {"type": "polyline", "polyline": [{"x": 0.5, "y": 1}, {"x": 0.25, "y": 0}]},
            [0.25, 0.0, 0.25, 1.0],
            [250.0, 0.0, 250.0, 400.0],
        ),
        (
            {"type": "pose", "points": [{"code": "A", "point": {"x": 0.5, "y": 1}}, {"code": "B"}]},
            [0.5, 1.0, 0.0, 0.0],
            [500.0, 400.0, 0.0, 0.0],
        ),
        ({"type": "rectangle", "mid": "bare"}, None, None),
        (shape("polygon", "CAR", ring((0.5, "a"), (0.5, 1), (1, 1))), None, None),
    ],
)
def test_a_box_is_around_all_that_is_drawn(held: Json, bbox: Any, pixels: Any) -> None:
    line = drawn(held)
    assert (line["bbox"], line["bboxPixels"], line["page"]) == (bbox, pixels, None)


def test_pixels_are_not_known_without_a_size() -> None:
    line = drawn(box("CAR", 0.25, 0.5, 0.75, 1), resolution=None)
    assert (line["bbox"], line["bboxPixels"]) == ([0.25, 0.5, 0.5, 0.5], None)


def test_a_turned_view_is_turned_back_in_fractions_and_pixels_alike() -> None:
    turned = {**answers(J=[box("CAR", 0, 0, 0.25, 0.5)]), "ROTATION_JOB": {"rotation": 90}}
    (line,) = lines_of(turned)
    assert line["bbox"] == [0.0, 0.75, 0.5, 0.25]
    assert line["bboxPixels"] == [0.0, 300.0, 500.0, 100.0]
    assert line["rotation"] is None


@pytest.mark.parametrize(
    ("pages", "page", "bbox"), [([2, 2], 2, [0.0, 0.0, 0.5, 0.5]), ([1, 2], None, None)]
)
def test_a_document_has_the_box_of_its_one_page(
    pages: list[int], page: int | None, bbox: Any
) -> None:
    corners = ring((0, 0), (0.5, 0.5))
    held = {"annotations": [{"boundingPoly": [corners, corners], "pageNumberArray": pages}]}
    sizes = [{"pageNumber": number, "width": 10 * number, "height": 20} for number in (1, 2)]
    (line,) = lines_of(answers(J=[held]), "PDF", resolution=None, pageResolutions=sizes)
    pixels = None if bbox is None else [0.0, 0.0, 10.0, 10.0]
    assert (line["page"], line["bbox"], line["bboxPixels"]) == (page, bbox, pixels)
    assert [one["pageNumber"] for one in line["geometry"]["positions"]] == pages


@pytest.mark.parametrize(
    ("response", "problem"),
    [
        (answers(GONE=[box("CAR", 0, 0, 1, 1, mid="m")]), "the interface has no job GONE"),
        (answers(J=[box("BUS", 0, 0, 1, 1, mid="m")]), "job J has no category BUS"),
        (answers(J=[{"mid": "m", "depth": 3, "empty": {}}]), "a line does not hold its depth"),
        (
            answers(J=[{"mid": "m", "children": {"TEXT": {"text": "x", "voice": "y"}}}]),
            "a line does not hold its voice",
        ),
        (
            answers(J=[{"mid": "m", "categories": [{"name": "CAR", "children": {"TEXT": 3}}]}]),
            "the answer to its child TEXT is no object",
        ),
    ],
)
def test_what_a_line_cannot_hold_is_counted(response: Json, problem: str) -> None:
    held = fetched(asset(1, "a.jpg", label(response)))
    files = archive_of(project(JOBS), [held], OPTIONS)
    assert problem.encode() in files["annotations/annotations.jsonl"]
    (loss,) = losses_of(project(JOBS), held, OPTIONS)
    assert "problems" in loss.reason
    assert loss.where.endswith("/m")


def test_what_is_whole_loses_nothing() -> None:
    held = fetched(asset(1, "a.jpg", label(answers(J=[box("CAR", 0, 0, 1, 1)]))))
    assert losses_of(project(JOBS), held, OPTIONS) == []


@pytest.mark.parametrize(
    ("text", "expected"), [("half \ud800", "half ?"), (10**30, 10**30), (float("nan"), None)]
)
def test_each_line_is_json_whatever_an_answer_holds(text: Any, expected: Any) -> None:
    (line,) = lines_of({"TEXT": {"text": text}})
    assert line["text"] == expected


def test_line_separators_of_other_alphabets_end_no_line() -> None:
    held = fetched(asset(1, "a.jpg", label({"TEXT": {"text": "a\u2028b\u0085c\nd"}})))
    data = archive_of(project(JOBS), [held], OPTIONS)["annotations/annotations.jsonl"]
    assert data.count(b"\n") == 1
    assert json.loads(data)["text"] == "a\u2028b\u0085c\nd"


def test_an_asset_without_annotations_is_a_line_of_assets_alone() -> None:
    held = fetched(asset(1, "a.jpg", label({}), **SIZE, jsonMetadata={"site": "x"}))
    files = archive_of(project(JOBS), [held], OPTIONS)
    assert files["annotations/annotations.jsonl"] == b""
    (line,) = read(files, "assets")
    assert (line["assetId"], line["width"], line["height"]) == (held.asset_id, 1000, 400)
    assert (line["media"], line["metadata"]) == (None, {"site": "x"})
    assert [one["annotations"] for one in line["labels"]] == [0]


def test_each_label_has_lines_of_its_own() -> None:
    one = label(answers(J=[box("CAR", 0, 0, 1, 1)]), id="l1")
    other = label(answers(J=[box("CAR", 0, 0, 1, 1)] * 2), id="l2", labelType="REVIEW")
    options = ExportOptions("jsonl", export_type=ExportType.NORMAL)
    files = archive_of(project(JOBS), [fetched(asset(1, "a", one, other))], options)
    found = [(line["labelId"], line["labelType"]) for line in read(files, "annotations")]
    assert found == [("l1", "DEFAULT"), ("l2", "REVIEW"), ("l2", "REVIEW")]
    (line,) = read(files, "assets")
    assert [(of["labelId"], of["annotations"]) for of in line["labels"]] == [("l1", 1), ("l2", 2)]


@pytest.mark.parametrize("authors", Authors)
def test_authors_are_written_as_the_export_says(authors: Authors) -> None:
    options = ExportOptions("jsonl", authors=authors)
    writer = format_of(options)
    context = _context(options)
    selected = writer.select(_asset(), context)
    assert selected is not None
    converted = writer.convert(with_authors(selected, authors, "00" * 32), context)
    written = {
        one["author"]
        for fragment in converted.fragments
        for line in [json.loads(fragment.template[0])]  # type: ignore[arg-type]
        for one in line.get("labels", [line])
    }
    if authors is Authors.KEEP:
        assert written == {"a@b.c"}
    elif authors is Authors.OMIT:
        assert written == {None}
    else:
        (pseudonym,) = written
        assert pseudonym.endswith("@authors.invalid")


def _asset() -> FetchedAsset:
    return fetched(asset(1, "d/a.jpg", label(answers(J=[box("CAR", 0, 0, 1, 1)]))))


def _context(options: ExportOptions, input_type: str = "IMAGE") -> ExportContext:
    return ExportContext(project(JOBS, input_type), options, DATED)


def test_a_choice_between_fractions_and_pixels_is_refused() -> None:
    with pytest.raises(IncompatibleProject, match="leave normalized_coordinates out"):
        FORMATS["jsonl"].check(project(JOBS), ExportOptions("jsonl", normalized_coordinates=True))


def test_the_layout_and_the_compatibility_change_nothing() -> None:
    files = [
        archive_of(project(JOBS), [_asset()], ExportOptions("jsonl", layout)) for layout in Layout
    ]
    assert files[0] == files[1]
    assert FORMATS["jsonl"].version == CORRECTED["jsonl"].version


@pytest.mark.parametrize(
    ("json_content", "expected"),
    [
        ("", ["media/d/a-as_1.mp4"]),
        (
            {"0": "https://h/f0", "1": "https://h/f1"},
            ["media/d/a-as_1_000001.jpg", "media/d/a-as_1_000002.jpg"],
        ),
    ],
)
def test_videos_come_as_they_are_or_as_their_frames(json_content: Any, expected: list[str]) -> None:
    options = ExportOptions("jsonl", with_assets=True)
    address = {"jsonContent": "https://h/list.json", "content": ""} if json_content else {}
    made = asset(1, "d/a.mp4", label({}), **{"content": "https://h/a.mp4", **address})
    context = _context(options, "VIDEO")
    writer = format_of(options)
    selected = writer.select(fetched(made, json_content or None), context)
    assert selected is not None
    assert [request.path for request in writer.media(selected, context)] == expected


def test_files_of_answers_are_named_by_their_path() -> None:
    held = {"FILE": {"fileId": "f1", "fileName": "plan.pdf", "fileMimeType": "application/pdf"}}
    (line,) = lines_of(held)
    assert line["file"] == {
        "id": "f1",
        "name": "plan.pdf",
        "mimeType": "application/pdf",
        "path": "files/d/a-as_1/FILE_plan.pdf",
    }
