"""Whether two archives hold the same dataset.

What cannot agree is left aside: dates of export, the signatures of links, the numbers that COCO
gives to images and annotations, and the order of a YOLO file's lines.
"""

import json
import re
import zipfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_EXPORT_DATE = re.compile(rb"(?m)^- Export date: .*$")
_SIGNATURE = re.compile(rb"(https?://[^\s\"?]+)\?[^\s\"]*")


def differences(ours: Path, theirs: Path) -> list[str]:
    """What differs, a line for each file; empty when the datasets are the same."""
    mine, other = _members(ours), _members(theirs)
    lines = [f"{path}: only in ours" for path in sorted(mine.keys() - other.keys())]
    lines += [f"{path}: missing from ours" for path in sorted(other.keys() - mine.keys())]
    lines += [
        f"{path}: the contents differ"
        for path in sorted(mine.keys() & other.keys())
        if not _agree(path, mine[path], other[path])
    ]
    return lines


def _members(archive: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(archive) as opened:
        broken = opened.testzip()
        if broken is not None:
            return {broken: b"", f"{broken} (damaged)": b""}
        return {one.filename: opened.read(one) for one in opened.infolist() if not one.is_dir()}


def _agree(path: str, ours: bytes, theirs: bytes) -> bool:
    """Whether two files mean the same."""
    if path.endswith("labels.json"):
        return _datasets_agree(json.loads(ours), json.loads(theirs))
    if path.endswith(".txt") and "labels/" in path:
        return Counter(ours.splitlines()) == Counter(theirs.splitlines())
    return _undated(ours) == _undated(theirs)


def _undated(data: bytes) -> bytes:
    return _SIGNATURE.sub(rb"\1", _EXPORT_DATE.sub(b"", data))


def _datasets_agree(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
    if _shared(ours) != _shared(theirs):
        return False
    mine, other = _annotations(ours), _annotations(theirs)
    return len(mine) == len(other) and all(map(_same_annotation, mine, other))


def _shared(coco: Mapping[str, Any]) -> object:
    info = {key: coco["info"][key] for key in coco["info"] if key not in {"year", "date_created"}}
    images = Counter(_canonical({**image, "id": None}) for image in coco["images"])
    return info, coco["categories"], images


def _annotations(coco: Mapping[str, Any]) -> list[tuple[str, float]]:
    """Every annotation without its numbers, and its area."""
    names = {image["id"]: image["file_name"] for image in coco["images"]}
    return sorted(
        (
            _canonical({**one, "id": None, "image_id": names[one["image_id"]], "area": None}),
            one["area"],
        )
        for one in coco["annotations"]
    )


def _same_annotation(ours: tuple[str, float], theirs: tuple[str, float]) -> bool:
    return ours[0] == theirs[0] and same_area(ours[1], theirs[1])


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def same_area(ours: float, theirs: float) -> bool:
    """Whether two areas of COCO annotations agree, in square pixels.

    An area is a sum, whose last bit depends on the processor. An outline's is rounded to whole
    pixels before its holes are subtracted: where that bit decides the rounding, one pixel more or
    less is the same area too.
    """
    apart = abs(ours - theirs)
    noise = max(1e-6, 1e-9 * abs(ours))
    return apart <= noise or abs(apart - 1) <= noise
