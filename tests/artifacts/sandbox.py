"""Runs a built function under Lambda's runtime interface emulator."""

import http.client
import json
import os
import re
import socket
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devtools.build.sam import ENVIRONMENT, emulator

_INVOCATIONS = "/2015-03-31/functions/function/invocations"
_START_SECONDS = 30.0
# What awslambdaric consists of. Nothing else of its environment is to be found by a function.
_RUNTIME = ("awslambdaric", "simplejson", "snapshot_restore_py*", "runtime_client*.so")


class FunctionError(Exception):
    """What a function answered with; `name` is the class of what it raised."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name
        self.message = message


@dataclass(frozen=True, slots=True)
class Measured:
    """Milliseconds from the first call to its answer and of the start alone; peak memory in MB."""

    first_call: float
    cold_start: float
    peak_memory: float


class Sandbox:
    """One function in one sandbox; one invocation at a time. Use as a context."""

    def __init__(
        self, artifacts: Path, function: str, environment: Mapping[str, str], scratch: Path
    ) -> None:
        """`function` is the logical id in the template, `scratch` an empty folder."""
        self._folder = artifacts / function
        self._layers = [
            artifacts / name / "python" for name in ("DependenciesLayer", "SharedLayer")
        ]
        self._environment = environment
        self._scratch = scratch
        self._lock = threading.Lock()
        self._port = 0
        self._first_call = 0.0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """What the emulator and the function printed."""
        return (self._scratch / "log").read_text(errors="replace")

    def __enter__(self) -> "Sandbox":
        runtime = self._scratch / "runtime"
        runtime.mkdir(parents=True)
        [packages] = ENVIRONMENT.glob("lib/python*/site-packages")
        for pattern in _RUNTIME:
            for found in packages.glob(pattern):
                (runtime / found.name).symlink_to(found)
        self._port, api = _free_port(), _free_port()
        command = [
            str(emulator()),
            f"--runtime-interface-emulator-address=127.0.0.1:{self._port}",
            f"--runtime-api-address=127.0.0.1:{api}",
            # Without the site module the environment's own packages are out of sight.
            *(str(ENVIRONMENT / "bin" / "python"), "-S", "-m", "awslambdaric"),
            "app.lambda_handler",
        ]
        path = os.pathsep.join(map(str, (self._folder, *self._layers, runtime)))
        with (self._scratch / "log").open("wb") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self._folder,
                env={
                    "PATH": os.environ["PATH"],
                    "PYTHONPATH": path,
                    "PYTHONDONTWRITEBYTECODE": "1",
                    "LAMBDA_TASK_ROOT": str(self._folder),
                    "TZ": ":UTC",
                    **self._environment,
                },
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._wait_until_it_listens()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def invoke(self, event: Any) -> Any:
        """The function's answer. Raises FunctionError."""
        with self._lock:
            started = time.perf_counter()
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=120)
            try:
                connection.request("POST", _INVOCATIONS, json.dumps(event).encode())
                answer = connection.getresponse().read()
            finally:
                connection.close()
            if not self._first_call:
                self._first_call = (time.perf_counter() - started) * 1000
        try:
            result = json.loads(answer)
        except ValueError:
            raise FunctionError("Sandbox.Broken", answer.decode(errors="replace")) from None
        if isinstance(result, dict) and "errorType" in result:
            raise FunctionError(str(result["errorType"]), str(result.get("errorMessage")))
        return result

    def measured(self) -> Measured:
        """How its first call went, and the most memory that it had in use."""
        initialised = re.search(r"INIT REPORT\(durationMs: ([0-9.]+)\)", self.log)
        cold = float(initialised.group(1)) if initialised else 0.0
        return Measured(self._first_call, cold, self._peak_memory())

    def _peak_memory(self) -> float:
        assert self._process is not None
        peaks = []
        for status in Path("/proc").glob("[0-9]*/status"):
            try:
                fields = dict(
                    line.split(":", 1) for line in status.read_text().splitlines() if ":" in line
                )
            except OSError:
                continue
            if int(fields["PPid"]) == self._process.pid and "VmHWM" in fields:
                peaks.append(int(fields["VmHWM"].split()[0]) / 1024)
        return max(peaks, default=0.0)

    def _wait_until_it_listens(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
            except OSError as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(f"the emulator did not start: {self.log}") from error
                time.sleep(0.02)
            else:
                return


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
