"""A local stack in a process of its own, as `kili-export up` starts it."""

import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from devtools.bench.against_sdk.counting_proxy import CountingProxy
from kili_export.local.stack.child import ServerDidNotStart
from kili_export.local.stack.environment import process_environment
from kili_export.local.stack.seaweed import s3_port
from kili_export.local.stack.state_directory import RunningStack, StateDirectory

_END_SECONDS = 60
_NEVER = "100000000"


class StackProcess:
    """One running stack. Use as a context. `s3` counts the bytes to and from its S3.

    `window`: seconds for which changes are collected before a run.
    """

    def __init__(
        self,
        state: Path,
        *,
        endpoint: str,
        api_key: str,
        tuning: Mapping[str, str],
        window: int = 1,
    ) -> None:
        self.state = StateDirectory(state)
        self._window = str(window)
        self._environment = {
            **process_environment(),
            **tuning,
            "KILI_API_ENDPOINT": endpoint,
            "KILI_API_KEY": api_key,
        }
        self.s3 = CountingProxy(lambda: s3_port(self.state.objects))
        self._process: subprocess.Popen[bytes] | None = None
        self._started = ExitStack()

    def __enter__(self) -> Self:
        """Starts it. Raises ServerDidNotStart."""
        with ExitStack() as started:
            started.enter_context(self.s3)
            started.callback(self._end)
            self._start()
            self._started = started.pop_all()
        return self

    def _start(self) -> None:
        log = self.state.path.parent / "up.log"
        # Nothing but what is measured happens: no comparison with Kili comes in between.
        timing = (
            *("--window", self._window, "--settle", "0", "--reconcile-every", _NEVER),
            *("--follow-every", "0"),
        )
        where = ("--port", "0", "--state", str(self.state.path), "--s3-door", str(self.s3.port))
        with log.open("ab") as stream:
            self._process = subprocess.Popen(
                (sys.executable, "-m", "kili_export.local.main", "up", *where, *timing),
                stdout=subprocess.PIPE,
                stderr=stream,
                env=self._environment,
            )
        assert self._process.stdout is not None  # noqa: S101 it is a pipe
        if not self._process.stdout.readline():
            raise ServerDidNotStart(f"The stack did not start; see {log}")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._started.close()

    def _end(self) -> None:
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    @property
    def running(self) -> RunningStack:
        """How it is reached."""
        return self.state.running()

    @property
    def pid(self) -> int:
        """The process whose children are the workers."""
        if self._process is None:
            raise ServerDidNotStart("The stack was not started.")
        return self._process.pid
