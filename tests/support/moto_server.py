"""AWS's services other than S3 and Step Functions, from moto's server in a child process."""

import sys
from collections.abc import Mapping
from pathlib import Path

from kili_export.local.stack.child import Child, ServerDidNotStart


class MotoServer:
    """DynamoDB, Secrets Manager, EventBridge, SQS and CloudFormation on a loopback port."""

    def __init__(self, environment: Mapping[str, str], logs: Path) -> None:
        self._environment = environment
        self._log = logs / "moto.log"
        self._child: Child | None = None
        self._port = ""

    @property
    def endpoint(self) -> str:
        """The URL that clients use."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Starts the server and waits until it serves. Raises ServerDidNotStart."""
        self._child = Child(
            (sys.executable, "-m", "tests.support.moto_child"),
            environment=self._environment,
            log=self._log,
            answers=True,
        )
        self._port = self._child.first_line()
        if not self._port.isdecimal():
            self._child.kill()
            raise ServerDidNotStart(f"moto's server did not start; see {self._log}")

    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self._child is not None and self._child.is_alive()

    def stop(self) -> None:
        """Ends it, and with it all that it holds."""
        if self._child is not None:
            self._child.stop()
