"""Serves subscriptions over a websocket, by Apollo's former protocol `graphql-ws`.

https://github.com/apollographql/subscriptions-transport-ws/blob/master/PROTOCOL.md
"""

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from kili_export.local.kili_standin.api.graphql_api import GraphQLApi
from kili_export.local.kili_standin.changes.world import KiliWorld

_POLL_SECONDS = 0.05


@dataclass(slots=True)
class Subscriptions:
    """One connection, and the subscriptions that were started on it, by their ids."""

    world: KiliWorld
    api: GraphQLApi
    connection: socket.socket
    _protocol: ServerProtocol = field(
        default_factory=lambda: ServerProtocol(subprotocols=[Subprotocol("graphql-ws")])
    )
    _started: dict[str, dict[str, Any]] = field(default_factory=dict)
    _seen: int = 0
    _is_open: bool = True
    _may_start: bool = False

    def serve(self, head: bytes, is_served: Callable[[], bool]) -> None:
        """Serves the connection whose request began with `head`, until either side ends it."""
        self._seen, _ = self.world.pushed_since(0)
        self.connection.settimeout(_POLL_SECONDS)
        self._protocol.receive_data(head)
        while self._is_open and is_served():
            self._take_in()
            self._push()
            self._flush()
            try:
                self._protocol.receive_data(self.connection.recv(1 << 16))
            except TimeoutError:
                continue
            except OSError:
                return

    def _take_in(self) -> None:
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._protocol.send_response(self._protocol.accept(event))
            elif isinstance(event, Frame) and event.opcode in (Opcode.TEXT, Opcode.BINARY):
                self._answer(orjson.loads(event.data))
            elif isinstance(event, Frame) and event.opcode is Opcode.CLOSE:
                self._is_open = False

    def _answer(self, message: Mapping[str, Any]) -> None:
        match message.get("type"):
            case "connection_init":
                given = (message.get("payload") or {}).get("Authorization")
                self._may_start = given == f"X-API-Key: {self.world.api_key}"
                self._send({"type": "connection_ack" if self._may_start else "connection_error"})
                if self._may_start:
                    self._send({"type": "ka"})
            case "start" if self._may_start:
                self._started[message["id"]] = message["payload"]
                # Subscriptions count as operations that were asked for.
                for root in self.api.root_fields(message["payload"]["query"]):
                    self.world.counters.operation(root)
            case "stop":
                if self._started.pop(message["id"], None) is not None:
                    self._send({"type": "complete", "id": message["id"]})
            case _:
                self._send({"type": "error", "id": message.get("id"), "payload": {}})

    def _push(self) -> None:
        self._seen, fresh = self.world.pushed_since(self._seen)
        for label in fresh:
            for started, payload in self._started.items():
                if payload["variables"]["projectID"] == label.project.id:
                    answer = self.api.push(payload["query"], payload["variables"], label)
                    self._send({"type": "data", "id": started, "payload": answer})

    def _send(self, message: Mapping[str, Any]) -> None:
        self._protocol.send_text(orjson.dumps(message))

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self.connection.sendall(data)
