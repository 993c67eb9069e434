"""Commands of `kili-export`, each in a process split off from one that has everything imported.

A new interpreter spends a second of a processor on imports, a split one nothing. That the
installed program does the same is the promise of `tests/integration/test_wheel.py`.
"""

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from kili_export.cli import main as commands_of_every_stack
from kili_export.local import main as commands_of_this_machine

_PLACES: Final = {**commands_of_every_stack._COMMANDS, **commands_of_this_machine._COMMANDS}
# The process that others are split off from has no threads: it is none of pytest's.
_PROCESSES: Final = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(
    ["boto3", "kili_export.local.main", *sorted({one.split(":")[0] for one in _PLACES.values()})]
)


def run_command(
    words: Sequence[str], environment: Mapping[str, str], timeout: float
) -> "subprocess.CompletedProcess[str]":
    """Runs one command to its end, as `subprocess.run` does with what it prints captured."""
    with TemporaryDirectory() as folder:
        printed = Path(folder, "stdout"), Path(folder, "stderr")
        process = _PROCESSES.Process(
            target=_become, args=(words, dict(environment), Path.cwd(), printed)
        )
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(words, timeout, *(one.read_bytes() for one in printed))
        status = process.exitcode
        process.close()
        return subprocess.CompletedProcess(words, status, *(one.read_text() for one in printed))


def _become(
    words: Sequence[str], environment: Mapping[str, str], place: Path, printed: tuple[Path, Path]
) -> None:
    """Makes this process what a new interpreter would be, and ends it with the command's status."""
    for descriptor, path in enumerate(printed, start=1):
        with path.open("wb") as stream:
            os.dup2(stream.fileno(), descriptor)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(place)
    sys.argv = ["kili-export", *words]
    sys.exit(commands_of_this_machine.main(words))
