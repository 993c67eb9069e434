"""A `kili-export up` in a process of its own, for tests, and its commands."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kili_export.local.kili_standin import StandIn
from tests.support.command_processes import run_command

COMMAND = (sys.executable, "-m", "kili_export.local.main")
START_SECONDS = 60


@dataclass
class StackProcess:
    """One stack. `ready` is the line that it prints when it serves, and its credentials."""

    state: Path
    kili: StandIn
    api_key: str
    window: int = 1
    settle: int = 0
    following: tuple[str, ...] = ("--follow-every", "0")
    variables: dict[str, str] = field(default_factory=dict)
    said: dict[str, Any] = field(default_factory=dict)
    ready: dict[str, Any] = field(default_factory=dict)
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Starts it and waits until it serves."""
        command = (*COMMAND, "up", "--port", "0", "--state", str(self.state), *self.following)
        timing = ("--window", str(self.window), "--settle", str(self.settle))
        written = self.state.parent / "up.log"
        # Closed to others, as what a stack writes itself.
        written.touch(0o600)
        with written.open("ab") as log:
            self.process = subprocess.Popen(
                (*command, *timing),
                stdout=subprocess.PIPE,
                stderr=log,
                env=self.environment,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, written.read_text()
        self.said = json.loads(line)
        self.ready = {**self.said, **self.answer("credentials")}

    @property
    def environment(self) -> dict[str, str]:
        """What the commands are started with."""
        return {
            **os.environ,
            "KILI_API_ENDPOINT": self.kili.endpoint,
            "KILI_API_KEY": self.api_key,
            "KILI_REQUESTS_PER_MINUTE": "100000",
            **self.variables,
        }

    def end(self, number: int = signal.SIGTERM) -> int:
        """Sends a signal and waits for the end. Answers the exit status."""
        assert self.process is not None
        assert self.process.stdout is not None
        self.process.send_signal(number)
        try:
            return self.process.wait(timeout=120)
        finally:
            self.process.kill()
            self.process.stdout.close()
            self.process = None

    @contextmanager
    def held(self, function: str) -> Iterator[None]:
        """Lets callers of a function wait, by halting the function's workers meanwhile."""
        workers = self._workers(function)
        assert workers, f"{function} has no workers"
        for worker in workers:
            os.kill(worker, signal.SIGSTOP)
        try:
            yield
        finally:
            for worker in workers:
                os.kill(worker, signal.SIGCONT)

    def _workers(self, function: str) -> list[int]:
        assert self.process is not None
        listed = subprocess.run(
            ("ps", "-A", "-ww", "-o", "pid=,ppid=,args="),
            capture_output=True,
            text=True,
            check=True,
        )
        rows = [line.split(None, 2) for line in listed.stdout.splitlines()]
        return [
            int(pid)
            for pid, parent, command in rows
            if int(parent) == self.process.pid and f"functions.{function}." in command
        ]

    def discard(self) -> None:
        """Ends it if it still runs."""
        if self.process is not None:
            self.end()

    def command(self, *arguments: str, timeout: float = 240) -> "subprocess.CompletedProcess[str]":
        """Runs a command against it."""
        return self.command_alone(*arguments, "--state", str(self.state), timeout=timeout)

    def command_alone(
        self, *arguments: str, timeout: float = 240
    ) -> "subprocess.CompletedProcess[str]":
        """Runs a command that names no state, with the environment of the stack."""
        return run_command(arguments, self.environment, timeout)

    def answer(self, *arguments: str, status: int = 0) -> dict[str, Any]:
        """The JSON answer of a command that must end with `status`; progress comes before it."""
        done = self.command(*arguments, "--json")
        assert done.returncode == status, (
            f"{arguments}: {done.returncode} {done.stdout}{done.stderr}"
        )
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return answer
