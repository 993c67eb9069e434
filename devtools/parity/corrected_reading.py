"""What the labels of an archive hold, picture by picture, whatever their files are called."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree as ET

import yaml
from shapely import Polygon

from devtools.parity.comparison import Files

_OURS = re.compile(r"-(?P<asset>[^-/]+?)(_(?P<frame>\d{6}))?$")
_FRAME = re.compile(r"^(?P<name>.*)_(?P<frame>\d+)$", re.DOTALL)
_ROTATION = "ROTATION_JOB"
_IN_PIXELS = frozenset({"vertices", "pointPixels", "polylinePixels"})
_NOISE = 1e-9
_DATE = re.compile(r'"exportDate": "[^"]*"')
_SIGNATURE = re.compile(r"(https?://[^\s\"?]+)\?[^\s\",]*")


@dataclass(frozen=True, slots=True)
class Picture:
    """An asset's picture, or a frame of its video, from 1."""

    asset: str
    frame: int | None = None


Shape = tuple[str, str, tuple[float, ...]]
"""A class, what the numbers are, and the numbers."""


@dataclass(frozen=True, slots=True)
class Label:
    """What is said of a picture. `size` is what coordinates end at.

    `document` is all that is said, where shapes are not taken apart.
    """

    shapes: "Counter[Shape]" = field(default_factory=Counter)
    size: tuple[float, float] = (1, 1)
    document: Any = None

    def explains(self, theirs: "Label", pixels: tuple[float, float] | None) -> str:
        """A row that explains a shape which the SDK wrote otherwise; empty when one has none.

        `pixels` are the picture's width and height, None where they are not known.
        """
        if self.document is not None:
            return "13" if _same_but_turned(self.document, theirs.document) else ""
        lost, more = theirs.shapes - self.shapes, self.shapes - theirs.shapes
        if not lost or more.total() > lost.total():
            return ""
        if any(_is_beyond(shape, self.size) for shape in more):
            return ""
        rows = {self._row(shape, theirs, pixels) for shape in lost}
        return min(rows)

    def _row(self, shape: Shape, theirs: "Label", pixels: tuple[float, float] | None) -> str:
        if _is_no_surface(shape):
            return "44"
        longer = (mine for mine in self.shapes if len(mine[2]) > len(shape[2]))
        if shape[1] == "holed" or (
            shape[1] == "outline" and any(mine[:2] == shape[:2] for mine in longer)
        ):
            return "43"
        if _is_beyond(shape, theirs.size) or _is_thin(shape, pixels):
            return "44"
        return "13" if any(_is_turned(shape, mine) for mine in self.shapes) else ""


Labels = dict[Picture, Label]


def labels_of(files: Files, format_name: str, ids: Mapping[str, str] | None) -> Labels:
    """The labels of an archive. `ids` tells assets by the SDK's names; ours bear their ids."""
    if format_name in ("kili", "raw"):
        return _documents(files)
    if format_name == "geojson":
        return _features(files)
    if format_name == "coco":
        return _coco(files, ids)
    if format_name == "pascal_voc":
        return _pascal_voc(files, ids)
    return _yolo_of_sdk(files, ids) if ids is not None else _yolo(files)


def media_names(files: Files, format_name: str) -> Iterator[tuple[str, str]]:
    """What names a picture, and the picture's path, as far as a format has such names."""
    for path, data in files.items():
        if format_name == "coco" and path.endswith("labels.json"):
            for image in json.loads(data)["images"]:
                yield path, image["file_name"]
        elif format_name == "pascal_voc" and path.endswith(".xml"):
            yield path, f"images/{_xml(data).findtext('filename')}"
        elif format_name.startswith("yolo") and "/labels/" in path:
            stem = path.replace("/labels/", "/images/").removesuffix(".txt")
            beside = [one for one in files if one.rpartition(".")[0] == stem]
            yield path, beside[0] if beside else f"{stem}.*"
        elif format_name in ("kili", "raw") and path.startswith("labels/"):
            document = json.loads(data)
            named = document["jsonContent"] or document["content"]
            for name in named if isinstance(named, list) else [document["content"]]:
                if str(name).startswith("assets/"):
                    yield path, name


def _picture(name: str, ids: Mapping[str, str] | None) -> Picture:
    """Whose label it is, by its name without folder and ending."""
    if ids is None:
        found = _OURS.search(name)
        if found is None:
            return Picture(name)
        return Picture(found["asset"], int(found["frame"]) if found["frame"] else None)
    if name in ids:
        return Picture(ids[name])
    numbered = _FRAME.match(name)
    if numbered is not None and numbered["name"] in ids:
        return Picture(ids[numbered["name"]], int(numbered["frame"]))
    return Picture(name)


def _coco(files: Files, ids: Mapping[str, str] | None) -> Labels:
    labels: Labels = {}
    for path, data in files.items():
        if not path.endswith("labels.json"):
            continue
        document = json.loads(data)
        names = {one["id"]: f"{path}/{one['name']}" for one in document["categories"]}
        # Numbers of images repeat over the videos of the SDK, so they are read in their order.
        found: dict[int, Label] = {}
        for image in document["images"]:
            name = image["file_name"].removeprefix("data/")
            ours_or_frame = ids is None or name not in ids
            key = _picture(name.rpartition(".")[0] if ours_or_frame else name, ids)
            found[image["id"]] = labels.setdefault(
                key, Label(Counter(), (image["width"], image["height"]))
            )
        for one in document["annotations"]:
            label = found[one["image_id"]]
            rings = one["segmentation"]
            numbers = tuple(number for ring in rings for number in ring)
            kind = "ring" if len(rings) == 1 else "holed"
            shape = (names[one["category_id"]], kind, (*one["bbox"], *numbers))
            label.shapes[shape] += 1
    return labels


def _pascal_voc(files: Files, ids: Mapping[str, str] | None) -> Labels:
    labels: Labels = {}
    for path, data in files.items():
        if not path.endswith(".xml"):
            continue
        document = _xml(data)
        size = (_number(document, "size/width"), _number(document, "size/height"))
        label = Label(Counter(), size)
        for one in document.iter("object"):
            corners = [_number(one, f"bndbox/{side}") for side in ("xmin", "ymin", "xmax", "ymax")]
            name = f"{one.findtext('job_name')}/{one.findtext('name')}"
            label.shapes[name, "corners", tuple(corners)] += 1
        labels[_picture(path.removeprefix("labels/").removesuffix(".xml"), ids)] = label
    return labels


def _yolo(files: Files) -> Labels:
    """Boxes are in the dataset to detect, outlines in that to segment."""
    labels: Labels = {}
    for path, data in files.items():
        folder, found, name = path.partition("/labels/")
        task = folder.rpartition("/")[2]
        if not found or task == "obb":
            continue
        key = _picture(name.removesuffix(".txt"), None)
        label = labels.setdefault(key, Label())
        kind = "box" if task == "detect" else "outline"
        for shape in _lines(data, _names(files[f"{folder}/data.yaml"])):
            if (len(shape[2]) == 4) == (kind == "box"):
                label.shapes[shape] += 1
    return labels


def _yolo_of_sdk(files: Files, ids: Mapping[str, str] | None) -> Labels:
    labels: Labels = {}
    for path, data in files.items():
        if not (path.startswith("labels/") and path.endswith(".txt")):
            continue
        key = _picture(path.removeprefix("labels/").removesuffix(".txt"), ids)
        label = labels[key] = Label()
        label.shapes.update(_lines(data, _names(files["data.yaml"])))
    return labels


def _lines(data: bytes, names: Mapping[int, str]) -> Iterator[Shape]:
    for line in data.decode().splitlines():
        number, *numbers = line.split()
        kind = "box" if len(numbers) == 4 else "outline"
        yield names[int(number)], kind, tuple(map(float, numbers))


def _names(data: bytes) -> dict[int, str]:
    names: Any = yaml.safe_load(data)["names"]
    return dict(names if isinstance(names, dict) else enumerate(names))


def _documents(files: Files) -> Labels:
    read = [
        json.loads(data)
        for path, data in files.items()
        if path == "data.json" or (path.startswith("labels/") and path.endswith(".json"))
    ]
    documents = [one for some in read for one in (some if isinstance(some, list) else [some])]
    return {Picture(one["id"]): _whole(_without_media(one)) for one in documents}


def _without_media(document: Mapping[str, Any]) -> dict[str, Any]:
    return {name: one for name, one in document.items() if name not in ("content", "jsonContent")}


def _whole(document: Mapping[str, Any]) -> Label:
    text = _SIGNATURE.sub(r"\1", json.dumps(document, sort_keys=True))
    return Label(Counter([(text, "document", ())]), document=json.loads(text))


def _same_but_turned(mine: Any, theirs: Any) -> bool:
    """Whether documents are equal but for points that are turned by one of the angles there are.

    Points in pixels are not looked at: they are those in fractions, times the picture's size.
    """
    if isinstance(mine, dict) and isinstance(theirs, dict):
        if mine.keys() == theirs.keys() == {"x", "y"}:
            return _is_turned_point((mine["x"], mine["y"]), (theirs["x"], theirs["y"]))
        keys = mine.keys() - {_ROTATION}
        return keys == theirs.keys() - {_ROTATION} and all(
            key in _IN_PIXELS or _same_but_turned(mine[key], theirs[key]) for key in keys
        )
    if isinstance(mine, list) and isinstance(theirs, list):
        return len(mine) == len(theirs) and all(map(_same_but_turned, mine, theirs))
    return bool(mine == theirs)


def _is_turned_point(mine: tuple[float, ...], theirs: tuple[float, ...]) -> bool:
    point = theirs
    for _ in range(4):
        if all(abs(one - two) < _NOISE for one, two in zip(mine, point, strict=True)):
            return True
        point = _turned(point, is_box=False)
    return False


def _features(files: Files) -> Labels:
    labels: Labels = {}
    for path, data in files.items():
        if path.endswith(".geojson"):
            text = _DATE.sub("", data.decode())
            key = Picture(json.loads(data)["properties"]["kili"]["assetId"])
            labels[key] = Label(Counter([(text, "document", ())]))
    return labels


def _is_beyond(shape: Shape, size: tuple[float, float]) -> bool:
    """Whether a shape leaves its picture, or has no width or no height."""
    _, kind, numbers = shape
    if kind == "box":
        x, y, width, height = numbers
        numbers = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    elif kind == "ring":
        # Behind the box that is around it.
        numbers = numbers[4:]
    xs, ys = numbers[::2], numbers[1::2]
    inside = min(xs) >= 0 and min(ys) >= 0 and max(xs) <= size[0] and max(ys) <= size[1]
    return not inside or min(xs) == max(xs) or min(ys) == max(ys)


def _is_thin(shape: Shape, pixels: tuple[float, float] | None) -> bool:
    """Whether a shape is thinner than a pixel; boxes of whole pixels are as thin at most."""
    _, kind, numbers = shape
    if pixels is None:
        return False
    if kind == "box":
        width, height = numbers[2], numbers[3]
    else:
        outline = numbers[4:] if kind == "ring" else numbers
        xs, ys = outline[::2], outline[1::2]
        width, height = max(xs) - min(xs), max(ys) - min(ys)
    if kind in ("box", "outline"):
        width, height = width * pixels[0], height * pixels[1]
    side = min(width, height)
    return side <= 1 if kind == "corners" else side < 1


def _is_no_surface(shape: Shape) -> bool:
    """Whether an outline crosses itself or encloses nothing: readers differ about its inside."""
    _, kind, numbers = shape
    if kind not in ("ring", "outline"):
        return False
    outline = numbers[4:] if kind == "ring" else numbers
    return not Polygon(list(zip(outline[::2], outline[1::2], strict=True))).is_valid


def _is_turned(shape: Shape, mine: Shape) -> bool:
    """Whether a shape of YOLO is the other one, turned by one of the angles that there are."""
    if shape[:2] != mine[:2] or len(shape[2]) != len(mine[2]):
        return False
    numbers = shape[2]
    for _ in range(3):
        numbers = _turned(numbers, is_box=shape[1] == "box")
        if all(abs(one - two) < _NOISE for one, two in zip(numbers, mine[2], strict=True)):
            return True
    return False


def _turned(numbers: tuple[float, ...], *, is_box: bool) -> tuple[float, ...]:
    if is_box:
        x, y, width, height = numbers
        return (y, 1 - x, height, width)
    points = zip(numbers[::2], numbers[1::2], strict=True)
    return tuple(number for x, y in points for number in (y, 1 - x))


def _xml(data: bytes) -> ET.Element:
    return ET.fromstring(data)  # noqa: S314 - made by the two sides that are compared


def _number(element: ET.Element, path: str) -> float:
    return float(element.findtext(path, ""))
