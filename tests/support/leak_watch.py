"""Watches what everything logs while tests run: no secret, signed link, person or label in it."""

import logging
import re
from pathlib import Path

_PRIVATE = re.compile(
    r"""
    x-amz-(?:signature|credential|security-token)= | [?&](?:signature|sig|token|key-pair-id)= |
    x-api-key:\s*[^\s*<] | [\w.]+@example\.com |
    normalizedvertices | boundingpoly
    """,
    re.IGNORECASE | re.VERBOSE,
)
_AROUND = 60
WATCHED = "kili_export"


def private_parts(text: str) -> list[str]:
    """What of a text must not be logged, with a little of what is around it."""
    return [
        text[max(match.start() - _AROUND, 0) : match.end() + _AROUND]
        for match in _PRIVATE.finditer(text)
    ]


def private_lines(folder: Path) -> list[str]:
    """What of the log files of a folder must not be there, each with its file's name."""
    return [
        f"{path.name}: {part}"
        for path in sorted(folder.glob("*.log"))
        for part in private_parts(path.read_text(encoding="utf-8", errors="replace"))
    ]


class LeakWatch(logging.Handler):
    """Collects what was logged and must not have been."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter("%(name)s: %(message)s"))
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Looks at one record, with its traceback, if it is one of ours."""
        if record.name.partition(".")[0] == WATCHED:
            self.found += private_parts(self.format(record))

    def take(self) -> list[str]:
        """What was found since this was asked last."""
        found, self.found = self.found, []
        return found
