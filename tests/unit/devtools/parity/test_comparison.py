"""Comparing archives: what counts as equal, as equal in meaning, and as different."""

import io
import json
import zipfile
from typing import Any

import pytest

from devtools.parity.combinations import Combination
from devtools.parity.comparison import Verdict, compare, files_of
from devtools.parity.results import Judge, Result
from devtools.parity.sdk_side import SdkExport

README = b"Exported\n- Export date: 20260105-080000\n- Exported format: x\n"


def verdict(path: str, ours: bytes, theirs: bytes, format_name: str) -> Verdict:
    (finding,) = compare({path: ours}, {path: theirs}, format_name)
    assert (finding.verdict is Verdict.DIFFERENT) == bool(finding.detail)
    assert (finding.verdict is Verdict.MEANING) == bool(finding.aside)
    return finding.verdict


def coco(*areas: float, first: int = 1, name: str = "data/a.jpg", **info: Any) -> bytes:
    annotations = [
        {"id": first + number, "image_id": 7, "category_id": 0, "bbox": [0, 0, 1, 1], "area": area}
        for number, area in enumerate(areas)
    ]
    document = {
        "info": {"year": "2026", "description": "d", "date_created": "now", **info},
        "licenses": [],
        "categories": [{"id": 0, "name": "A"}],
        "images": [{"id": 7, "file_name": name}],
        "annotations": annotations,
    }
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("path", "format_name", "ours", "theirs"),
    [
        ("README.kili.txt", "kili", README, README.replace(b"0105", b"0106")),
        ("labels/a.txt", "yolo_v8", b"0 1\n1 2\n", b"1 2\n0 1\n"),
        ("labels.json", "coco", coco(1, 2.5), coco(2, 2.5 + 1e-12, first=40, year="2027")),
        (
            "images/remote_assets.csv",
            "yolo_v5",
            b"a,https://h/x.jpg?Signature=1&E=2,a.txt\r\n",
            b"a,https://h/x.jpg?Signature=3&E=4,a.txt\r\n",
        ),
        ("labels/a.json", "raw", b'{"content": "https://h/x?a=1"}', b'{"content": "https://h/x"}'),
        ("labels/a.xml", "pascal_voc", b"<name>&quot;</name>", b'<name>"</name>'),
        (
            "labels/a.geojson",
            "geojson",
            b'{"exportDate": "2026-11-22T16:00:47.143Z"}',
            b'{"exportDate": "2026-11-23T16:00:47.143Z"}',
        ),
        (
            "video_meta.json",
            "yolo_v8",
            json.dumps({"b": ["b_1"], "a": []}, indent=4).encode(),
            json.dumps({"a": [], "b": ["b_1"]}, indent=4).encode(),
        ),
    ],
)
def test_what_cannot_be_equal_is_left_aside(
    path: str, format_name: str, ours: bytes, theirs: bytes
) -> None:
    assert verdict(path, ours, theirs, format_name) is Verdict.MEANING
    assert verdict(path, ours, ours, format_name) is Verdict.EQUAL


@pytest.mark.parametrize(
    ("path", "format_name", "ours", "theirs"),
    [
        ("README.kili.txt", "kili", README, README.replace(b" x", b" y")),
        ("README.kili.txt", "kili", README, README + b"\n"),
        ("labels/a.txt", "yolo_v8", b"0 1\n1 2\n", b"0 1\n0 1\n"),
        ("labels/a.txt", "yolo_v8", b"0 1\n", b"0 1"),
        ("classes.txt", "yolo_v4", b"0 A\n1 B\n", b"1 B\n0 A\n"),
        ("labels.json", "coco", coco(1), coco(3)),
        ("labels.json", "coco", coco(1), coco(1.0)),
        ("labels.json", "coco", coco(1), coco(1, 1)),
        ("labels.json", "coco", coco(1), coco(1, name="data/b.jpg")),
        ("labels.json", "coco", coco(1), coco(1, description="e")),
        ("labels/a.json", "kili", b'{"a": 1}', b'{"a": 1.0}'),
        ("labels/a.json", "kili", b'{"a":1}', b'{"a": 1}'),
        ("labels/a.json", "kili", b'{"a": "/x?b"}', b'{"a": "/x?c"}'),
        ("labels/a.xml", "pascal_voc", b"<a/>\n\n", b"<a/>\n"),
        ("video_meta.json", "yolo_v8", b'{"a": []}', b'{"a": [1]}'),
        ("images/a.jpg", "coco", b"\xff\xd8\x00", b"\xff\xd8\x01"),
    ],
)
def test_everything_else_is_different(
    path: str, format_name: str, ours: bytes, theirs: bytes
) -> None:
    assert verdict(path, ours, theirs, format_name) is Verdict.DIFFERENT


def test_numbers_that_ours_gives_twice_are_told() -> None:
    shared = coco(1, 1).replace(b'"id": 2', b'"id": 1')
    assert verdict("labels.json", shared, coco(1, 1), "coco") is Verdict.DIFFERENT


def test_files_of_one_side_alone_are_told() -> None:
    findings = compare({"a": b""}, {"b": b""}, "kili")
    assert [(one.path, one.verdict) for one in findings] == [
        ("a", Verdict.ONLY_OURS),
        ("b", Verdict.ONLY_THEIRS),
    ]


def archive(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened:
        opened.writestr("labels/", b"")
        for name, data in files.items():
            opened.writestr(name, data)
    return buffer.getvalue()


def test_entries_of_folders_are_no_files() -> None:
    assert files_of(archive(a=b"1")) == {"a": b"1"}


JUDGE = Judge("project", ("3", "23"))


def test_what_no_row_explains_counts_as_different() -> None:
    result = Result("project", Combination("kili"))
    JUDGE.archives(result, {"a": b"1", "b": b"2"}, {"a": b"1", "b": b"3"})
    assert (result.equal, result.different) == (1, 1)
    assert "b: different" in result.details[0]


def test_a_combination_without_sense_must_be_refused_by_both() -> None:
    written, failed = SdkExport(archive()), SdkExport(None, "ValueError: no")
    senseless = Combination("coco", legal=False)
    cases = [
        (senseless, failed, (1, 0, 0)),
        (Combination("coco"), failed, (0, 0, 1)),
        (senseless, written, (0, 0, 1)),
    ]
    for combination, theirs, expected in cases:
        result = Result("project", combination)
        JUDGE.refused(result, "it makes no sense", theirs)
        assert (result.equal, result.on_purpose, result.different) == expected
    accepted = Result("project", senseless)
    JUDGE.archives(accepted, {}, {})
    assert accepted.different == 1


def test_a_refusal_and_a_failure_that_a_row_explains_are_on_purpose() -> None:
    refused = Result("project", Combination("coco"))
    JUDGE.refused(refused, "use latest_from_last_step", SdkExport(archive()))
    failed = Result("project", Combination("coco"))
    assert JUDGE.failed(failed, "KeyError: 'BOXES__LORRY'")
    assert (refused.rows, failed.rows) == ({"3": 1}, {"23": 1})
    unknown = Result("project", Combination("coco"))
    assert not JUDGE.failed(unknown, "MemoryError")
    assert unknown.different == 1


VIDEO = "labels/both.mp4.json"
OF_WHOLE_VIDEOS = Judge("project", ("22",))


def judged(ours: dict[str, bytes], theirs: dict[str, bytes]) -> Result:
    result = Result("project", Combination("kili"))
    OF_WHOLE_VIDEOS.archives(result, ours, theirs)
    return result


def test_a_row_excuses_what_it_names_in_a_file_and_not_the_rest_of_it() -> None:
    sound = {VIDEO: b'{"0": 1}'}
    assert judged({VIDEO: b'{"0": 1, "assetLevel": {}}'}, sound).rows == {"22": 1}
    more = judged({VIDEO: b'{"0": 2, "assetLevel": {}}'}, sound)
    assert (more.on_purpose, more.different) == (0, 1)
    assert "more than row 22 tells" in more.details[0]


def test_a_row_about_what_a_file_holds_excuses_no_file_that_is_missing() -> None:
    assert judged({VIDEO: b"{}"}, {}).different == 1
    assert judged({}, {VIDEO: b"{}"}).different == 1
