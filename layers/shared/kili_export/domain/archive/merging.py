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
class AddedRun:
    """Bytes of an addition that stand together in the new archive as they do there."""

    addition: Addition
    offset: int
    length: int


@dataclass(slots=True)
class Merged:
    """The new directory before its offsets are final, the holes, what each region gains."""

    raw: bytearray = field(default_factory=bytearray)
    count: int = 0
    holes: list[Hole] = field(default_factory=list)
    gains: dict[Region, list[AddedRun]] = field(
        default_factory=lambda: {region: [] for region in Region}
    )


class _Merge:
    """One pass over the names that change; everything between them is copied in slices."""

    def __init__(self, old: Directory, starts: Mapping[Region, int]) -> None:
        self.merged = Merged(count=len(old))
        self._old = old
        self._at = 0
        self._next_offset = dict(starts)
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

    def add(self, name: bytes, addition: Addition, start: int) -> None:
        """Takes the addition's record at `start`."""
        if name == self._last_added:
            raise IntegrityError(f"two additions are named {name.decode()!r}")
        self._last_added = name
        merged, region = self.merged, addition.region
        span = record_span(addition.directory.raw, start)
        merged.raw += addition.directory.raw[start : start + span.length]
        OFFSET.pack_into(merged.raw, len(merged.raw) - OFFSET_FROM_END, self._next_offset[region])
        merged.count += 1
        self._next_offset[region] += span.local_length
        runs = merged.gains[region]
        last = runs[-1] if runs else None
        if last and last.addition is addition and last.offset + last.length == span.offset:
            last.length += span.local_length
        else:
            runs.append(AddedRun(addition, span.offset, span.local_length))

    def finish(self) -> Merged:
        """Copies what is left."""
        self.merged.raw += self._old.raw[self._at :]
        return self.merged


def merge_directories(
    old: Directory,
    removals: Iterable[str],
    additions: Sequence[Addition],
    starts: Mapping[Region, int],
) -> Merged:
    """Merges by name. New records get offsets from `starts` of their region on.

    Raises IntegrityError when a removal is not there, when two additions have the same name, or
    when an addition's directory does not cover its bytes exactly.
    """
    merging = _Merge(old, starts)
    for name, index, start in _changes(removals, additions):
        found = merging.remove(name)
        if index != _REMOVAL:
            merging.add(name, additions[index], start)
        elif not found:
            raise IntegrityError(f"to be removed, but not in the archive: {name.decode()!r}")
    merged = merging.finish()
    _check_coverage(merged, additions)
    return merged


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


def _check_coverage(merged: Merged, additions: Sequence[Addition]) -> None:
    covered = {id(addition): 0 for addition in additions}
    for run in (run for runs in merged.gains.values() for run in runs):
        covered[id(run.addition)] += run.length
        if run.offset + run.length > run.addition.length:
            raise IntegrityError("an addition's directory points behind its bytes")
    for addition in additions:
        if covered[id(addition)] != addition.length:
            raise IntegrityError(
                f"an addition has {addition.length} bytes, its directory names "
                f"{covered[id(addition)]}"
            )
