"""The pages of all exports of a bucket: a list of them, and the pages of each below its name."""

from collections.abc import Iterable, Iterator, Sequence
from http import HTTPStatus
from io import BytesIO
from itertools import islice
from threading import Lock
from typing import Final

from kili_export.archives.manifest import Manifest
from kili_export.archives.manifest_store import load_manifest, read_manifest
from kili_export.core.bucket_layout import EXPORTS_PREFIX, exports_prefix
from kili_export.core.errors import ExportError, IntegrityError, TransientError
from kili_export.core.project import PROJECT_ID
from kili_export.reading.published_export import PublishedExport
from kili_export.registration.declaration import EXPORT_NAME
from kili_export.storage.object_store import ObjectStore
from kili_export.viewing import pages
from kili_export.viewing.markup import Markup, document, table, tag
from kili_export.viewing.server import HTML, STYLE_SHEET, Answer, Asked, Viewer, style_sheet

_A_PAGE: Final = 100
_KEPT: Final = 8
"""The most exports of which parsed documents are kept."""
_TITLE: Final = "Exports"
Listed = tuple[str, str, Sequence[str]]
"""A project, an export, and what the list shows of it; nothing where that cannot be read."""


class AllExports:
    """Answers for every export of a bucket, at `PROJECT_ID/EXPORT/`."""

    def __init__(self, objects: ObjectStore) -> None:
        """Reads nothing yet."""
        self._objects = objects
        self._viewers: dict[tuple[str, str], Viewer] = {}
        self._lock = Lock()

    def answer(self, place: str, asked: Asked) -> Answer:
        """The list, or a page or picture of an export."""
        if place == STYLE_SHEET:
            return style_sheet()
        try:
            if not place:
                return _page(HTTPStatus.OK, self._list(asked.get("start", "")))
            project_id, _, rest = place.partition("/")
            export, separator, page = rest.partition("/")
            if not (separator and _is_named(project_id, export)):
                return _trouble(HTTPStatus.NOT_FOUND, "There is no such page.")
            viewer = self._viewer(project_id, export)
        except TransientError as error:
            return _trouble(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
        except ExportError as error:
            return _trouble(HTTPStatus.NOT_FOUND, str(error))
        return viewer.answer(page, asked)

    def _viewer(self, project_id: str, export: str) -> Viewer:
        """The viewer of an export; the least recently used one is forgotten."""
        key = (project_id, export)
        with self._lock:
            viewer = self._viewers.get(key)
        if viewer is not None and not self._is_there(viewer.export.manifest):
            # The export expired or was purged: show nothing that was read before.
            with self._lock:
                self._viewers.pop(key, None)
            viewer = None
        if viewer is None:
            manifest = read_manifest(self._objects, project_id, export)
            viewer = Viewer(PublishedExport(self._objects, manifest), home="../../")
        with self._lock:
            self._viewers.pop(key, None)
            self._viewers[key] = viewer
            while len(self._viewers) > _KEPT:
                del self._viewers[next(iter(self._viewers))]
        return viewer

    def _is_there(self, manifest: Manifest) -> bool:
        keys = (manifest.archive.key, *(delta.key for delta in manifest.deltas))
        return all(self._objects.head(key) is not None for key in keys)

    def _list(self, start: str) -> Markup:
        """Exports from a project, or from `PROJECT_ID/EXPORT` on, by project and name."""
        rows = list(islice(self._exports(start), _A_PAGE + 1))
        following = "/".join(rows.pop()[:2]) if len(rows) > _A_PAGE else None
        return _listing(rows, following)

    def _exports(self, start: str) -> Iterator[Listed]:
        first, _, name = start.partition("/")
        for project_id in self._objects.folders(EXPORTS_PREFIX):
            if project_id >= first and PROJECT_ID.fullmatch(project_id):
                yield from self._exports_of(project_id, name if project_id == first else "")

    def _exports_of(self, project_id: str, first: str) -> Iterator[Listed]:
        for name in self._objects.folders(exports_prefix(project_id)):
            if name < first or not EXPORT_NAME.fullmatch(name):
                continue
            try:
                manifest = load_manifest(self._objects, project_id, name)[0]
            except IntegrityError:
                yield project_id, name, ()
                continue
            # Nothing is shown of what was purged.
            if manifest is not None:
                yield project_id, name, _facts(manifest)


def _listing(rows: Iterable[Listed], following: str | None) -> Markup:
    names = ("Export", "Project", "Format", "Assets", "Published, UTC", "In quarantine")
    shown = [
        tag(
            "tr",
            tag("th", tag("a", name, href=f"{project_id}/{name}/overview"), scope="row"),
            tag("td", project_id),
            [tag("td", fact) for fact in facts]
            or tag("td", "Its manifest cannot be read.", colspan="4"),
        )
        for project_id, name, facts in rows
    ]
    more = tag("a", "Next exports", href=pages.query("./", start=following), rel="next")
    return document(
        _TITLE,
        table(names, shown) if shown else tag("p", "Nothing is published yet."),
        tag("p", more) if following else None,
    )


def _facts(manifest: Manifest) -> Sequence[str]:
    return (
        manifest.format,
        f"{manifest.counts.exported:,}",
        f"{manifest.published_at:%Y-%m-%d %H:%M:%S}",
        f"{len(manifest.quarantined):,}",
    )


def _is_named(project_id: str, export: str) -> bool:
    return bool(PROJECT_ID.fullmatch(project_id) and EXPORT_NAME.fullmatch(export))


def _trouble(status: HTTPStatus, message: str) -> Answer:
    return _page(status, document(_TITLE, tag("p", message, role="alert")))


def _page(status: HTTPStatus, page: Markup) -> Answer:
    return status, HTML, BytesIO(page.encode())
