"""A stack with all its processes, which are halted or killed together."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from kili_export.local.stack.child import ServerDidNotStart
from kili_export.local.stack.state_directory import RunningStack, StateDirectory

_NEVER = "100000000"
_PROC = Path("/proc")
_ENDED = frozenset("ZX")
_HALTED = _ENDED | frozenset("Tt")
"""States of a process, as `man 5 proc_pid_stat` names them."""


class StackFamily:
    """One `kili-export up` and its children. No comparison with Kili mends what it loses."""

    def __init__(self, state: Path, environment: Mapping[str, str]) -> None:
        self.state = StateDirectory(state)
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> RunningStack:
        """Starts it, and answers how it is reached. Raises ServerDidNotStart."""
        where = ("--port", "0", "--state", str(self.state.path))
        timing = (
            *("--window", "1", "--settle", "0", "--reconcile-every", _NEVER),
            *("--follow-every", "0"),
        )
        log = self.state.path.with_suffix(".log")
        with log.open("ab") as stream:
            self._process = subprocess.Popen(
                (sys.executable, "-m", "kili_export.local.main", "up", *where, *timing),
                stdout=subprocess.PIPE,
                stderr=stream,
                env=dict(self._environment),
            )
        assert self._process.stdout is not None  # noqa: S101 it is a pipe
        if not self._process.stdout.readline():
            raise ServerDidNotStart(f"The stack did not start; see {log}")
        return self.state.running()

    @contextmanager
    def halted(self) -> Iterator[None]:
        """Lets none of its processes go on, while the block runs."""
        halted = self._signal(signal.SIGSTOP)
        for pid in halted:
            _wait_for(pid, _HALTED)
        try:
            yield
        finally:
            for pid in halted:
                _send(pid, signal.SIGCONT)

    def kill(self) -> None:
        """Ends all of it at one moment, as a power cut does."""
        if self._process is None:
            return
        halted = self._signal(signal.SIGSTOP)
        for pid in halted:
            _send(pid, signal.SIGKILL)
        self._process.wait()
        for pid in halted:
            _wait_for(pid, _ENDED)
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None

    def _signal(self, number: signal.Signals) -> set[int]:
        """Sends a signal to all of them; those that are born meanwhile get it too."""
        assert self._process is not None  # noqa: S101 it was started
        reached: set[int] = set()
        while found := _family(self._process.pid) - reached:
            for pid in found:
                _send(pid, number)
            reached |= found
        return reached


def _send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _wait_for(pid: int, states: frozenset[str]) -> None:
    """Returns when a process is gone or in one of these states: signals take a while."""
    with suppress(OSError):
        while _fields(_PROC / str(pid) / "stat")[0] not in states:
            time.sleep(0.001)


def _family(pid: int) -> set[int]:
    """A process and all that descend from it."""
    parents = dict(_parents())
    family = {pid}
    while born := {one for one, parent in parents.items() if parent in family} - family:
        family |= born
    return family


def _parents() -> Iterator[tuple[int, int]]:
    for path in _PROC.glob("[0-9]*/stat"):
        with suppress(OSError):
            yield int(path.parent.name), int(_fields(path)[1])


def _fields(path: Path) -> list[str]:
    """State, parent and so on. The name before them, in brackets, may hold spaces and brackets."""
    return path.read_text().rpartition(")")[2].split()
