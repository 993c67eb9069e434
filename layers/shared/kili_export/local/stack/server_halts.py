"""Halts the object store's server for a moment in which its files are one consistent state.

The process that watches the server does it, when it is signalled: it goes on by itself after some
seconds, so that no backup that is killed can stop a stack.
"""

import fcntl
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from kili_export.core.errors import Unavailable

PID: Final = "server.pid"
HALTED: Final = "server.halted"
LONGEST_SECONDS: Final = 20.0
_BEGIN: Final = signal.SIGUSR1
_END: Final = signal.SIGUSR2
_PATIENCE_SECONDS: Final = 10.0
_PAUSE_SECONDS: Final = 0.005


class ServerHalts:
    """The side of the process that watches the server.

    One file says that it listens, another one that the server is halted.
    """

    def __init__(
        self, folder: Path, server: subprocess.Popen[bytes], longest: float = LONGEST_SECONDS
    ) -> None:
        self._folder = folder
        self._server = server
        self._longest = longest
        self._wanted = threading.Event()
        self._over = threading.Event()
        self._lock: IO[str] | None = None

    def listen(self) -> None:
        """Begins; call it in the main thread. Other processes see it by the lock of the file."""
        (self._folder / HALTED).unlink(missing_ok=True)
        signal.signal(_BEGIN, lambda *_: self._wanted.set())
        signal.signal(_END, lambda *_: self._over.set())
        threading.Thread(target=self._run, name="halts", daemon=True).start()
        self._lock = (self._folder / PID).open("w")
        self._lock.write(str(os.getpid()))
        self._lock.flush()
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def _run(self) -> None:
        while self._wanted.wait():
            self._wanted.clear()
            self._over.clear()
            with suppress(OSError):
                self._halt()

    def _halt(self) -> None:
        mark = self._folder / HALTED
        self._server.send_signal(signal.SIGSTOP)
        try:
            # A signal takes a while: only then does none of its threads write any more.
            os.waitid(os.P_PID, self._server.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
            mark.touch()
            self._over.wait(self._longest)
        finally:
            # First the file goes: who still finds it knows that the server wrote nothing.
            mark.unlink(missing_ok=True)
            self._server.send_signal(signal.SIGCONT)


@contextmanager
def halted(folder: Path) -> Iterator[None]:
    """Lets the server over this folder write nothing within. One caller at a time.

    Raises Unavailable when it does not run, cannot be halted, or went on before the end.
    """
    pid = _listening(folder)
    mark = folder / HALTED
    if mark.exists():
        # A caller that was killed: its halt would end within this one.
        os.kill(pid, _END)
        _await(mark, exists=False)
    os.kill(pid, _BEGIN)
    try:
        _await(mark)
        yield
        if not mark.exists():
            raise Unavailable(
                f"The files in {folder} could not be read within {LONGEST_SECONDS:.0f} s; try again"
                " when the machine has less to do"
            )
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, _END)


def require_ended(folder: Path) -> None:
    """Raises Unavailable while the server over this folder is still there."""
    if _watcher(folder) is not None:
        raise _between(folder)


def _listening(folder: Path) -> int:
    pid = _watcher(folder)
    if pid is None:
        raise _between(folder)
    return pid


def _watcher(folder: Path) -> int | None:
    """The process that watches the server, None where there is none."""
    with suppress(FileNotFoundError, ValueError), (folder / PID).open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return int(file.read())
    return None


def _between(folder: Path) -> Unavailable:
    return Unavailable(f"The server over {folder} starts or ends just now; try again")


def _await(mark: Path, *, exists: bool = True) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while mark.exists() is not exists:
        if time.monotonic() > deadline:
            raise Unavailable(f"The server over {mark.parent} cannot be halted; try again")
        time.sleep(_PAUSE_SECONDS)
