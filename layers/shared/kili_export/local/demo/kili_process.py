"""The demo's Kili: the stand-in in a process of its own, and the hand on its control endpoint."""

import json
from http import HTTPStatus
from pathlib import Path
from typing import Any

from urllib3 import PoolManager
from urllib3.exceptions import HTTPError

from kili_export.local.stack.child import Child, ServerDidNotStart, python_module
from kili_export.local.stack.environment import process_environment

_TIMEOUT_SECONDS = 30


class KiliProcess:
    """A running stand-in with the sample project. Use as a context."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._connections = PoolManager()
        self.endpoint = ""
        self.api_key = ""
        self.project_id = ""
        self._control = ""
        self._child: Child | None = None

    def __enter__(self) -> "KiliProcess":
        """Starts it. Raises ServerDidNotStart."""
        self._child = Child(
            python_module("kili_export.local.demo.kili_child"),
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
        self._connections.clear()
        if self._child is not None:
            self._child.stop()

    @property
    def pid(self) -> int:
        """The number of its process. Raises ServerDidNotStart."""
        if self._child is None:
            raise ServerDidNotStart("The stand-in of Kili was not started.")
        return self._child.process.pid

    def control(self, operation: str, **body: Any) -> dict[str, Any]:
        """Has something happen in Kili. Raises urllib3's HTTPError when it cannot."""
        url = f"{self._control.rstrip('/')}/{operation}"
        answer = self._connections.request(
            "POST", url, json=body, timeout=_TIMEOUT_SECONDS, retries=False
        )
        if answer.status != HTTPStatus.OK:
            raise HTTPError(f"{operation}: HTTP {answer.status}: {answer.data.decode()}")
        result: dict[str, Any] = answer.json()
        return result
