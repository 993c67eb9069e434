import threading
from collections.abc import Callable

import pytest

from kili_export.aws.parallel_reads import AHEAD, READS_AT_ONCE, ParallelReads
from kili_export.core.errors import ConflictError
from kili_export.splicing.part_limits import MIB
from kili_export.splicing.part_reads import Read
from kili_export.splicing.upload_parts import Source

PATIENCE = 20


def reads_of(*lengths: int) -> list[Read]:
    return [
        Read(Source(f"o{number}", "e", length), 0, length, ())
        for number, length in enumerate(lengths)
    ]


def named(read: Read) -> bytes:
    return read.source.key.encode()


def test_small_reads_go_on_at_once_and_come_in_their_order() -> None:
    all_there = threading.Barrier(READS_AT_ONCE)

    def fetch(read: Read) -> bytes:
        all_there.wait(PATIENCE)
        return named(read)

    reads = reads_of(*[100] * READS_AT_ONCE * 3)
    assert list(ParallelReads(fetch)(reads)) == [named(read) for read in reads]


@pytest.mark.parametrize(
    ("length", "most"), [(MIB, AHEAD // MIB), (AHEAD // 2, 2), (AHEAD, 1), (2 * AHEAD, 1)]
)
def test_no_more_is_read_ahead_than_memory_may_hold(length: int, most: int) -> None:
    begun: list[Read] = []

    def fetch(read: Read) -> bytes:
        begun.append(read)
        return named(read)

    for taken, _ in enumerate(ParallelReads(fetch)(reads_of(*[length] * 30)), start=1):
        assert len(begun) <= taken + most


def test_a_failure_is_raised_in_its_place_and_ends_the_others() -> None:
    begun: list[str] = []

    def fetch(read: Read) -> bytes:
        begun.append(read.source.key)
        if read.source.key == "o3":
            raise ConflictError("a source changed")
        return named(read)

    with pytest.raises(ConflictError):
        list(ParallelReads(fetch)(reads_of(*[AHEAD // 4] * 1000)))
    assert len(begun) <= 3 + READS_AT_ONCE


def test_several_parts_share_the_threads() -> None:
    running, most = 0, 0
    lock = threading.Lock()

    def fetch(read: Read) -> bytes:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        threading.Event().wait(0.002)
        with lock:
            running -= 1
        return named(read)

    together = ParallelReads(fetch)
    reads = reads_of(*[100] * 100)
    answers: list[list[bytes]] = []
    work: Callable[[], None] = lambda: answers.append(list(together(reads)))  # noqa: E731
    callers = [threading.Thread(target=work) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(PATIENCE)
    assert answers == [[named(read) for read in reads]] * 4
    assert 1 < most <= READS_AT_ONCE
