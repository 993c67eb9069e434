"""Standard output and standard error, so that what reads or stores them cannot break a command."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast

from kili_export.core.errors import ExportError


class OutputFailed(ExportError):
    """Standard output cannot be written, as on a full disk."""


class ReaderGone(Exception):
    """Nobody reads standard output any more: what would be written there needs no more work."""


@contextmanager
def guarded_streams() -> Iterator[None]:
    """Replaces both streams of this process while a command runs.

    What cannot be encoded is written as an escape. Where the reader of standard output has closed
    it, as `head` does, the command goes on unheard and ends with its own status; any other failure
    raises OutputFailed. Standard error is for people: a failure to write it is passed over.
    """
    output, errors = sys.stdout, sys.stderr
    for stream in (output, errors):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    sys.stdout = cast("TextIO", _StandardOutput(output))
    sys.stderr = cast("TextIO", _StandardError(errors))
    try:
        yield
        sys.stdout.flush()
    finally:
        sys.stdout, sys.stderr = output, errors


class _Guard:
    """A text stream, None where the process was started without it."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def isatty(self) -> bool:
        """Whether a person reads it."""
        return self._stream is not None and self._stream.isatty()


class _StandardOutput(_Guard):
    """See `guarded_streams`."""

    @property
    def buffer(self) -> Any:
        """The stream of bytes. Raises OutputFailed when there is none."""
        return self._open().buffer

    def write(self, text: str) -> int:
        """Writes text."""
        with standard_output_errors(raise_if_unread=False):
            self._open().write(text)
        return len(text)

    def flush(self) -> None:
        """Hands on what was written."""
        if self._stream is not None:
            with standard_output_errors(raise_if_unread=False):
                self._stream.flush()

    def _open(self) -> TextIO:
        if self._stream is None:
            raise OutputFailed("Standard output is closed.")
        return self._stream


class _StandardError(_Guard):
    """See `guarded_streams`."""

    def write(self, text: str) -> int:
        """Writes text if it can be written."""
        if self._stream is not None:
            with suppress(OSError, ValueError):
                self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Hands on what was written."""
        if self._stream is not None:
            with suppress(OSError, ValueError):
                self._stream.flush()


@contextmanager
def standard_output_errors(*, raise_if_unread: bool) -> Iterator[None]:
    """Raises OutputFailed, or ReaderGone if asked to, for what fails on standard output.

    The stream leads nowhere afterwards: at its exit the interpreter would try again to write what
    it still holds, and complain.
    """
    try:
        yield
    except BrokenPipeError:
        _lead_nowhere()
        if raise_if_unread:
            raise ReaderGone from None
    except OSError as error:
        _lead_nowhere()
        raise OutputFailed(f"Standard output cannot be written: {error.strerror}.") from error


def _lead_nowhere() -> None:
    with suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
