"""Runs the programs that read archives."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from devtools.readers.listing import ReaderFailed

ENVIRONMENT: Final = {**os.environ, "LC_ALL": "C.UTF-8"}
TIME_LIMIT_SECONDS: Final = 1200.0
"""A program that takes longer hangs, and is ended."""
_SAID: Final = 2000


def run(
    command: Sequence[str | Path],
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> bytes:
    """Runs a program and answers what it prints. Raises ReaderFailed unless it ends with 0."""
    try:
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            cwd=folder,
            env={**ENVIRONMENT, **(environment or {})},
            timeout=TIME_LIMIT_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise ReaderFailed(f"it did not end within {TIME_LIMIT_SECONDS:.0f} s") from error
    except OSError as error:
        raise ReaderFailed(f"it cannot be started: {error.strerror}") from error
    if done.returncode:
        raise ReaderFailed(ended(done.returncode, done.stderr or done.stdout))
    return done.stdout


def ended(status: int, output: bytes) -> str:
    """How a program ended, with the end of what it said."""
    said = " ".join(output.decode(errors="replace").split())
    shown = said if len(said) <= _SAID else f"...{said[-_SAID:]}"
    how = f"signal {-status}" if status < 0 else f"status {status}"
    return f"{how}: {shown}" if shown else how


def is_there(program: str) -> bool:
    """Whether a program is on the path."""
    return shutil.which(program) is not None
