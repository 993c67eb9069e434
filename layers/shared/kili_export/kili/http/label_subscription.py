"""Kili's subscription to the labels of a project: it says that something happened, and no more.

The protocol is Apollo's former `graphql-ws`. What was missed between two connections is not sent
again, so nobody may rely on it: who follows Kili's events is woken by it, and reads on.
https://github.com/apollographql/subscriptions-transport-ws/blob/master/PROTOCOL.md
"""

import json
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any, Final

import websocket

from kili_export.core.errors import ExportError, IntegrityError, Unavailable
from kili_export.kili.http.endpoint import KiliEndpoint

_DOCUMENT: Final = (
    "subscription($projectID: ID!) {"
    " data: labelCreatedOrUpdated(projectID: $projectID) { id labelOf { id } labelType } }"
)
_ID: Final = "labels"
_TIMEOUT: Final = 30.0
"""Seconds to connect, and between two looks at whether the other side is there."""
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0


@dataclass(slots=True)
class LabelSubscription:
    """One project's. `tell` gets a line for people when the connection fails, once in a row."""

    endpoint: KiliEndpoint
    project_id: str
    woken: Callable[[], None]
    tell: Callable[[str], None]
    _stopped: threading.Event = field(default_factory=threading.Event)
    _pause: float = _FIRST_PAUSE

    def run(self) -> None:
        """Listens until `stop`, and connects again whenever it has to."""
        has_failed = False
        while not self._stopped.is_set():
            try:
                self._listen()
                has_failed = False
            except (ExportError, OSError, websocket.WebSocketException) as error:
                if not has_failed:
                    reason = self.endpoint.without_key(str(error))
                    self.tell(f"The subscription of project {self.project_id} ended: {reason}")
                has_failed = True
            # Between two connections anything may have happened.
            self.woken()
            self._stopped.wait(self._pause)
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)

    def stop(self) -> None:
        """Ends it, half a minute later at most."""
        self._stopped.set()

    def _listen(self) -> None:
        url = "ws" + self.endpoint.url.removeprefix("http")
        with closing(
            # The key goes to the endpoint alone, which is no other one by a redirection.
            websocket.create_connection(
                url, timeout=_TIMEOUT, subprotocols=["graphql-ws"], redirect_limit=0
            )
        ) as connection:
            self._begin(connection)
            while not self._stopped.is_set():
                try:
                    message = _message(connection.recv())
                except websocket.WebSocketTimeoutException:
                    connection.ping()
                    continue
                self._take(message)
            with suppress(OSError, websocket.WebSocketException):
                connection.send(json.dumps({"id": _ID, "type": "stop"}))

    def _begin(self, connection: Any) -> None:
        authorization = self.endpoint.authorization()
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "Authorization": authorization,
        }
        init = {"headers": headers, "Authorization": authorization}
        connection.send(json.dumps({"type": "connection_init", "payload": init}))
        start = {
            "headers": headers,
            "query": _DOCUMENT,
            "variables": {"projectID": self.project_id},
        }
        connection.send(json.dumps({"id": _ID, "type": "start", "payload": start}))

    def _take(self, message: dict[str, Any]) -> None:
        match message.get("type"):
            case "data":
                self.woken()
            case "connection_ack":
                self._pause = _FIRST_PAUSE
                self.woken()
            case "error" | "complete" | "connection_error" as kind:
                raise Unavailable(f"Kili answers {kind}")


def _message(data: str | bytes) -> dict[str, Any]:
    if not data:
        raise Unavailable("Kili closed the connection")
    try:
        message = json.loads(data)
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        raise IntegrityError("Kili sent something that is no message")
    return message
