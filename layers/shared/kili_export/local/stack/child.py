"""A child process: its own log file, a lifeline, and a patient end."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from kili_export.local.stack.private_files import FOLDER_MODE, UMASK

_PATIENCE_SECONDS = 5.0


class ServerDidNotStart(Exception):
    """A server of the stack ended before it served; the message names its log."""


def python_module(name: str) -> tuple[str, ...]:
    """The command that runs a module of the package; the working directory hides no module."""
    return (sys.executable, "-P", "-m", name)


class Child:
    """One running child process."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        log: Path,
        pass_fds: Sequence[int] = (),
        answers: bool = False,
    ) -> None:
        """Starts it. With `answers` its standard output is a pipe, else it goes to the log."""
        log.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        with log.open("ab") as stream:
            self.process = subprocess.Popen(
                command,
                env=dict(environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE if answers else stream,
                stderr=stream,
                pass_fds=pass_fds,
                umask=UMASK,
                # Ctrl+C reaches the whole foreground group; who stops the children is the stack.
                start_new_session=True,
            )
        self.log = log

    def first_line(self) -> str:
        """What it prints first on standard output; empty if it ends without."""
        assert self.process.stdout is not None  # noqa: S101 `answers` was asked for
        return self.process.stdout.readline().decode().strip()

    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None

    def kill(self) -> int:
        """Ends it at once. Answers its exit status."""
        self.process.kill()
        return self._reap()

    def stop(self) -> int:
        """Asks it to end, then makes it. Answers its exit status."""
        self.process.terminate()
        try:
            self.process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
        return self._reap()

    def _reap(self) -> int:
        status = self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()
        return status
