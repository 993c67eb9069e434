"""Processes that go on from one moment of a play, each in another way.

To play a stage again for each call up to that call would take most of the time of all trials.
"""

import gc
import os
import pickle
import selectors
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, NoReturn, TypeVar

T = TypeVar("T")
_PIECE = 1 << 16


@dataclass(slots=True)
class _Branch(Generic[T]):
    """A process at work, and what came of it so far."""

    process: int
    name: T
    told: bytearray = field(default_factory=bytearray)


class BranchDied(Exception):
    """A process ended without telling what came of its branch."""


class Branches(Generic[T]):
    """At most so many processes at once; who wants one more waits.

    `collect` gets each branch's name and what it told, or a BranchDied. To be used by a process
    with a single thread.
    """

    def __init__(self, most: int, collect: Callable[[T, object], None]) -> None:
        self._most = most
        self._collect = collect
        self._selector = selectors.DefaultSelector()
        self._running: dict[int, _Branch[T]] = {}
        self._answer: int | None = None

    def fork(self, name: T) -> bool:
        """Begins a branch. True in its own process, which has to end by `tell`."""
        while len(self._running) >= self._most:
            self._read()
        if not self._running:
            # What is there from now on is shared with all branches: none needs to look at it.
            gc.freeze()
        reading, writing = os.pipe()
        process = os.fork()
        if process == 0:
            os.close(reading)
            self._answer = writing
            return True
        os.close(writing)
        self._running[reading] = _Branch(process, name)
        self._selector.register(reading, selectors.EVENT_READ)
        return False

    def tell(self, outcome: object) -> NoReturn:
        """Ends a branch's process."""
        if self._answer is None:
            raise RuntimeError("this is no process of a branch")
        with os.fdopen(self._answer, "wb") as pipe:
            pickle.dump(outcome, pipe)
        # Nothing that the first process has to do at its end is to be done here too.
        os._exit(0)

    def finish(self) -> None:
        """Waits for all that run."""
        while self._running:
            self._read()

    def _read(self) -> None:
        for key, _ in self._selector.select():
            branch = self._running[key.fd]
            piece = os.read(key.fd, _PIECE)
            branch.told += piece
            if not piece:
                self._end(key.fd, branch)

    def _end(self, pipe: int, branch: _Branch[T]) -> None:
        self._selector.unregister(pipe)
        os.close(pipe)
        del self._running[pipe]
        _, status = os.waitpid(branch.process, 0)
        if not branch.told or status:
            told: object = BranchDied(f"its process ended with {os.waitstatus_to_exitcode(status)}")
        else:
            told = pickle.loads(branch.told)  # noqa: S301 from a process of our own
        self._collect(branch.name, told)
