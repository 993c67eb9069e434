"""Runs a command of SeaweedFS as long as standard input is open.

`python -m kili_export.local.stack.seaweed_child FOLDER COMMAND…`, where the folder is that of its
files. SeaweedFS does not watch its input, so
this process does it: when the stack ends, however that is, the input ends, and this process ends
the server. On Linux the kernel does it should this process itself be killed; its main thread lives
as long as it does, so that the signal means just that.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from kili_export.local.stack.child import python_module
from kili_export.local.stack.server_halts import ServerHalts

_PR_SET_PDEATHSIG = 1
_PATIENCE_SECONDS = 1.5


def main(folder: Path, command: Sequence[str]) -> int:
    """Runs the command to its end, or to that of standard input. Answers its exit status.

    The server is not given long to end: it waits for clients' idle connections, and what it
    wrote survives a `kill -9`.
    """
    server = subprocess.Popen(
        [*python_module("kili_export.local.stack.seaweed_child"), "--exec", *command],
        stdin=subprocess.DEVNULL,
    )
    ending = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.set())
    ServerHalts(folder, server).listen()
    threading.Thread(target=_watch_input, args=(ending,), daemon=True).start()
    threading.Thread(target=_end, args=(server, ending), daemon=True).start()
    return server.wait()


def become(command: Sequence[str]) -> None:
    """Turns this process into the command, to be killed with its parent."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            sys.exit("the parent has ended already")
    os.execv(command[0], list(command))  # noqa: S606 the command is the stack's own


def _watch_input(ending: threading.Event) -> None:
    while os.read(sys.stdin.fileno(), 1024):
        continue
    ending.set()


def _end(server: subprocess.Popen[bytes], ending: threading.Event) -> None:
    ending.wait()
    server.terminate()
    try:
        server.wait(_PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()


if __name__ == "__main__":
    if sys.argv[1] == "--exec":
        become(sys.argv[2:])
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
