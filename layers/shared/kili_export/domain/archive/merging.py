"""The directory of a new archive, merged out of the old one and those of the additions."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import merge

from kili_export.domain.archive.addition import Addition
from kili_export.domain.archive.directory import Directory
from kili_export.domain.archive.layout import Hole, Region
from kili_export.domain.archive.wire import OFFSET, OFFSET_FROM_END, encode_name, record_span
from kili_export.domain.errors import IntegrityError

_REMOVAL = -1
_Change = tuple[bytes, int, int]
"""A name, the index of the addition that has it (or _REMOVAL), where its record begins there."""


@dataclass(slots=True)
class Merged:
    """The new directory before its offsets are final, and the holes."""

    raw: bytearray = field(default_factory=bytearray)
    count: int = 0
    holes: list[Hole] = field(default_factory=list)


class _Merge:
    """One pass over the names that change; everything between them is copied in slices."""

    def __init__(
        self, old: Directory, additions: Sequence[Addition], starts: Mapping[Region, int]
    ) -> None:
        self.merged = Merged(count=len(old))
        self._old = old
        self._at = 0
        self._additions = additions
        self._starts = _addition_starts(additions, starts)
        self._named = [0] * len(additions)
        self._last_added = b""

    def remove(self, name: bytes) -> bool:
        """Leaves out the old entry of that name. Names must come in ascending order."""
        old, merged = self._old, self.merged
        start = old.lower_bound(name, self._at) if len(old) else 0
        if start > self._at:
            merged.raw += old.raw[self._at : start]
            self._at = start
        if start == len(old.raw) or old.name_at(start) != name:
            return False
        span = record_span(old.raw, start)
        merged.holes.append(Hole(span.offset, span.local_length))
        merged.count -= 1
        self._at = start + span.length
        return True

    def add(self, name: bytes, index: int, start: int) -> None:
        """Takes the record at `start` of an addition."""
        if name == self._last_added:
            raise IntegrityError(f"two additions are named {name.decode()!r}")
        self._last_added = name
        merged, addition = self.merged, self._additions[index]
        span = record_span(addition.directory.raw, start)
        if span.offset + span.local_length > addition.length:
            raise IntegrityError("an addition's directory points behind its bytes")
        merged.raw += addition.directory.raw[start : start + span.length]
        offset = self._starts[index] + span.offset
        OFFSET.pack_into(merged.raw, len(merged.raw) - OFFSET_FROM_END, offset)
        merged.count += 1
        self._named[index] += span.local_length

    def finish(self) -> Merged:
        """Copies what is left. Raises IntegrityError for bytes that no directory names."""
        for addition, named in zip(self._additions, self._named, strict=True):
            if named != addition.length:
                raise IntegrityError(
                    f"an addition has {addition.length} bytes, its directory names {named}"
                )
        self.merged.raw += self._old.raw[self._at :]
        return self.merged


def merge_directories(
    old: Directory,
    removals: Iterable[str],
    additions: Sequence[Addition],
    starts: Mapping[Region, int],
) -> Merged:
    """Merges by name. Additions stand in the order given, from `starts` of their region on.

    Raises IntegrityError when a removal is not there, when two additions have the same name, or
    when an addition's directory does not cover its bytes exactly.
    """
    merging = _Merge(old, additions, starts)
    for name, index, start in _changes(removals, additions):
        found = merging.remove(name)
        if index != _REMOVAL:
            merging.add(name, index, start)
        elif not found:
            raise IntegrityError(f"to be removed, but not in the archive: {name.decode()!r}")
    return merging.finish()


def _changes(removals: Iterable[str], additions: Sequence[Addition]) -> Iterator[_Change]:
    removed = sorted({encode_name(path) for path in removals})
    streams = [_names(index, addition.directory) for index, addition in enumerate(additions)]
    if not removed and len(streams) == 1:
        return streams[0]
    return merge(((name, _REMOVAL, 0) for name in removed), *streams)


def _names(index: int, directory: Directory) -> Iterator[_Change]:
    last = b""
    for name, start in directory.names():
        if name <= last:
            raise IntegrityError(f"an addition's directory is not sorted at {name.decode()!r}")
        last = name
        yield name, index, start


def _addition_starts(additions: Sequence[Addition], starts: Mapping[Region, int]) -> list[int]:
    following = dict(starts)
    found = []
    for addition in additions:
        found.append(following[addition.region])
        following[addition.region] += addition.length
    return found
