"""The demo's judge: equal datasets agree whatever their dates, links and numbers; others do not."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from kili_export.local.demo.agreement import differences


def _archive(folder: Path, name: str, members: dict[str, Any]) -> Path:
    path = folder / f"{name}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for member, contents in members.items():
            text = contents if isinstance(contents, str) else json.dumps(contents)
            archive.writestr(member, text)
    return path


def _coco(first: int, x: float = 1.0, area: float = 4.0) -> dict[str, Any]:
    return {
        "info": {"year": str(first), "date_created": str(first), "description": "d"},
        "categories": [{"id": 0, "name": "CAR"}],
        "images": [{"id": first, "file_name": "a.png"}],
        "annotations": [
            {"id": first, "image_id": first, "bbox": [x, 1, 2, 2], "area": area, "category_id": 0}
        ],
    }


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"labels/a.txt": "1\n2\n"}, {"labels/a.txt": "2\n1\n"}),
        ({"README.kili.txt": "- Export date: 1\nx"}, {"README.kili.txt": "- Export date: 2\nx"}),
        ({"labels/a.json": '"http://s/a?sig=1"'}, {"labels/a.json": '"http://s/a?sig=2"'}),
        ({"JOB/labels.json": _coco(3)}, {"JOB/labels.json": _coco(8, area=4.0000000001)}),
    ],
    ids=["line order", "export date", "signatures", "numbers"],
)
def test_what_cannot_agree_is_left_aside(
    tmp_path: Path, ours: dict[str, Any], theirs: dict[str, Any]
) -> None:
    assert differences(_archive(tmp_path, "a", ours), _archive(tmp_path, "b", theirs)) == []


@pytest.mark.parametrize(
    ("ours", "theirs", "line"),
    [
        ({"a.txt": "x"}, {"a.txt": "y"}, "a.txt: the contents differ"),
        ({"a.txt": "x"}, {}, "a.txt: only in ours"),
        ({}, {"a.txt": "x"}, "a.txt: missing from ours"),
        ({"labels/a.txt": "1\n1\n"}, {"labels/a.txt": "1\n"}, "labels/a.txt: the contents differ"),
        ({"l": '"http://s/a?s"'}, {"l": '"http://s/b?s"'}, "l: the contents differ"),
        (
            {"labels.json": _coco(1)},
            {"labels.json": _coco(1, x=2.0)},
            "labels.json: the contents differ",
        ),
    ],
    ids=["contents", "extra", "missing", "repeated line", "link", "annotation"],
)
def test_every_other_difference_is_told(
    tmp_path: Path, ours: dict[str, Any], theirs: dict[str, Any], line: str
) -> None:
    found = differences(_archive(tmp_path, "a", ours), _archive(tmp_path, "b", theirs))
    assert found == [line]
