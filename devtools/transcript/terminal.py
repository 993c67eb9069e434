"""Runs commands on a terminal of 80 columns, or into a file, and keeps what they show."""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

COLUMNS = 80
_ROWS = 24
_BLOCK = 65536
_STYLE = re.compile(r"\033\[[0-9;]*m")
_ERASE = "\033[K"
_HEEDING_CTRL_C = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execvp("sh", ("sh", "-c", sys.argv[1]))
"""
"""Runs a line. What a background job starts ignores Ctrl+C, and a shell cannot change that."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a command showed, without colours, and its exit status."""

    text: str
    status: int


@dataclass(frozen=True, slots=True)
class Shell:
    """Where commands run: a folder, and the variables of the environment."""

    folder: Path
    environment: Mapping[str, str]

    def on_terminal(self, line: str, until: str | None = None, answer: str | None = None) -> Shown:
        """Runs a line. When it shows `until`, the answer is typed, or Ctrl+C without one."""
        running = Running.started(self, line)
        if until is not None:
            running.read_until(until)
            running.interrupt() if answer is None else running.type(answer)
        return running.ended()

    def into_file(self, line: str) -> Shown:
        """Runs a line with both outputs in one file, without a terminal."""
        with (self.folder / "output.txt").open("w+b") as output:
            done = subprocess.run(
                ("sh", "-c", line),
                check=False,
                cwd=self.folder,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            output.seek(0)
            return Shown(output.read().decode(), done.returncode)


@dataclass(slots=True)
class Running:
    """A command that runs on its own terminal."""

    process: "subprocess.Popen[bytes]"
    screen: int
    written: bytearray

    @classmethod
    def started(cls, shell: Shell, line: str) -> "Running":
        """Starts it as the leader of a session, as a terminal does: Ctrl+C reaches all of it."""
        screen, inside = pty.openpty()
        fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, COLUMNS, 0, 0))
        process = subprocess.Popen(
            (sys.executable, "-IS", "-c", _HEEDING_CTRL_C, f"exec {line}"),
            cwd=shell.folder,
            env={**shell.environment, "TERM": "xterm-256color"},
            stdin=inside,
            stdout=inside,
            stderr=inside,
            start_new_session=True,
        )
        os.close(inside)
        return cls(process, screen, bytearray())

    def read_until(self, text: str) -> None:
        """Reads on until it has shown a text, or has ended."""
        self._read(lambda: text in self._decoded())

    def interrupt(self) -> None:
        """Presses Ctrl+C."""
        os.killpg(self.process.pid, signal.SIGINT)

    def type(self, answer: str) -> None:
        """Types a line."""
        os.write(self.screen, f"{answer}\n".encode())

    def ended(self) -> Shown:
        """Reads to its end."""
        self._read(lambda: False)
        os.close(self.screen)
        return Shown(rendered(self._decoded()), self.process.wait())

    def _decoded(self) -> str:
        return self.written.decode(errors="replace")

    def _read(self, is_enough: Callable[[], bool]) -> None:
        while not is_enough():
            try:
                block = os.read(self.screen, _BLOCK)
            except OSError:
                # So Linux says that the last process has closed the terminal.
                return
            if not block:
                return
            self.written += block


def rendered(written: str) -> str:
    """What is left on the screen: lines that were written over are not."""
    lines = (
        _STYLE.sub("", line.rpartition(_ERASE)[2]).rpartition("\r")[2].rstrip()
        for line in written.replace("\r\n", "\n").split("\n")
    )
    return "\n".join(lines).rstrip("\n")


def wide_rows(shown: str) -> list[str]:
    """Rows of several columns that a terminal has to break. Sentences it may break."""
    return [
        line for line in shown.splitlines() if len(line) > COLUMNS and re.search(r"\S {2,}\S", line)
    ]
