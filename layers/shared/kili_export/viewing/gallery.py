"""The pictures of one generation with their labels, page by page and counted."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, islice, product
from pathlib import PurePosixPath
from typing import Final

from kili_export.core.errors import ChangesUnknown, NoSuchFile
from kili_export.reading.published_export import PublishedExport
from kili_export.reading.published_files import PublishedFile
from kili_export.viewing.label_shapes import (
    LabelFile,
    Shape,
    is_label_file,
    read_coco,
    read_labels,
    subset_of,
)

PICTURES: Final = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".bmp": "image/bmp",
}
"""The pictures that browsers show, by the ends of their names. None of them runs anything."""
_A_PAGE: Final = 24
_LOOKED_AT: Final = 2_000
_COUNTED_TOGETHER: Final = 20_000
_LARGEST_DOCUMENT: Final = 32 << 20
_MEDIA_FOLDERS: Final = ("images", "assets")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which pictures are shown; all where nothing is said. `since` is a generation."""

    label: str | None = None
    subset: str | None = None
    since: int | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """One asset. `path` is its label file, or its place in a document of all labels.

    `medium` is the path of its picture in the export, `link` where it is otherwise.
    """

    path: str
    asset_id: str | None
    shapes: tuple[Shape, ...]
    medium: str | None = None
    link: str | None = None


@dataclass(frozen=True, slots=True)
class GalleryPage:
    """Some pictures, and where the next page begins, None after the last."""

    pictures: tuple[Picture, ...]
    following: str | None = None


@dataclass(slots=True)
class LabelCounts:
    """How many shapes there are, by folder, class and subset, None being no subset.

    A folder is what the labels of one job or one task are in, empty where there is none.
    """

    shapes: Counter[tuple[str, str, str | None]] = field(default_factory=Counter)

    def add(self, path: str, shapes: Iterable[Shape]) -> None:
        """Counts one label file, or one place in a document."""
        folder = f"/{path}".rpartition("/labels/")[0].lstrip("/")
        subset = subset_of(path)
        self.shapes.update((folder, shape.label, subset) for shape in shapes)


class Gallery:
    """The pictures of an export at one generation. What was read of documents is kept."""

    def __init__(self, export: PublishedExport) -> None:
        """Reads nothing yet."""
        self.export = export

    def page(self, wanted: Wanted, start: str = "") -> GalleryPage:
        """The pictures from a path on. Looks at so many files at most, shown or not."""
        shown: list[Picture] = []
        candidates = self._candidates(wanted, start)
        looked_at = 0
        while some := list(islice(candidates, _A_PAGE)):
            for picture in self._read(some):
                if len(shown) == _A_PAGE:
                    return GalleryPage(self._with_media(shown), picture.path)
                if _is_wanted(picture, wanted):
                    shown.append(picture)
            looked_at += len(some)
            if looked_at >= _LOOKED_AT:
                following = next(candidates, None)
                place = None if following is None else _path(following)
                return GalleryPage(self._with_media(shown), place)
        return GalleryPage(self._with_media(shown))

    def picture(self, path: str) -> Picture:
        """One picture by its path. Raises NoSuchFile."""
        if path in self._documents:
            return self._with_media(self._read([path]))[0]
        found = self.export.find(path)
        if not is_label_file(path):
            raise NoSuchFile(f"{path[:200]!r} has no labels of one asset.")
        return self._with_media(self._read([found]))[0]

    def counts(self) -> LabelCounts:
        """Counts all labels: reads every label file, in the order of the archive where it can."""
        found = LabelCounts()
        for path, shapes in self._documents.items():
            found.add(path, shapes)
        files = self._label_files("") if not self._documents else iter(())
        while some := list(islice(files, _COUNTED_TOGETHER)):
            for file, data in self.export.read(some):
                found.add(file.path, read_labels(file.path, data, self.export.classes).shapes)
        return found

    def _candidates(self, wanted: Wanted, start: str) -> Iterator[PublishedFile | str]:
        """What may be shown, by path: label files, or places in documents."""
        if self._documents:
            if wanted.since is not None:
                raise ChangesUnknown(
                    "All labels are in one document: it is not known whose changed."
                )
            yield from (path for path in self._documents if path >= start)
            return
        if wanted.since is None:
            yield from self._label_files(start)
            return
        for one in self.export.changes(since=wanted.since):
            if one.kind != "removed" and one.path >= start and is_label_file(one.path):
                yield self.export.find(one.path)

    def _label_files(self, start: str) -> Iterator[PublishedFile]:
        return (file for file in self.export.scan("", start) if is_label_file(file.path))

    def _read(self, candidates: Iterable[PublishedFile | str]) -> list[Picture]:
        ordered = list(candidates)
        files = [one for one in ordered if isinstance(one, PublishedFile)]
        contents = {file.path: data for file, data in self.export.read(files)}
        return [
            Picture(one, None, self._documents[one], medium=one)
            if isinstance(one, str)
            else self._labelled(one, read_labels(one.path, contents[one.path], self.export.classes))
            for one in ordered
        ]

    def _labelled(self, file: PublishedFile, labels: LabelFile) -> Picture:
        link = labels.link or self._links.get(file.path)
        return Picture(file.path, file.asset_id, labels.shapes, link=_safe(link))

    def _with_media(self, pictures: Iterable[Picture]) -> tuple[Picture, ...]:
        return tuple(
            Picture(one.path, one.asset_id, one.shapes, self._medium(one), one.link)
            for one in pictures
        )

    def _medium(self, picture: Picture) -> str | None:
        """The path of the picture that labels are of, if the export has it."""
        if picture.medium is not None:
            # As the SDK does it, documents name some pictures without their folder.
            first = next(self.export.scan(picture.medium), None)
            if first is not None and first.path == picture.medium:
                return picture.medium
            return self._media_by_name.get(PurePosixPath(picture.medium).name)
        stem = str(PurePosixPath(picture.path).with_suffix(""))
        before, _, after = f"/{stem}".rpartition("/labels/")
        # A job's labels may have the pictures of all jobs.
        for place, folder in product(dict.fromkeys((f"{before}/", "/")), _MEDIA_FOLDERS):
            beginning = f"{place}{folder}/{after}".lstrip("/")
            for file in islice(self.export.scan(beginning), len(PICTURES)):
                if _is_picture(file.path, beginning):
                    return file.path
        return None

    @cached_property
    def _documents(self) -> dict[str, tuple[Shape, ...]]:
        """The shapes by picture, in formats that have all labels in one document."""
        if self.export.format != "coco":
            return {}
        found: dict[str, tuple[Shape, ...]] = {}
        for file in chain(self.export.files("labels.json"), self.export.files("*/labels.json")):
            if file.size <= _LARGEST_DOCUMENT:
                folder = file.path.removesuffix("labels.json")
                with self.export.open(file.path) as opened:
                    shapes = read_coco(opened.read())
                found |= {folder + name: one for name, one in shapes.items()}
        return dict(sorted(found.items()))

    @cached_property
    def _media_by_name(self) -> dict[str, str]:
        """The pictures by their names without folders, those that are there once."""
        paths: dict[str, list[str]] = {}
        for file in self.export.scan("data/"):
            paths.setdefault(PurePosixPath(file.path).name, []).append(file.path)
        return {name: found[0] for name, found in paths.items() if len(found) == 1}

    @cached_property
    def _links(self) -> dict[str, str]:
        """Where pictures are that the export does not have, by label file."""
        links: dict[str, str] = {}
        for file in chain(*map(self.export.files, ("remote_assets.csv", "*/remote_assets.csv"))):
            if file.size > _LARGEST_DOCUMENT:
                continue
            with self.export.open(file.path) as opened:
                rows = csv.DictReader(io.StringIO(opened.read().decode("utf-8", "replace")))
                for row in rows:
                    path, link = row.get("label file") or "", row.get("url") or ""
                    links[path] = links[f"labels/{path}"] = link
        return links


def _path(candidate: PublishedFile | str) -> str:
    return candidate if isinstance(candidate, str) else candidate.path


def _is_picture(path: str, beginning: str) -> bool:
    """Whether it has that path, or that path and an ending."""
    rest = path.removeprefix(beginning)
    is_its_own = not rest or (rest.startswith(".") and rest.count(".") == 1)
    return is_its_own and PurePosixPath(path).suffix.lower() in PICTURES


def _is_wanted(picture: Picture, wanted: Wanted) -> bool:
    is_class = wanted.label is None or any(one.label == wanted.label for one in picture.shapes)
    return is_class and wanted.subset in {None, subset_of(picture.path)}


def _safe(link: str | None) -> str | None:
    """A link that a page may show a picture from."""
    return link if link is not None and link.startswith("https://") else None
