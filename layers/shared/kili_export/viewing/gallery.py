"""The pictures of one generation with their labels, page by page and counted."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain, islice, product
from pathlib import PurePosixPath
from typing import Final, Literal, Self

from kili_export.archives.declared_authors import WRITE_AUTHORS
from kili_export.archives.statistics import Statistics
from kili_export.core.errors import ChangesUnknown, NoSuchFile
from kili_export.core.export_options import Authors
from kili_export.reading.published_export import PublishedExport
from kili_export.reading.published_files import PublishedFile
from kili_export.viewing.label_documents import LARGEST_DOCUMENT, pictures_in_documents
from kili_export.viewing.label_files import GEOJSON, is_label_file, read_labels, subset_of
from kili_export.viewing.pictures import PICTURES, Picture, Shape, is_picture

_A_PAGE: Final = 24
_LOOKED_AT: Final = 2_000
_COUNTED_TOGETHER: Final = 20_000
_MEDIA_FOLDERS: Final = ("images", "assets")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which pictures are shown; all where nothing is said. `since` is a generation.

    With `author` the last label of that author is shown.
    """

    label: str | None = None
    subset: str | None = None
    since: int | None = None
    author: str | None = None


@dataclass(frozen=True, slots=True)
class GalleryPage:
    """Some pictures, and where the next page begins, None after the last."""

    pictures: tuple[Picture, ...]
    following: str | None = None


@dataclass(slots=True)
class LabelCounts:
    """How many shapes there are, by folder, class and subset, None being no subset.

    A folder is what the labels of one job or one task are in, empty where there is none. Published
    numbers are by job instead: `by` says which of both.
    """

    shapes: Counter[tuple[str, str, str | None]] = field(default_factory=Counter)
    by: Literal["Folder", "Job"] = "Folder"

    @classmethod
    def published(cls, statistics: Statistics) -> Self:
        """The numbers that came with a generation."""
        shapes = Counter(
            {(one.job, one.key, one.subset): one.objects for one in statistics.classes}
        )
        return cls(shapes, "Job")

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
            for found in self._read(some):
                if len(shown) == _A_PAGE:
                    return GalleryPage(self._with_media(shown), found.path)
                picture = found if wanted.author is None else found.of_author(wanted.author)
                if _is_wanted(picture, wanted):
                    shown.append(picture)
            looked_at += len(some)
            if looked_at >= _LOOKED_AT:
                following = next(candidates, None)
                place = None if following is None else following.path
                return GalleryPage(self._with_media(shown), place)
        return GalleryPage(self._with_media(shown))

    def picture(self, path: str) -> Picture:
        """One picture by its path. Raises NoSuchFile."""
        if path in self._documents:
            return self._with_media([self._documents[path]])[0]
        found = self.export.find(path)
        if not is_label_file(path):
            raise NoSuchFile(f"{path[:200]!r} has no labels of one asset.")
        return self._with_media(self._read([found]))[0]

    def counts(self) -> LabelCounts:
        """Counts all labels: reads every label file, in the order of the archive where it can."""
        found = LabelCounts()
        for path, picture in self._documents.items():
            found.add(path, picture.shown.shapes)
        files = self._label_files("") if not self._documents else iter(())
        while some := list(islice(files, _COUNTED_TOGETHER)):
            for file, data in self.export.read(some):
                found.add(file.path, self._labelled(file, data).shown.shapes)
        return found

    @property
    def tells_authors(self) -> bool:
        """Whether labels say who made them."""
        manifest = self.export.manifest
        return manifest.format in WRITE_AUTHORS and manifest.options.authors is not Authors.OMIT

    def _candidates(self, wanted: Wanted, start: str) -> Iterator[PublishedFile | Picture]:
        """What may be shown, by path: label files, or pictures of documents."""
        if self._documents:
            changed = None if wanted.since is None else self._changed_assets(wanted.since)
            for path, one in self._documents.items():
                if path >= start and (changed is None or one.asset_id in changed):
                    yield one
            return
        if wanted.since is None:
            yield from self._label_files(start)
            return
        for change in self.export.changes(since=wanted.since):
            if change.kind != "removed" and change.path >= start and is_label_file(change.path):
                yield self.export.find(change.path)

    def _label_files(self, start: str) -> Iterator[PublishedFile]:
        return (file for file in self.export.scan("", start) if is_label_file(file.path))

    def _changed_assets(self, since: int) -> frozenset[str]:
        if all(one.asset_id is None for one in self._documents.values()):
            raise ChangesUnknown(
                "All labels are in one document, which does not say whose they are: it is not known"
                " which changed. With media in the export it would be."
            )
        assets = self.export.changes(since=since).assets
        return frozenset((*assets.added, *assets.changed))

    def _read(self, candidates: Iterable[PublishedFile | Picture]) -> list[Picture]:
        ordered = list(candidates)
        files = [one for one in ordered if isinstance(one, PublishedFile)]
        contents = {file.path: data for file, data in self.export.read(files)}
        return [
            one if isinstance(one, Picture) else self._labelled(one, contents[one.path])
            for one in ordered
        ]

    def _labelled(self, file: PublishedFile, data: bytes) -> Picture:
        read = read_labels(file.path, data, self.export.classes)
        return Picture(file.path, file.asset_id, read.labels, link=read.link)

    def _with_media(self, pictures: Iterable[Picture]) -> tuple[Picture, ...]:
        """The pictures, each with where it is shown from."""
        return tuple(
            one
            if one.medium is not None
            else replace(one, medium=self._medium(one.path), link=self._link(one))
            for one in pictures
        )

    def _link(self, picture: Picture) -> str | None:
        """Where a picture is that the export does not have, if a page may show it from there."""
        link = picture.link or self._links.get(picture.path)
        return link if link is not None and link.startswith("https://") else None

    def _medium(self, path: str) -> str | None:
        """The path of the picture that a label file is of, if the export has it."""
        stem, end = str(PurePosixPath(path).with_suffix("")), PurePosixPath(path).suffix
        before, found, after = f"/{stem}".rpartition("/labels/")
        # What is in degrees does not lie on a picture.
        if not found or end == GEOJSON:
            return None
        # A job's labels may have the pictures of all jobs.
        for place, folder in product(dict.fromkeys((f"{before}/", "/")), _MEDIA_FOLDERS):
            beginning = f"{place}{folder}/{after}".lstrip("/")
            for file in islice(self.export.scan(beginning), len(PICTURES)):
                if _is_its_picture(file.path, beginning):
                    return file.path
        return None

    @cached_property
    def _documents(self) -> dict[str, Picture]:
        """The pictures of formats that have all labels in one document."""
        return pictures_in_documents(self.export)

    @cached_property
    def _links(self) -> dict[str, str]:
        """Where pictures are that the export does not have, by label file."""
        links: dict[str, str] = {}
        for file in chain(*map(self.export.files, ("remote_assets.csv", "*/remote_assets.csv"))):
            if file.size > LARGEST_DOCUMENT:
                continue
            with self.export.open(file.path) as opened:
                rows = csv.DictReader(io.StringIO(opened.read().decode("utf-8", "replace")))
                for row in rows:
                    path, link = row.get("label file") or "", row.get("url") or ""
                    links[path] = links[f"labels/{path}"] = link
        return links


def _is_its_picture(path: str, beginning: str) -> bool:
    """Whether it has that path, or that path and an ending."""
    rest = path.removeprefix(beginning)
    return is_picture(path) and (not rest or (rest.startswith(".") and rest.count(".") == 1))


def _is_wanted(picture: Picture, wanted: Wanted) -> bool:
    shapes = picture.shown.shapes
    is_class = wanted.label is None or any(one.label == wanted.label for one in shapes)
    is_of_author = wanted.author is None or bool(picture.labels)
    return is_of_author and is_class and wanted.subset in {None, subset_of(picture.path)}
