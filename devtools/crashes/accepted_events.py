"""Events that are sent all the time, and what of them was accepted."""

import http.client
import json
import threading
from dataclasses import dataclass, field
from datetime import datetime
from itertools import cycle
from urllib.parse import urlsplit

from kili_export.local.kili_standin import KiliWorld

_TIMEOUT_SECONDS = 10.0
_REST_SECONDS = 0.05


@dataclass
class Sender:
    """Labels one asset after the other, and sends an event of each label. A context.

    `url` is where the webhook is, None while there is none.
    """

    world: KiliWorld
    project_id: str
    authorization: str = ""
    url: str | None = None
    _accepted: dict[str, datetime] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _done: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> "Sender":
        self._thread = threading.Thread(target=self._send_all, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        if self._thread is not None:
            self._thread.join()

    def accepted(self) -> dict[str, datetime]:
        """By asset, when the newest label was created whose event got a 202 so far."""
        with self._lock:
            return dict(self._accepted)

    def _send_all(self) -> None:
        assets = list(self.world.project(self.project_id).assets)
        for asset_id in cycle(assets):
            if self._done.wait(_REST_SECONDS):
                return
            if self.url is not None:
                self._send(asset_id, self.url)

    def _send(self, asset_id: str, url: str) -> None:
        label = self.world.submit_label(asset_id, project_id=self.project_id)
        body = {
            "event": "label.workflow.created.default",
            "projectId": self.project_id,
            "payload": {"assetId": asset_id, "labelId": label.id},
        }
        if _status(url, self.authorization, json.dumps(body).encode()) == http.client.ACCEPTED:
            with self._lock:
                self._accepted[asset_id] = label.created_at


def _status(url: str, authorization: str, body: bytes) -> int:
    """The status of the answer, 0 when there was none."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=_TIMEOUT_SECONDS)
    headers = {"Authorization": authorization, "Content-Type": "application/json"}
    try:
        connection.request("POST", parts.path, body, headers)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()
