"""The directory of a new archive, merged out of the old one and those of the additions."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import merge
from typing import Final, NamedTuple

from kili_export.core.errors import IntegrityError
from kili_export.splicing.addition import AddedEntries
from kili_export.splicing.central_directory import Directory
from kili_export.splicing.numbers import offset_of, put_offset
from kili_export.splicing.offset_shift import rebase
from kili_export.splicing.regions import Gap, Layout, Region
from kili_export.splicing.zip_headers import encode_name, record_span

_REMOVAL: Final = -1
_FLUSH: Final = 1 << 18
_Change = tuple[bytes, int, int]
"""A name, the index of the addition that has it (or _REMOVAL), where its record begins there."""


class _Edit(NamedTuple):
    """The old directory from `start` to `end` makes place for a record of an addition, if any."""

    start: int
    end: int
    addition: int
    record: int


@dataclass(slots=True)
class Merged:
    """The new directory, as what changes in the old one, and the holes in the old archive."""

    old: Directory
    additions: Sequence[AddedEntries]
    count: int
    length: int
    edits: list[_Edit] = field(default_factory=list)
    holes: list[Gap] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    """Where each addition stands, as `new_starts` counts."""

    def chunks(self, layout: Layout) -> Iterator[bytes | bytearray]:
        """The new directory, its offsets as the layout has them. Holds a fraction of a MiB."""
        at = 0
        added = bytearray()
        for edit in self.edits:
            if edit.start > at or len(added) > _FLUSH:
                yield from _moved([added], layout)
                added = bytearray()
                yield from _moved(self.old.slices(at, edit.start), layout)
            at = edit.end
            if edit.addition != _REMOVAL:
                added += self._record(edit)
        yield from _moved([added], layout)
        yield from _moved(self.old.slices(at, len(self.old.raw)), layout)

    def _record(self, edit: _Edit) -> bytearray:
        record = bytearray(self.additions[edit.addition].directory.record_at(edit.record))
        moved = self.starts[edit.addition] + offset_of(record, 0, len(record))
        put_offset(record, 0, len(record), moved)
        return record


class _Merge:
    """One pass over the names that change; nothing between them is read."""

    def __init__(
        self, old: Directory, additions: Sequence[AddedEntries], starts: Mapping[Region, int]
    ) -> None:
        self.merged = Merged(
            old,
            additions,
            count=len(old),
            length=len(old.raw),
            starts=_addition_starts(additions, starts),
        )
        self._old = old
        self._at = 0
        self._named = [0] * len(additions)
        self._last_added = b""

    def remove(self, name: bytes) -> bool:
        """Leaves out the old entry of that name. Names must come in ascending order."""
        old, merged = self._old, self.merged
        self._at = start = old.lower_bound(name, self._at) if len(old) else 0
        if start == len(old.raw) or old.name_at(start) != name:
            return False
        span = record_span(old.record_at(start), 0)
        merged.holes.append(Gap(span.offset, span.local_length))
        merged.count -= 1
        merged.length -= span.length
        self._at = start + span.length
        merged.edits.append(_Edit(start, self._at, _REMOVAL, 0))
        return True

    def add(self, name: bytes, index: int, start: int) -> None:
        """Takes the record at `start` of an addition."""
        if name == self._last_added:
            raise IntegrityError(f"two additions are named {name.decode()!r}")
        self._last_added = name
        merged, addition = self.merged, self.merged.additions[index]
        span = record_span(addition.directory.record_at(start), 0)
        if span.offset + span.local_length > addition.length:
            raise IntegrityError("an addition's directory points behind its bytes")
        merged.edits.append(_Edit(self._at, self._at, index, start))
        merged.count += 1
        merged.length += span.length
        self._named[index] += span.local_length

    def finish(self) -> Merged:
        """What was merged. Raises IntegrityError for bytes that no directory names."""
        for addition, named in zip(self.merged.additions, self._named, strict=True):
            if named != addition.length:
                raise IntegrityError(
                    f"an addition has {addition.length} bytes, its directory names {named}"
                )
        return self.merged


def merge_directories(
    old: Directory,
    removals: Iterable[str],
    additions: Sequence[AddedEntries],
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


def _moved(slices: Iterable[bytes | bytearray], layout: Layout) -> Iterator[bytearray]:
    for records in slices:
        if records:
            moved = bytearray(records)
            rebase(moved, 0, layout.steps, layout.deltas)
            yield moved


def _changes(removals: Iterable[str], additions: Sequence[AddedEntries]) -> Iterator[_Change]:
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


def _addition_starts(additions: Sequence[AddedEntries], starts: Mapping[Region, int]) -> list[int]:
    following = dict(starts)
    found = []
    for addition in additions:
        found.append(following[addition.region])
        following[addition.region] += addition.length
    return found
