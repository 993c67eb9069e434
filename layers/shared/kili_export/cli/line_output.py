"""JSON lines, to standard output or to a file that appears whole or not at all."""

import json
import os
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from kili_export.core.errors import InvalidConfiguration

Write = Callable[[Mapping[str, Any]], None]


@contextmanager
def line_output(target: str | None) -> Iterator[Write]:
    """Writes lines to standard output when `target` is None or `-`, else to that file.

    They go to a file beside it, which takes its name in the end. Raises InvalidConfiguration
    when the file cannot be made.
    """
    if target in (None, "-"):
        with _standard_output() as stream:
            yield _writer(stream)
        return
    path = Path(str(target))
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        file = part.open("xb")
    except OSError as error:
        raise InvalidConfiguration(f"{path} cannot be written: {error.strerror}") from error
    try:
        with file:
            yield _writer(file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except IsADirectoryError:
        raise InvalidConfiguration(f"{path} is a directory") from None
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _standard_output() -> Iterator[BinaryIO]:
    stream = sys.stdout.buffer
    try:
        yield stream
        stream.flush()
    except BrokenPipeError:
        # Nobody reads on; at its exit the interpreter would complain that it cannot flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise


def _writer(stream: BinaryIO) -> Write:
    def write(line: Mapping[str, Any]) -> None:
        stream.write(_encoded(line) + b"\n")

    return write


def _encoded(line: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        # Half a surrogate pair has no encoding, but JSON has an escape for it.
        return json.dumps(line, separators=(",", ":")).encode()
