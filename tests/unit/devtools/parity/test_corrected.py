"""Comparing corrected archives shape by shape: what is equal, explained by a row, and different."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from devtools.parity.combinations import Combination
from devtools.parity.comparison import Finding, Verdict
from devtools.parity.corrected import CORRECTED_ROWS, Corrected
from devtools.parity.results import Judge, Result
from devtools.parity.sdk_side import _arguments

NAMES = b'nc: 1\nnames: ["J/A"]\n'
INSIDE = "0 0.5 0.5 0.2 0.2\n"
BEYOND = "0 0.95 0.5 0.2 0.2\n"
CUT = "0 0.925 0.5 0.15 0.2\n"
OUTLINE = "0 0.1 0.1 0.9 0.1 0.9 0.9\n"
HOLED = "0 0.1 0.1 0.9 0.1 0.9 0.9 0.5 0.5 0.6 0.5 0.6 0.6 0.5 0.5\n"
BOW_TIE = "0 0.1 0.1 0.9 0.9 0.9 0.1 0.1 0.9\n"
TRIANGLES = "0 0.1 0.1 0.5 0.5 0.1 0.9 0.1 0.1 0.5 0.5 0.9 0.1 0.9 0.9 0.5 0.5 0.1 0.1\n"
LINE = "0 0.1 0.1 0.5 0.5 0.9 0.9\n"
PICTURES = {"cl1": "a.jpg"}


def yolo_pair(mine: str, new: str, task: str = "detect") -> tuple[dict[str, bytes], ...]:
    ours = {
        f"{task}/data.yaml": NAMES,
        f"{task}/labels/train/a-cl1.txt": mine.encode(),
        f"{task}/images/train/a-cl1.jpg": b"picture",
    }
    return ours, {"data.yaml": NAMES, "labels/a.txt": new.encode()}


def only(findings: Sequence[Finding]) -> Finding:
    [finding] = findings
    return finding


def compared(
    format_name: str, ours: dict[str, bytes], theirs: dict[str, bytes], **more: Any
) -> list[Finding]:
    return list(Corrected(format_name, more.pop("names", PICTURES), **more).findings(ours, theirs))


@pytest.mark.parametrize(
    ("sizes", "row"), [({"cl1": (4, 4)}, "corrected 44"), ({"cl1": (40, 40)}, ""), ({}, "")]
)
@pytest.mark.parametrize(
    ("new", "task"),
    [("0 0.5 0.5 0.2 0.2\n", "detect"), ("0 0.4 0.4 0.6 0.4 0.5 0.6\n", "segment")],
)
def test_a_shape_is_thin_by_the_size_of_its_picture(
    sizes: dict[str, tuple[float, float]], row: str, new: str, task: str
) -> None:
    assert only(compared("yolo_v8", *yolo_pair("", new, task), sizes=sizes)).row == row


@pytest.mark.parametrize(
    ("mine", "new", "task", "row"),
    [
        (CUT, BEYOND, "detect", "corrected 44"),
        ("", "0 1.5 0.5 0.2 0.2\n", "detect", "corrected 44"),
        ("", "0 0.5 0.5 0.0 0.2\n", "detect", "corrected 44"),
        (HOLED, OUTLINE, "segment", "corrected 43"),
        (TRIANGLES, BOW_TIE, "segment", "corrected 44"),
        ("", LINE, "segment", "corrected 44"),
        ("0 0.5 0.7 0.1 0.2\n", "0 0.3 0.5 0.2 0.1\n", "detect", "corrected 13"),
    ],
)
def test_a_shape_that_needs_correction_is_explained_by_its_row(
    mine: str, new: str, task: str, row: str
) -> None:
    finding = only(compared("yolo_v8", *yolo_pair(mine, new, task)))
    assert (finding.verdict, finding.row) == (Verdict.DIFFERENT, row)
    assert row in CORRECTED_ROWS


@pytest.mark.parametrize(
    ("mine", "new", "task"),
    [
        ("", INSIDE, "detect"),
        (INSIDE, "", "detect"),
        (INSIDE * 2, INSIDE, "detect"),
        (CUT, INSIDE, "detect"),
        (CUT * 2, BEYOND, "detect"),
        ("", OUTLINE, "segment"),
        (CUT, BEYOND + INSIDE, "detect"),
        ("0 0.92 0.5 0.2 0.2\n", BEYOND, "detect"),
    ],
)
def test_a_shape_that_needs_none_must_be_there(mine: str, new: str, task: str) -> None:
    finding = only(compared("yolo_v8", *yolo_pair(mine, new, task)))
    assert (finding.verdict, finding.row) == (Verdict.DIFFERENT, "")
    assert finding.detail


def test_equal_shapes_are_equal_whatever_their_files_are_called() -> None:
    assert only(compared("yolo_v8", *yolo_pair(INSIDE, INSIDE))).verdict is Verdict.EQUAL


def test_names_that_collide_are_told_apart_in_ours_alone() -> None:
    ours, theirs = yolo_pair(INSIDE, "")
    findings = compared("yolo_v8", ours, theirs, names={"cl1": "a.jpg", "cl2": "a.png"})
    assert {one.row for one in findings} == {"corrected 30-32"}


def test_a_label_without_its_picture_is_different() -> None:
    ours, theirs = yolo_pair(INSIDE, INSIDE)
    del ours["detect/images/train/a-cl1.jpg"]
    [equal, missing] = compared("yolo_v8", ours, theirs, with_media=True)
    assert equal.verdict is Verdict.EQUAL
    assert "is not there" in missing.detail


def coco(name: str, *segments: list[float], box: tuple[int, ...] = (10, 10, 20, 20)) -> bytes:
    image = {"id": 3, "file_name": f"data/{name}", "width": 100, "height": 100}
    shape = {"id": 1, "image_id": 3, "category_id": 0, "bbox": box, "segmentation": segments}
    document = {
        "categories": [{"id": 0, "name": "J/A"}],
        "images": [image],
        "annotations": [shape] if segments else [],
    }
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("mine", "new", "row"),
    [
        ([[10.0, 10, 30, 10, 30, 30]], [[10.0, 10, 30, 10, 30, 30]], None),
        ([[10.0, 10, 30, 10, 30, 30]], [[10.0, 10, 30, 10, 30, 31]], ""),
        ([[0.0, 10, 30, 10, 30, 30]], [[-5.0, 10, 30, 10, 30, 30]], "corrected 44"),
        ([], [[10.0, 10, 10.5, 10, 10.5, 30]], "corrected 44"),
        ([], [[10.0, 10, 11.5, 10, 11.5, 30]], ""),
        (
            [[1.0, 1, 9, 1, 9, 9, 5, 5]],
            [[1.0, 1, 9, 1, 9, 9], [5.0, 5, 6, 5, 6, 6]],
            "corrected 43",
        ),
    ],
)
def test_images_of_coco_are_compared_by_their_assets(
    mine: list[list[float]], new: list[list[float]], row: str | None
) -> None:
    ours, theirs = {"labels.json": coco("a-cl1.jpg", *mine)}, {"labels.json": coco("a.jpg", *new)}
    finding = only(compared("coco", ours, theirs, sizes={"cl1": (100, 100)}))
    if row is None:
        assert finding.verdict is Verdict.EQUAL
    else:
        assert (finding.verdict, finding.row) == (Verdict.DIFFERENT, row)


def test_documents_are_compared_by_their_ids_and_turned_points_are_explained() -> None:
    def document(x: float, status: str, content: str, y: float = 0.3) -> bytes:
        point = {"type": "marker", "point": {"x": x, "y": y}, "pointPixels": {"x": 9 * x}}
        response = {"J": {"annotations": [point]}}
        label = {"jsonResponse": response}
        return json.dumps(
            {"id": "cl1", "status": status, "latestLabel": label, "content": content}
        ).encode()

    theirs = {"labels/a.jpg.json": document(0.1, "LABELED", "https://h/a?s=1")}
    for x, y, status, row in (
        (0.1, 0.3, "LABELED", None),
        (0.3, 0.9, "LABELED", "corrected 13"),
        (0.9, 0.7, "LABELED", "corrected 13"),
        (0.9, 0.3, "LABELED", ""),
        (0.1, 0.3, "TODO", ""),
    ):
        ours = {"labels/a-cl1.json": document(x, status, "assets/a-cl1.jpg", y)}
        finding = only(compared("kili", ours, theirs))
        assert finding.row == (row or "")
        assert (finding.verdict is Verdict.EQUAL) == (row is None)


def test_no_row_of_the_other_table_explains_a_corrected_archive() -> None:
    judge, combination = Judge("p", ("2", "14")), Combination("yolo_v8", {"asset_ids": []})
    result = Result("p", combination)
    ours, theirs = ({"README.kili.txt": b""} | files for files in yolo_pair("", INSIDE))
    judge.archives(result, ours, theirs, Corrected("yolo_v8", PICTURES))
    assert (result.equal, result.different) == (0, 1)


def test_the_sdk_is_asked_for_what_it_has() -> None:
    options = {"compatibility": "corrected", "split": {"train": 1.0}, "with_assets": True}
    alone = Combination("yolo_v8", options, alone=True)
    assert _arguments(alone) == {"fmt": "yolo_v8", "with_assets": False}
    assert _arguments(Combination("coco", options)) == {"fmt": "coco", "with_assets": True}
