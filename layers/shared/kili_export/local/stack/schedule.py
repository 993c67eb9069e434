"""Calls things again and again, each from a thread of its own."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

Report = Callable[[str, Exception], None]


@dataclass(frozen=True, slots=True)
class _Job:
    seconds: float
    name: str
    call: Callable[[], object]
    at_once: bool


class Schedule:
    """Calls that are repeated until `stop`; one that fails is reported, and repeated too."""

    def __init__(self) -> None:
        self._jobs: list[_Job] = []
        self._threads: list[threading.Thread] = []
        self._stopped = threading.Event()

    def every(
        self, seconds: float, name: str, call: Callable[[], object], *, at_once: bool = False
    ) -> None:
        """Adds a call that begins so many seconds after the one before has ended."""
        self._jobs.append(_Job(seconds, name, call, at_once))

    def start(self, report: Report) -> None:
        """Begins; `report` gets the name and the exception of each call that fails."""
        for job in self._jobs:
            thread = threading.Thread(
                target=self._repeat, args=(job, report), name=job.name, daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Begins no other call. Those that are under way are not waited for."""
        self._stopped.set()

    def _repeat(self, job: _Job, report: Report) -> None:
        if not job.at_once and self._stopped.wait(job.seconds):
            return
        while not self._stopped.is_set():
            try:
                job.call()
            except Exception as error:  # noqa: BLE001 whatever it was, the next call may succeed
                if not self._stopped.is_set():
                    report(job.name, error)
            if self._stopped.wait(job.seconds):
                return
