"""One thread cuts off whatever takes too long, and nothing else."""

import threading

from kili_export.kili.http.watchdog import Watchdog

LONG = 3600.0


def test_what_takes_too_long_is_cut_off() -> None:
    cut = threading.Event()
    with Watchdog().within(0.01, cut.set) as watch:
        assert cut.wait(60)
    assert watch.over


def test_what_ends_in_time_is_left_alone() -> None:
    dog, cut = Watchdog(), []
    with dog.within(LONG, lambda: cut.append("left alone")) as kept:
        with dog.within(0.01, lambda: None):
            pass
        # The thread has looked at both by the time that it cuts this one off.
        last = threading.Event()
        with dog.within(0.02, last.set):
            assert last.wait(60)
    assert not kept.over
    assert cut == []


def test_a_shorter_time_is_not_kept_waiting_by_a_longer_one() -> None:
    dog, cut = Watchdog(), threading.Event()
    with dog.within(LONG, lambda: None), dog.within(0.01, cut.set):
        assert cut.wait(60)


def test_one_thread_is_enough() -> None:
    dog = Watchdog()
    before = threading.active_count()
    for _ in range(100):
        with dog.within(LONG, lambda: None):
            pass
    assert threading.active_count() == before + 1
