"""Cuts off what takes longer than it may, with one thread for all that is watched."""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(eq=False, slots=True)
class Watch:
    """Something watched, until `ends` on the monotonic clock. `over` tells that it was cut off."""

    ends: float
    cut: Callable[[], None]
    over: bool = False


class Watchdog:
    """Threads may share it. Its own one begins with the first watch and mostly sleeps.

    A watch that ends in time does not wake it: it looks again when the earliest watch that it
    knew of would end.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._watched: set[Watch] = set()
        self._looks_at = math.inf
        self._thread: threading.Thread | None = None

    @contextmanager
    def within(self, seconds: float, cut: Callable[[], None]) -> Iterator[Watch]:
        """Calls `cut`, which must neither block nor raise, if this is not left in so long."""
        watch = Watch(time.monotonic() + seconds, cut)
        with self._changed:
            self._watched.add(watch)
            if self._thread is None or not self._thread.is_alive():
                self._looks_at = math.inf
                self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
                self._thread.start()
            elif watch.ends < self._looks_at:
                self._changed.notify()
        try:
            yield watch
        finally:
            with self._changed:
                self._watched.discard(watch)

    def _run(self) -> None:
        with self._changed:
            while True:
                now = time.monotonic()
                for watch in [one for one in self._watched if one.ends <= now]:
                    self._watched.remove(watch)
                    watch.over = True
                    watch.cut()
                self._looks_at = min((one.ends for one in self._watched), default=math.inf)
                self._changed.wait(None if self._looks_at == math.inf else self._looks_at - now)
