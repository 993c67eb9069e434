"""Segments as one run of bytes, before it is known which of their entries stay."""

from array import array
from bisect import bisect_right
from collections.abc import Iterator

from kili_export.splicing.regions import Region, Regions
from kili_export.splicing.upload_parts import CopyRange, Source


class _Runs:
    """Ranges one after another; neighbours that are neighbours in their source are one."""

    def __init__(self) -> None:
        self.size = 0
        self.starts = array("Q")
        self._sources = array("L")
        self._source_starts = array("Q")

    def add(self, source: int, start: int, length: int) -> int:
        at = self.size
        last = len(self.starts) - 1
        joins = (
            last >= 0
            and self._sources[last] == source
            and self._source_starts[last] + (at - self.starts[last]) == start
        )
        if not joins:
            self.starts.append(at)
            self._sources.append(source)
            self._source_starts.append(start)
        self.size += length
        return at

    def ranges(self, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """The ranges from `start` to `end`, as source, first byte there and length."""
        index = bisect_right(self.starts, start) - 1
        while start < end:
            following = self.starts[index + 1] if index + 1 < len(self.starts) else self.size
            until = min(end, following)
            first = self._source_starts[index] + start - self.starts[index]
            yield self._sources[index], first, until - start
            start, index = until, index + 1


class VirtualArchive:
    """What an archive could be made of, region by region. Needs a few bytes for each segment."""

    def __init__(self) -> None:
        self._sources: list[Source] = []
        self._numbers: dict[Source, int] = {}
        self._runs = {region: _Runs() for region in Region}

    def place(self, region: Region, source: Source, start: int, length: int) -> int:
        """Appends a range of an object to a region. Answers where it stands in the region."""
        number = self._numbers.setdefault(source, len(self._sources))
        if number == len(self._sources):
            self._sources.append(source)
        return self._runs[region].add(number, start, length)

    @property
    def regions(self) -> Regions:
        """Where the regions end when nothing is left out."""
        media = self._runs[Region.MEDIA].size
        labels = media + self._runs[Region.LABELS].size
        return Regions(media, labels, labels + self._runs[Region.DOCUMENTS].size)

    def pieces(self, start: int, length: int) -> Iterator[CopyRange]:
        """Where some of the bytes are, counted over all regions."""
        end = start + length
        for region in Region:
            first, after = self.regions.span(region)
            low, high = max(start, first), min(end, after)
            if low < high:
                found = self._runs[region].ranges(low - first, high - first)
                yield from (CopyRange(self._sources[of], at, size) for of, at, size in found)
