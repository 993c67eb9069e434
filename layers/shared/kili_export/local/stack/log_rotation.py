"""Keeps the logs of a stack from growing for ever: each has one former file beside it."""

import os
import shutil
from pathlib import Path
from typing import Final

LARGEST: Final = 10_000_000
"""Bytes above which a log is rotated."""


def rotate(logs: Path, largest: int = LARGEST) -> list[Path]:
    """Moves what large logs hold to `NAME.log.1`. Answers the logs that were rotated.

    The processes keep their files open, for appending; so a log is copied and then emptied. What
    is written between the two, some microseconds, is lost. Raises OSError, with the log as it was.
    """
    rotated = []
    for log in sorted(logs.glob("*.log")):
        if log.stat().st_size <= largest or log.is_symlink():
            continue
        former = log.with_name(f"{log.name}.1")
        copy = log.with_name(f"{log.name}.copy")
        try:
            shutil.copyfile(log, copy)
            copy.replace(former)
        finally:
            copy.unlink(missing_ok=True)
        os.truncate(log, 0)
        rotated.append(log)
    return rotated
