"""How the files of two archives compare: byte for byte, by what they mean, or not at all.

What cannot be equal is left aside: dates of the export, the signatures of links, the numbers that
COCO gives to images and annotations, and the order of a YOLO file's lines.
"""

import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from kili_export.local.demo.agreement import same_area

Files = Mapping[str, bytes]
_README_DATE = re.compile(rb"(?m)^- Export date: \d{8}-\d{6}$")
_FEATURE_DATE = re.compile(rb'"exportDate": "[0-9T:.-]{23}Z"')
_SIGNATURE = re.compile(rb"(https?://[^\s\"?]+)\?[^\s\",]*")
_MOST_SHOWN = 160


class Verdict(StrEnum):
    """How a file of ours stands to theirs of the same path."""

    EQUAL = "equal"
    MEANING = "equal in meaning"
    DIFFERENT = "different"
    ONLY_OURS = "only ours"
    ONLY_THEIRS = "only theirs"


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict on one file. `detail` shows where it differs, `row` tells why it does so.

    `aside` is what was left aside in a file that is equal in meaning.
    """

    path: str
    verdict: Verdict
    detail: str = ""
    row: str = ""
    aside: str = ""


def files_of(archive: bytes) -> dict[str, bytes]:
    """The files of a ZIP by path, its folders left out. Raises BadZipFile for a damaged one."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {one.filename: opened.read(one) for one in opened.infolist() if not one.is_dir()}


def compare(ours: Files, theirs: Files, format_name: str) -> list[Finding]:
    """A finding for every path of either side."""
    return [
        *(Finding(path, Verdict.ONLY_OURS) for path in sorted(ours.keys() - theirs.keys())),
        *(Finding(path, Verdict.ONLY_THEIRS) for path in sorted(theirs.keys() - ours.keys())),
        *(
            _finding(path, ours[path], theirs[path], format_name)
            for path in sorted(ours.keys() & theirs.keys())
        ),
    ]


def _finding(path: str, ours: bytes, theirs: bytes, format_name: str) -> Finding:
    if ours == theirs:
        return Finding(path, Verdict.EQUAL)
    detail = _disagreement(path, ours, theirs, format_name)
    if detail:
        return Finding(path, Verdict.DIFFERENT, detail)
    return Finding(path, Verdict.MEANING, aside=_aside(path, format_name))


def _aside(path: str, format_name: str) -> str:
    """Which of the things that cannot be equal a kind of file has."""
    name = path.rpartition("/")[2]
    if path == "README.kili.txt" or format_name == "geojson":
        return "date"
    if format_name == "coco" and name == "labels.json":
        return "date and numbers"
    if name == "video_meta.json":
        return "order of videos"
    if format_name.startswith("yolo") and "labels/" in path:
        return "order of lines"
    return "quotes in XML" if format_name == "pascal_voc" else "signatures of links"


def _disagreement(path: str, ours: bytes, theirs: bytes, format_name: str) -> str:
    """Where the meaning of two files differs; empty when it does not."""
    name = path.rpartition("/")[2]
    if path == "README.kili.txt":
        return _apart(_README_DATE.sub(b"", ours), _README_DATE.sub(b"", theirs))
    if format_name == "coco" and name == "labels.json":
        return next(_coco_disagreements(json.loads(ours), json.loads(theirs)), "")
    if format_name.startswith("yolo") and "labels/" in path:
        one, two = Counter(ours.splitlines(True)), Counter(theirs.splitlines(True))
        return "" if one == two else f"ours {list(one - two)[:3]}, theirs {list(two - one)[:3]}"
    if name == "video_meta.json":
        return "" if _same_document(ours, theirs) else _apart(ours, theirs)
    if format_name == "geojson":
        return _apart(_FEATURE_DATE.sub(b"", ours), _FEATURE_DATE.sub(b"", theirs))
    if format_name == "pascal_voc":
        # From Python 3.13 on the standard library does not escape quotes in text any more.
        return _apart(ours.replace(b"&quot;", b'"'), theirs.replace(b"&quot;", b'"'))
    return _apart(_SIGNATURE.sub(rb"\1", ours), _SIGNATURE.sub(rb"\1", theirs))


def _apart(ours: bytes, theirs: bytes) -> str:
    """Where two texts part; empty when they are equal."""
    if ours == theirs:
        return ""
    pairs = zip(ours, theirs, strict=False)
    first = next((at for at, (one, two) in enumerate(pairs) if one != two), 0)
    shown = slice(max(first - 30, 0), first + _MOST_SHOWN)
    return f"at byte {first}: ours {ours[shown]!r}, theirs {theirs[shown]!r}"


def _same_document(ours: bytes, theirs: bytes) -> bool:
    """Whether two JSON documents are equal and written alike, but for the order of keys."""
    mine: Any = json.loads(ours)
    return bool(mine == json.loads(theirs)) and json.dumps(mine, indent=4).encode() == ours


def _coco_disagreements(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Iterator[str]:
    yield from _unequal("form", _form(ours), _form(theirs))
    yield from _unequal("info", _undated(ours), _undated(theirs))
    yield from _unequal("categories", ours["categories"], theirs["categories"])
    for kind in ("images", "annotations"):
        numbers = [entry["id"] for entry in ours[kind]]
        if len(set(numbers)) != len(numbers):
            yield f"{kind} of ours share numbers"
    yield from _unequal("images", _unnumbered(ours), _unnumbered(theirs))
    # The images of the SDK's videos share numbers, so that nobody can tell which one is meant.
    shared = len({image["id"] for image in theirs["images"]}) < len(theirs["images"])
    mine, other = _placed(ours, shared), _placed(theirs, shared)
    yield from _unequal("number of annotations", len(mine), len(other))
    for index, (one, two) in enumerate(zip(mine, other, strict=False)):
        if not _same_annotation(one, two):
            yield f"annotation {index}: ours {one}, theirs {two}"


def _unequal(what: str, ours: object, theirs: object) -> Iterator[str]:
    if ours == theirs:
        return
    if isinstance(ours, list) and isinstance(theirs, list):
        pairs = zip(ours, theirs, strict=False)
        ours, theirs = next((pair for pair in pairs if pair[0] != pair[1]), (ours, theirs))
    yield f"{what}: ours {str(ours)[:_MOST_SHOWN]}, theirs {str(theirs)[:_MOST_SHOWN]}"


def _form(coco: Mapping[str, Any]) -> list[Any]:
    entries = {kind: list((coco[kind] or [{}])[0]) for kind in ("images", "annotations")}
    return [list(coco), list(coco["info"]), coco["licenses"], *entries.items()]


def _undated(coco: Mapping[str, Any]) -> dict[str, Any]:
    return {**coco["info"], "year": None, "date_created": None}


def _unnumbered(coco: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{**image, "id": None} for image in coco["images"]]


def _placed(coco: Mapping[str, Any], shared: bool) -> Sequence[dict[str, Any]]:
    """The annotations with the place of their image instead of its number, without their own.

    Without the place too, if images share numbers.
    """
    if shared:
        return [{**one, "id": None, "image_id": None} for one in coco["annotations"]]
    places = {image["id"]: place for place, image in enumerate(coco["images"])}
    return [{**one, "id": None, "image_id": places[one["image_id"]]} for one in coco["annotations"]]


def _same_annotation(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
    if {**ours, "area": None} != {**theirs, "area": None}:
        return False
    mine, other = ours["area"], theirs["area"]
    return type(mine) is type(other) and same_area(mine, other)
