"""The demo's Kili: the stand-in in a process of its own, and the hand on its control endpoint."""

import json
import sys
from pathlib import Path
from typing import Any

import requests

from kili_export.local.stack.child import Child, ServerDidNotStart
from kili_export.local.stack.environment import process_environment

_TIMEOUT_SECONDS = 30


class KiliProcess:
    """A running stand-in with the sample project. Use as a context."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._session = requests.Session()
        # Loopback is never a proxy's business.
        self._session.trust_env = False
        self.endpoint = ""
        self.api_key = ""
        self.project_id = ""
        self._control = ""
        self._child: Child | None = None

    def __enter__(self) -> "KiliProcess":
        """Starts it. Raises ServerDidNotStart."""
        self._child = Child(
            (sys.executable, "-m", "kili_export.local.demo.kili_child"),
            environment=process_environment(),
            log=self._log,
            answers=True,
        )
        line = self._child.first_line()
        if not line:
            self._child.kill()
            raise ServerDidNotStart(f"The stand-in of Kili did not start; see {self._log}")
        ready = json.loads(line)
        self.endpoint, self.api_key = ready["endpoint"], ready["api_key"]
        self.project_id, self._control = ready["project_ids"][0], ready["control_url"]
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()
        if self._child is not None:
            self._child.stop()

    @property
    def pid(self) -> int:
        """The number of its process. Raises ServerDidNotStart."""
        if self._child is None:
            raise ServerDidNotStart("The stand-in of Kili was not started.")
        return self._child.process.pid

    def control(self, operation: str, **body: Any) -> dict[str, Any]:
        """Has something happen in Kili. Raises requests' HTTPError when it cannot."""
        url = f"{self._control.rstrip('/')}/{operation}"
        answer = self._session.post(url, json=body, timeout=_TIMEOUT_SECONDS)
        answer.raise_for_status()
        result: dict[str, Any] = answer.json()
        return result
