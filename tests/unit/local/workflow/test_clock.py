import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from kili_export.local.workflow.clock import Interrupt, WallClock
from kili_export.local.workflow.errors import Aborted
from kili_export.local.workflow.parallel import run_all

PATIENCE = 20


def test_an_interrupt_reaches_all_that_was_derived_from_it() -> None:
    whole = Interrupt()
    part = whole.part()
    deeper = part.part()
    sibling = whole.part()
    part.set()
    assert [item.is_set() for item in (whole, part, deeper, sibling)] == [False, True, True, False]
    whole.set()
    assert sibling.is_set()
    assert whole.part().is_set(), "what is derived later is interrupted from the beginning"


def test_a_call_answers_what_the_function_answers_or_raises() -> None:
    clock = WallClock()
    assert clock.call(lambda: 3, PATIENCE, Interrupt()) == 3
    with pytest.raises(ZeroDivisionError):
        clock.call(lambda: 1 / 0, PATIENCE, Interrupt())


def test_a_call_is_given_up_at_its_deadline() -> None:
    release = threading.Event()
    with pytest.raises(TimeoutError):
        WallClock().call(lambda: release.wait(PATIENCE), 0.01, Interrupt())
    release.set()


def test_a_call_is_given_up_when_interrupted() -> None:
    release = threading.Event()
    interrupt = Interrupt()

    def function() -> bool:
        interrupt.set()
        return release.wait(PATIENCE)

    with pytest.raises(Aborted):
        WallClock().call(function, PATIENCE, interrupt)
    release.set()


def test_a_sleep_ends_when_interrupted() -> None:
    interrupt = Interrupt()
    with ThreadPoolExecutor() as pool:
        asleep = pool.submit(WallClock().sleep, PATIENCE, interrupt)
        interrupt.set()
        with pytest.raises(Aborted):
            asleep.result(PATIENCE)


def test_a_sleep_of_no_time_returns() -> None:
    WallClock().sleep(-5, Interrupt())


def test_all_answers_come_in_the_order_of_the_functions() -> None:
    assert run_all([lambda: 1, lambda: 2, lambda: 3], 2, Interrupt()) == [1, 2, 3]
    assert run_all([], 2, Interrupt()) == []


def test_what_was_raised_first_is_raised_and_the_rest_is_not_begun() -> None:
    begun: list[int] = []

    def function(number: int) -> int:
        begun.append(number)
        if number == 1:
            raise ValueError(number)
        return number

    with pytest.raises(ValueError, match="1"):
        run_all([partial(function, number) for number in range(4)], 1, Interrupt())
    assert begun == [0, 1]


def test_nothing_begins_when_interrupted_before() -> None:
    interrupt = Interrupt()
    interrupt.set()
    with pytest.raises(Aborted):
        run_all([lambda: 1], 1, interrupt)
