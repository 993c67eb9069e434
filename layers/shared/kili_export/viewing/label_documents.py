"""The pictures of formats that have all labels in one document: COCO, `data.json`, JSON lines."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from pathlib import PurePosixPath
from typing import Any, Final

from kili_export.core.errors import IntegrityError, InvalidConfiguration
from kili_export.reading.published_export import PublishedExport
from kili_export.reading.published_files import PublishedFile
from kili_export.viewing.label_files import UNREADABLE, read_kili
from kili_export.viewing.pictures import Label, Picture, Shape, box, is_picture, shape_of

LARGEST_DOCUMENT: Final = 32 << 20
"""What of labels is read at once, in bytes."""
_POLYGON_NUMBERS: Final = 6


def pictures_in_documents(export: PublishedExport) -> dict[str, Picture]:
    """The pictures by path, sorted; none where each asset has files of its own.

    Raises IntegrityError for a document that does not hold what it should, InvalidConfiguration for
    one that is too large.
    """
    read = _READERS.get(export.format)
    found = {} if read is None else {one.path: one for one in read(export)}
    return dict(sorted(found.items()))


class _Media:
    """The pictures in an export. The SDK names some without the folder that they are in."""

    def __init__(self, export: PublishedExport) -> None:
        self.owners = {file.path: file.asset_id for file in export.scan() if is_picture(file.path)}
        self._by_name: defaultdict[str, list[str]] = defaultdict(list)
        for path in self.owners:
            self._by_name[PurePosixPath(path).name].append(path)

    def find(self, path: str) -> str | None:
        """The path of the picture that is meant, None where that is not certain."""
        if path in self.owners:
            return path
        named = self._by_name.get(PurePosixPath(path).name, [])
        return named[0] if len(named) == 1 else None


def _of_coco(export: PublishedExport) -> Iterator[Picture]:
    media = _Media(export)
    for file in chain(export.files("labels.json"), export.files("*/labels.json")):
        folder = file.path.removesuffix("labels.json")
        for name, shapes in _contents(export, file, read_coco).items():
            medium = media.find(folder + name)
            owner = None if medium is None else media.owners[medium]
            yield Picture(folder + name, owner, (Label(shapes),), medium)


def read_coco(data: bytes) -> dict[str, tuple[Shape, ...]]:
    """The shapes of each picture of a COCO document, by its file name. Raises ValueError."""
    document = json.loads(data)
    try:
        names = {one["id"]: str(one["name"]) for one in document["categories"]}
        images = {one["id"]: one for one in document["images"]}
        found: dict[str, list[Shape]] = {str(one["file_name"]): [] for one in images.values()}
        for one in document["annotations"]:
            image = images[one["image_id"]]
            found[str(image["file_name"])].append(
                _coco_shape(one, names[one["category_id"]], image["width"], image["height"])
            )
    except (KeyError, TypeError) as error:
        raise ValueError("not a COCO document") from error
    return {name: tuple(shapes) for name, shapes in found.items()}


def _coco_shape(annotation: Mapping[str, Any], name: str, width: float, height: float) -> Shape:
    """Its outlines, or its box where there are none. Our archives hold no run lengths."""
    if not width or not height:
        return Shape(name, ())
    lines = tuple(
        tuple((x / width, y / height) for x, y in zip(ring[::2], ring[1::2], strict=True))
        for ring in annotation.get("segmentation") or ()
        if len(ring) >= _POLYGON_NUMBERS
    )
    left, top, across, down = annotation["bbox"]
    return Shape(
        name,
        lines or box(left / width, top / height, (left + across) / width, (top + down) / height),
    )


def _of_kili(export: PublishedExport) -> Iterator[Picture]:
    media = _Media(export)
    for file in export.files("data.json"):
        for document in _contents(export, file, json.loads):
            try:
                read = read_kili(document)
            except UNREADABLE:
                continue
            path, content = str(document["externalId"]), read.link or ""
            medium = media.find(content) if content.startswith("assets/") else None
            yield Picture(path, str(document["id"]), read.labels, medium, read.link)


def _of_jsonl(export: PublishedExport) -> Iterator[Picture]:
    shapes: defaultdict[tuple[str, int | None], list[Shape]] = defaultdict(list)
    frames: defaultdict[str, set[int]] = defaultdict(set)
    for file in export.files("annotations/annotations.jsonl"):
        for line in _contents(export, file, _lines):
            shape = shape_of(line["geometry"] or {}, str(line["category"] or ""))
            if shape is not None:
                shapes[line["labelId"], line["frame"]].append(shape)
            if line["frame"] is not None:
                frames[line["assetId"]].add(line["frame"])
    for file in export.files("assets/assets.jsonl"):
        for line in _contents(export, file, _lines):
            asset_id, media = str(line["assetId"]), line.get("media") or ()
            for frame in sorted(frames[asset_id]) or (None,):
                labels = tuple(
                    Label(tuple(shapes[one["labelId"], frame]), one["author"])
                    for one in line["labels"]
                )
                place = frame or 0
                medium = media[place] if place < len(media) and is_picture(media[place]) else None
                shown = "" if frame is None else f", frame {frame}"
                name = f"{line['externalId']}{shown}"
                yield Picture(f"{asset_id}{shown}", asset_id, labels, medium, name=name)


def _lines(data: bytes) -> list[Any]:
    return [json.loads(line) for line in data.splitlines()]


def _contents(export: PublishedExport, file: PublishedFile, parse: Callable[[bytes], Any]) -> Any:
    if file.size > LARGEST_DOCUMENT:
        raise InvalidConfiguration(
            f"{file.path} has {file.size >> 20} MiB, and labels are drawn of documents of up to"
            f" {LARGEST_DOCUMENT >> 20} MiB. A format with a file for each asset has no such limit."
        )
    with export.open(file.path) as opened:
        try:
            return parse(opened.read())
        except UNREADABLE as error:
            raise IntegrityError(f"{file.path!r} does not hold what it should") from error


_READERS: Final[Mapping[str, Callable[[PublishedExport], Iterator[Picture]]]] = {
    "coco": _of_coco,
    "jsonl": _of_jsonl,
    "kili": _of_kili,
    "raw": _of_kili,
}
