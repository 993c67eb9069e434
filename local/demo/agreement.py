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
# Areas are sums, whose last digits depend on the order of adding.
_AREA_DIGITS = 6


def differences(ours: Path, theirs: Path) -> list[str]:
    """What differs, a line for each file; empty when the datasets are the same."""
    mine, other = _members(ours), _members(theirs)
    lines = [f"{path}: only in ours" for path in sorted(mine.keys() - other.keys())]
    lines += [f"{path}: missing from ours" for path in sorted(other.keys() - mine.keys())]
    lines += [
        f"{path}: the contents differ"
        for path in sorted(mine.keys() & other.keys())
        if _meaning(path, mine[path]) != _meaning(path, other[path])
    ]
    return lines


def _members(archive: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(archive) as opened:
        broken = opened.testzip()
        if broken is not None:
            return {broken: b"", f"{broken} (damaged)": b""}
        return {one.filename: opened.read(one) for one in opened.infolist() if not one.is_dir()}


def _meaning(path: str, data: bytes) -> object:
    """A file's contents in a form that is equal exactly when they mean the same."""
    if path.endswith("labels.json"):
        return _dataset(json.loads(data))
    if path.endswith(".txt") and "labels/" in path:
        return Counter(data.splitlines())
    return _SIGNATURE.sub(rb"\1", _EXPORT_DATE.sub(b"", data))


def _dataset(coco: Mapping[str, Any]) -> object:
    names = {image["id"]: image["file_name"] for image in coco["images"]}
    info = {key: coco["info"][key] for key in coco["info"] if key not in {"year", "date_created"}}
    images = Counter(_canonical({**image, "id": None}) for image in coco["images"])
    annotations = Counter(
        _canonical(
            {
                **annotation,
                "id": None,
                "image_id": names[annotation["image_id"]],
                "area": round(annotation["area"], _AREA_DIGITS),
            }
        )
        for annotation in coco["annotations"]
    )
    return info, coco["categories"], images, annotations


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
