"""Runs several things at once, until all are done or one fails."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from kili_export.local.workflow.clock import Interrupt
from kili_export.local.workflow.errors import Aborted

T = TypeVar("T")


def run_all(
    functions: Sequence[Callable[[], T]], concurrency: int, interrupt: Interrupt
) -> list[T]:
    """The answers, in the order of the functions, at most `concurrency` running at once.

    When one raises, the others are asked through `interrupt` to stop, those that have not begun
    never begin, and once all are over what was raised first is raised.
    """
    if not functions:
        return []
    failures: list[BaseException] = []
    lock = threading.Lock()

    def guarded(function: Callable[[], T]) -> T:
        if interrupt.is_set():
            raise Aborted
        try:
            return function()
        except BaseException as error:
            with lock:
                failures.append(error)
            interrupt.set()
            raise

    workers = min(concurrency, len(functions))
    if workers == 1:
        return [guarded(function) for function in functions]
    with ThreadPoolExecutor(max_workers=workers) as pool:
        running = [pool.submit(guarded, function) for function in functions]
    if failures:
        raise failures[0]
    return [future.result() for future in running]
