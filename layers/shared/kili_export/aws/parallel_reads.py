"""Many small reads at once, in their order, of which memory holds a few MiB."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from kili_export.splicing.part_limits import MIB
from kili_export.splicing.part_reads import Read

READS_AT_ONCE: Final = 16
AHEAD: Final = 8 * MIB


class ParallelReads:
    """Reads for any number of callers with the same few threads.

    A full export joins what thousands of batches left, some KiB of each: one after another these
    would wait for the bucket most of the time.
    """

    def __init__(self, fetch: Callable[[Read], bytes]) -> None:
        self._fetch = fetch
        self._pool = ThreadPoolExecutor(READS_AT_ONCE, "s3-read")

    def __call__(self, reads: Sequence[Read]) -> Iterator[bytes]:
        """What each of the requests gives. The first failure is raised in its place."""
        if len(reads) == 1:
            yield self._fetch(reads[0])
            return
        ahead: deque[tuple[int, Future[bytes]]] = deque()
        waiting = 0
        try:
            for read in reads:
                while ahead and waiting + read.length > AHEAD:
                    length, future = ahead.popleft()
                    waiting -= length
                    yield future.result()
                ahead.append((read.length, self._pool.submit(self._fetch, read)))
                waiting += read.length
            while ahead:
                yield ahead.popleft()[1].result()
        finally:
            for _, future in ahead:
                future.cancel()
