"""Serves the pages of exports on loopback, to callers that know the address.

The address holds a token: other users of the machine, and pages in a browser that lead here by a
name of their own, get nothing.
"""

import hmac
import logging
import secrets
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from io import SEEK_END, BytesIO
from pathlib import PurePosixPath
from shutil import copyfileobj
from threading import Lock
from typing import BinaryIO, Final, Protocol
from urllib.parse import parse_qs

from kili_export.core.errors import (
    ExportError,
    GenerationExpired,
    InvalidConfiguration,
    NoSuchFile,
    TransientError,
)
from kili_export.reading.published_export import PublishedExport
from kili_export.viewing import pages
from kili_export.viewing.bounded_server import BoundedServer
from kili_export.viewing.gallery import Gallery, LabelCounts, Wanted
from kili_export.viewing.pictures import PICTURES, Picture
from kili_export.viewing.style import STYLE

_LOGGER = logging.getLogger(__name__)
_PATIENCE_SECONDS: Final = 60
_COUNTED_AT_ONCE: Final = 2_000
"""So many files are counted without being asked to."""
HTML: Final = "text/html; charset=utf-8"
STYLE_SHEET: Final = "style.css"
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' https:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
Asked = Mapping[str, str]
Answer = tuple[HTTPStatus, str, BinaryIO]
"""The status, the type and the contents of a page or picture, to be closed."""


class Answering(Protocol):
    """What is served."""

    def answer(self, place: str, asked: Asked) -> Answer:
        """A page or picture."""


class Viewer:
    """Answers what the pages of an export ask. The overview opens what is current."""

    def __init__(self, export: PublishedExport, home: str | None = None) -> None:
        """Reads nothing yet. `home` leads from its pages to the list of all exports, if any."""
        self._home = home
        self._lock = Lock()
        self._gallery = Gallery(export)
        self._counts: LabelCounts | None = None

    @property
    def export(self) -> PublishedExport:
        """The generation that is shown."""
        return self._gallery.export

    def answer(self, place: str, asked: Asked) -> Answer:
        """A page or picture."""
        if place == STYLE_SHEET:
            return style_sheet()
        try:
            if place == "picture":
                return self._picture(asked)
            make = self._places.get(place or "overview")
            if make is None:
                return self._trouble(HTTPStatus.NOT_FOUND, "There is no such page.")
            return self._whole(HTTPStatus.OK, make(asked))
        except (NoSuchFile, GenerationExpired) as error:
            return self._trouble(HTTPStatus.NOT_FOUND, str(error))
        except TransientError as error:
            return self._trouble(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
        except ExportError as error:
            return self._trouble(HTTPStatus.BAD_REQUEST, str(error))

    @property
    def _places(self) -> Mapping[str, Callable[[Asked], pages.Page]]:
        return {
            "overview": self._overview,
            "pictures": self._pictures,
            "asset": self._asset,
            "history": lambda _: pages.history(self.export.history()),
            "problems": lambda _: self._problems(),
        }

    def _overview(self, asked: Asked) -> pages.Page:
        latest = self.export.latest()
        with self._lock:
            former = self.export.manifest
            # The same files may stand in another archive since, the former one gone.
            if latest.manifest != former:
                self._gallery = Gallery(latest)
            if latest.manifest.files_version != former.files_version:
                self._counts = None
            if latest.statistics is not None:
                return pages.overview(latest, LabelCounts.published(latest.statistics))
            is_small = latest.counts.members <= _COUNTED_AT_ONCE
            if self._counts is None and (is_small or "count" in asked):
                self._counts = self._counted(asked)
            return pages.overview(latest, self._counts)

    def _counted(self, asked: Asked) -> LabelCounts | None:
        """The counts; None where they cannot be had and were not asked for."""
        try:
            return self._gallery.counts()
        except InvalidConfiguration:
            if "count" in asked:
                raise
            return None

    def _pictures(self, asked: Asked) -> pages.Page:
        since = asked.get("since", "")
        wanted = Wanted(
            asked.get("label"),
            asked.get("subset"),
            int(since) if since.isdecimal() else None,
            asked.get("author"),
        )
        gallery = self._gallery
        return pages.pictures(gallery, wanted, gallery.page(wanted, asked.get("start", "")))

    def _asset(self, asked: Asked) -> pages.Page:
        path, name = asked.get("path", ""), asked.get("before")
        gallery, before = self._gallery, None
        if name is not None:
            before = _picture_or_none(Gallery(gallery.export.at(name)), path)
        snapshots = gallery.export.snapshots()
        return pages.asset(gallery.export, gallery.picture(path), before, snapshots)

    def _problems(self) -> pages.Page:
        try:
            report = self.export.report()
        except TransientError:
            report = None
        return pages.problems(self.export, report)

    def _picture(self, asked: Asked) -> Answer:
        path = asked.get("path", "")
        kind = PICTURES.get(PurePosixPath(path).suffix.lower())
        if kind is None:
            raise NoSuchFile(f"{path[:200]!r} is no picture.")
        return HTTPStatus.OK, kind, self.export.open(path)

    def _trouble(self, status: HTTPStatus, message: str) -> Answer:
        return self._whole(status, pages.trouble(message))

    def _whole(self, status: HTTPStatus, page: pages.Page) -> Answer:
        return status, HTML, BytesIO(pages.whole(self.export, page, self._home).encode())


def style_sheet() -> Answer:
    """How pages look."""
    return HTTPStatus.OK, "text/css; charset=utf-8", BytesIO(STYLE.encode())


def _picture_or_none(gallery: Gallery, path: str) -> Picture | None:
    try:
        return gallery.picture(path)
    except NoSuchFile:
        return Picture(path)


class ViewServer:
    """Serves on a port of loopback, 0 for a free one. `url` is the address to open."""

    def __init__(self, viewer: Answering, port: int = 0) -> None:
        """Listens at once; `serve` answers."""
        self.viewer = viewer
        token = secrets.token_urlsafe(32)
        self._server = BoundedServer(port, _Handler)
        host = f"127.0.0.1:{self._server.server_address[1]}"
        self.url = f"http://{host}/{token}/"
        self._server.RequestHandlerClass = type(
            "Handler", (_Handler,), {"viewer": viewer, "token": token, "host": host}
        )

    def serve(self) -> None:
        """Answers until `stop`, or an exception such as Ctrl+C."""
        try:
            self._server.serve_forever(poll_interval=0.05)
        finally:
            self.close()

    def close(self) -> None:
        """Listens no more. For who does not `serve`."""
        self._server.server_close()

    def stop(self) -> None:
        """Ends `serve`, from another thread."""
        self._server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    timeout = _PATIENCE_SECONDS
    server: BoundedServer
    viewer: Answering
    token: str
    host: str

    def do_GET(self) -> None:
        """Answers a page or a picture."""
        path, _, query = self.path.partition("?")
        token, _, place = path.lstrip("/").partition("/")
        if not self._is_ours(token):
            self.close_connection = True
            self._send(HTTPStatus.FORBIDDEN, "text/plain", BytesIO(b"Access denied.\n"))
            return
        self.server.trust(self.connection)
        asked = {name: values[-1] for name, values in parse_qs(query).items()}
        try:
            answer = self.viewer.answer(place, asked)
        except Exception:
            _LOGGER.exception("A page could not be made")
            answer = HTTPStatus.INTERNAL_SERVER_ERROR, "text/plain", BytesIO(b"See the log.\n")
        try:
            self._send(*answer)
        except OSError:
            # The reader went away.
            self.close_connection = True
        except ExportError:
            # A page that is too short shows that something is missing: its length is said.
            _LOGGER.exception("A picture could not be read to its end")
            self.close_connection = True

    def _is_ours(self, token: str) -> bool:
        """Whether the caller knows the address. A page that a foreign name leads here for does not.

        Such a page sends that name as the host.
        """
        is_known = hmac.compare_digest(token.encode(), self.token.encode())
        return is_known and self.headers.get_all("Host") == [self.host]

    def _send(self, status: HTTPStatus, kind: str, contents: BinaryIO) -> None:
        """Sends contents some at a time: pictures can be large."""
        with contents:
            length = contents.seek(0, SEEK_END)
            contents.seek(0)
            self.send_response(status)
            for name, value in HEADERS.items():
                self.send_header(name, value)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            copyfileobj(contents, self.wfile)

    def version_string(self) -> str:
        """What the server calls itself."""
        return "kili-export"

    def log_message(self, *_: object) -> None:
        """Logs nothing: an address holds the token."""
