"""JSON lines, to standard output or to a file that appears whole or not at all."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO

from kili_export.cli.files import STANDARD, whole_file
from kili_export.cli.streams import standard_output_errors

Write = Callable[[Mapping[str, Any]], None]


@contextmanager
def line_output(target: str | None) -> Iterator[Write]:
    """Writes lines to standard output when `target` is None or `-`, else to that file.

    Raises ReaderGone when nobody reads standard output any more, OutputFailed when it cannot be
    written, and as `whole_file` does.
    """
    if target is None or target == STANDARD:
        stream = sys.stdout.buffer
        yield _to_standard_output(stream)
        with standard_output_errors(raise_if_unread=True):
            stream.flush()
        return
    with whole_file(target) as file:
        yield _writer(file)


def _to_standard_output(stream: BinaryIO) -> Write:
    write_line = _writer(stream)

    def write(line: Mapping[str, Any]) -> None:
        with standard_output_errors(raise_if_unread=True):
            write_line(line)

    return write


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
