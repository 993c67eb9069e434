"""Several senders that label pictures in a stand-in of Kili and tell the webhook of each label."""

import http.client
import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

from kili_export.local.kili_standin import KiliWorld

_TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Sent:
    """One call: when it was sent, its status, 0 when there was no answer, and the answer's time."""

    at: datetime
    status: int
    seconds: float


@dataclass(slots=True)
class Senders:
    """`senders` threads, which together send `events` in `seconds`, evenly."""

    world: KiliWorld
    project_id: str
    url: str
    authorization: str
    events: int
    seconds: float
    senders: int
    sent: list[Sent] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> float:
        """Sends everything. Answers how many seconds that took."""
        assets = list(self.world.project(self.project_id).assets)
        began = time.monotonic()
        threads = [
            threading.Thread(target=self._send, args=(number, assets, began), daemon=True)
            for number in range(self.senders)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return time.monotonic() - began

    def _send(self, sender: int, assets: Sequence[str], began: float) -> None:
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=_TIMEOUT_SECONDS)
        for number in range(sender, self.events, self.senders):
            due = number * self.seconds / self.events
            time.sleep(max(0.0, began + due - time.monotonic()))
            asset_id = assets[number % len(assets)]
            label = self.world.submit_label(asset_id, project_id=self.project_id)
            body = {
                "event": "label.workflow.created.default",
                "projectId": self.project_id,
                "payload": {"assetId": asset_id, "labelId": label.id},
            }
            one = self._post(connection, parts.path, json.dumps(body).encode())
            with self._lock:
                self.sent.append(one)
        connection.close()

    def _post(self, connection: http.client.HTTPConnection, path: str, body: bytes) -> Sent:
        headers = {"Authorization": self.authorization, "Content-Type": "application/json"}
        at, asked = datetime.now(UTC), time.monotonic()
        try:
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            answer.read()
            status = answer.status
        except (OSError, http.client.HTTPException):
            connection.close()
            status = 0
        return Sent(at, status, time.monotonic() - asked)
