"""The HTTP server of the front door: waitress, with limits on what a stranger can hold.

A request is judged by its headers, before anything of its body is read. Whatever is not answered
with success ends its connection: nothing that follows can be taken for another caller's request.
"""

import logging
import re
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher, WSGITask
from waitress.utilities import Error

_LOOP_SECONDS: Final = 0.5
_THREADS: Final = 32
_MISSPELLED: Final = re.compile(rb"\n(content_length|transfer_encoding)[ \t]*:", re.IGNORECASE)
"""Names that some programs take for those that say where a request ends, and waitress drops."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one caller, and all together, may take. Times are in seconds."""

    connections: int = 256
    header_bytes: int = 16 * 1024
    body_bytes: int = 6 * 1024 * 1024
    header: float = 10.0
    request: float = 30.0
    idle: float = 15.0
    ending: float = 2.0
    stop: float = 5.0


@dataclass(frozen=True, slots=True)
class Head:
    """A request without its body."""

    method: str
    path: str
    headers: Mapping[str, str]
    has_body: bool


@dataclass(frozen=True, slots=True)
class Refusal:
    """What is answered in place of reading the body."""

    status: int
    reason: str
    message: str
    headers: tuple[tuple[str, str], ...] = ()


Judge = Callable[[Head], Refusal | None]
Application = Callable[[Mapping[str, Any], Callable[..., Any]], list[bytes]]


class HttpServer:
    """A server on one address. It answers from `start` on."""

    def __init__(
        self, application: Application, judge: Judge, host: str, port: int, limits: Limits
    ) -> None:
        """Takes the port, 0 for a free one. Raises OSError when it cannot be taken."""
        parser = type("Parser", (_Parser,), {"judge": staticmethod(judge)})
        channel = type("Channel", (_Channel,), {"parser_class": parser, "limits": limits})
        server = type("Server", (_Server,), {"channel_class": channel, "limits": limits})
        address = f"[{host}]" if ":" in host else host
        adjustments = Adjustments(
            listen=f"{address}:{port}",
            ident=None,
            backlog=limits.connections,
            # The server makes room itself: waitress would let the oldest keep everybody out.
            connection_limit=100 * limits.connections,
            cleanup_interval=1,
            channel_timeout=limits.request,
            max_request_header_size=limits.header_bytes,
            max_request_body_size=limits.body_bytes + 1,
            asyncore_use_poll=True,
        )
        # A queue is nothing to warn of: it is what the limits are for.
        logging.getLogger("waitress").setLevel(logging.ERROR)
        self._sockets: dict[int, Any] = {}
        workers = ThreadedTaskDispatcher()
        try:
            self._server: Any = server(
                application, map=self._sockets, adj=adjustments, dispatcher=workers
            )
        except OSError:
            wasyncore.close_all(self._sockets)
            raise
        workers.set_thread_count(_THREADS)
        self._ending = limits.stop
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="front-door", daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.effective_port)

    def start(self) -> None:
        """Begins to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Takes no more requests, and answers those under way, as far as that is soon done."""
        self._stopping.set()
        self._server.pull_trigger()
        self._thread.join()

    def close(self) -> None:
        """Gives the port back."""
        self._server.task_dispatcher.shutdown()
        wasyncore.close_all(self._sockets)

    def _serve(self) -> None:
        while not self._stopping.is_set():
            self._turn()
        self._server.accepting = False
        deadline = time.monotonic() + self._ending
        while not self._server.is_idle() and time.monotonic() < deadline:
            self._turn()

    def _turn(self) -> None:
        """Does what there is to do on any connection, or waits for it."""
        wasyncore.loop(_LOOP_SECONDS, use_poll=True, map=self._sockets, count=1)


class _Refused(Error):  # type: ignore[misc] # waitress has no types
    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self._refusal = refusal

    def to_response(self, _ident: str | None = None) -> tuple[str, list[tuple[str, str]], bytes]:
        """The status line, headers and body."""
        refusal = self._refusal
        return (
            f"{refusal.status} {refusal.reason}",
            [("Content-Type", "application/json"), *refusal.headers],
            refusal.message.encode(),
        )


class _Parser(HTTPRequestParser):  # type: ignore[misc] # waitress has no types
    judge: Judge
    refusal: Refusal | None = None
    # Of the base class.
    error: Any
    chunked: bool
    content_length: int

    def received(self, data: bytes) -> int:
        """Takes bytes of a request. One that is refused ends with its headers."""
        consumed: int = super().received(data)
        if self.refusal is not None and self.error is None:
            self.error = _Refused(self.refusal)
        if self.error is not None:
            # Who waits to be asked for the body is not asked.
            self.expect_continue = False
        return consumed

    def parse_header(self, header_plus: bytes) -> None:
        """Reads the headers, and judges the request by them."""
        super().parse_header(header_plus)
        self._refuse_unclear(header_plus)
        has_body = self.chunked or self.content_length > 0
        head = Head(self.command, self.path, self.headers, has_body)
        self.refusal = type(self).judge(head)
        if self.refusal is not None:
            self.body_rcv, self.content_length, self.chunked = None, 0, False

    def _refuse_unclear(self, header_plus: bytes) -> None:
        """Raises ParsingError where another program may see the request end elsewhere."""
        if self.chunked and "CONTENT_LENGTH" in self.headers:
            raise ParsingError("Content-Length and Transfer-Encoding exclude each other")
        if "TRANSFER_ENCODING" in self.headers:
            raise ParsingError("Transfer-Encoding needs HTTP/1.1")
        if _MISSPELLED.search(header_plus):
            raise ParsingError("Names of headers are spelled with hyphens")


class _Task(WSGITask):  # type: ignore[misc] # waitress has no types
    def build_response_header(self) -> bytes:
        """The status line and the headers. Only success keeps the connection."""
        if not self.status.startswith("2"):
            self.set_close_on_finish()
        header: bytes = super().build_response_header()
        return header


class _Channel(HTTPChannel):  # type: ignore[misc] # waitress has no types
    """One connection."""

    task_class = _Task
    limits: Limits
    request_began: float | None = None
    ending_since: float | None = None

    def received(self, data: bytes) -> bool:
        """Takes bytes that have arrived."""
        if self.request_began is None:
            self.request_began = time.time()
        taken: bool = super().received(data)
        if self.request is None:
            self.request_began = None
        return taken

    def readable(self) -> bool:
        """Whether bytes are taken."""
        return self.ending_since is not None or bool(super().readable())

    def handle_read(self) -> None:
        """Bytes have arrived. Those after the end of the last request are thrown away."""
        if self.ending_since is None:
            super().handle_read()
            return
        try:
            self.recv(self.adj.recv_bytes)
        except OSError:
            self.handle_close()

    def handle_write(self) -> None:
        """Bytes can be sent."""
        if not self.close_when_flushed:
            super().handle_write()
            return
        self._flush_exception(self._flush_some)
        if self.will_close:
            self.handle_close()
        elif not self.total_outbufs_len:
            self._end()

    def _end(self) -> None:
        """Sends nothing more. A caller that still sends would otherwise lose our answer."""
        self.close_when_flushed = False
        self.ending_since = time.time()
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.handle_close()

    @property
    def awaits_headers(self) -> bool:
        """Whether nothing is known yet of what it wants."""
        return not self.requests and (self.request is None or not self.request.headers_finished)

    def is_overdue(self, now: float) -> bool:
        """Whether it has taken its time."""
        if self.ending_since is not None:
            return now - self.ending_since > self.limits.ending
        if self.requests:
            return False
        if self.request_began is None:
            return bool(now - self.last_activity > self.limits.idle)
        taken = now - self.request_began
        return taken > (self.limits.header if self.awaits_headers else self.limits.request)


class _Server(TcpWSGIServer):  # type: ignore[misc] # waitress has no types
    limits: Limits

    def handle_accept(self) -> None:
        """A caller connects. When there is no room, one that has said nothing yet gives way."""
        if len(self.active_channels) >= self.limits.connections:
            self._make_room()
        super().handle_accept()

    def _make_room(self) -> None:
        silent = [one for one in self.active_channels.values() if one.awaits_headers]
        for channel in sorted(silent, key=lambda one: one.last_activity)[:1]:
            channel.handle_close()

    def maintenance(self, now: float) -> None:
        """Ends the connections whose time is over."""
        super().maintenance(now)
        for channel in tuple(self.active_channels.values()):
            if channel.is_overdue(now):
                channel.will_close = True

    def is_idle(self) -> bool:
        """Whether no request is under way and no answer is on its way."""
        return not any(
            one.requests or one.total_outbufs_len or one.close_when_flushed
            for one in self.active_channels.values()
        )
