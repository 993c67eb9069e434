"""Child processes that never outlive the stack, however it ends.

Every child has the read end of a pipe as its standard input, and the stack holds the write end.
When the stack ends, by `kill -9` too, the kernel closes its end and the child reads the end of the
file. Linux's parent-death signal is no substitute: it fires when the *thread* that started the
child ends, and workers are started again from threads that come and go.
"""

import os
import sys
import threading

_ORPHANED = 70


def end_with_parent() -> None:
    """Ends this process, at once and without clean-up, when its standard input ends."""
    threading.Thread(target=_watch, name="lifeline", daemon=True).start()


def _watch() -> None:
    stream = sys.stdin.fileno()
    while os.read(stream, 1024):
        continue
    os._exit(_ORPHANED)
