"""What changed between two generations of an export: files and assets, from the deltas between."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import groupby
from typing import Final, Literal

from kili_export.archives.delta_document import ChangedAssets
from kili_export.archives.manifest import DeltaReference, Manifest
from kili_export.archives.statistics import (
    ClassStatistics,
    StatisticsTally,
    reversed_differences,
)
from kili_export.archives.stored_deltas import open_deltas
from kili_export.core.errors import ChangesUnknown
from kili_export.reading.published_files import PublishedFile
from kili_export.storage.object_store import ObjectStore

Kind = Literal["added", "changed", "removed"]
KINDS: Final[tuple[Kind, ...]] = ("added", "changed", "removed")
_REVERSED: Final[dict[Kind, Kind]] = {
    "added": "removed",
    "changed": "changed",
    "removed": "added",
}


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file that came, changed or went. `asset_id` is None for files of the whole dataset."""

    kind: Kind
    path: str
    asset_id: str | None


@dataclass(frozen=True, slots=True)
class Changes:
    """What leads from one generation to another. Iterating gives the files, by path.

    A file may be among the changed ones with the contents that it had: when only its date
    changed, or when it changed and changed back.
    """

    from_generation: int
    generation: int
    files: tuple[FileChange, ...]
    assets: ChangedAssets
    statistics: tuple[ClassStatistics, ...] | None = None
    """What became of the numbers of classes; None where a version counted none."""

    def __iter__(self) -> Iterator[FileChange]:
        return iter(self.files)

    def __len__(self) -> int:
        return len(self.files)

    def paths(self, kind: Kind) -> tuple[str, ...]:
        """The paths of the files that came, changed or went."""
        return tuple(file.path for file in self.files if file.kind == kind)

    def backwards(self) -> "Changes":
        """The way back."""
        files = (FileChange(_REVERSED[one.kind], one.path, one.asset_id) for one in self.files)
        assets = ChangedAssets(
            added=self.assets.removed, changed=self.assets.changed, removed=self.assets.added
        )
        counts = None if self.statistics is None else reversed_differences(self.statistics)
        return Changes(self.generation, self.from_generation, tuple(files), assets, counts)


class DeltaChain:
    """The deltas that a manifest names, as far as each follows the one before.

    They lead from one set of files to the next: from those of `generations[0]` to the manifest's.
    """

    def __init__(self, manifest: Manifest) -> None:
        """Reads nothing."""
        self._manifest = manifest
        self._deltas = _unbroken(manifest.recent_deltas)
        self._versions = [manifest.files_version]
        self.generations = [manifest.generation]
        if self._deltas:
            first = self._deltas[0]
            self.generations = [first.from_generation, *(one.generation for one in self._deltas)]
            self._versions = [first.from_version or "", *(one.version for one in self._deltas)]

    def place_of_number(self, generation: int) -> int:
        """Where a generation is in the chain. Raises ChangesUnknown when it is not."""
        name, current = self._manifest.export_name, self._manifest.generation
        if generation > current:
            raise ChangesUnknown(
                f"Export {name!r} is at generation {current}: there is no generation {generation}."
            )
        if generation < self._manifest.first_generation:
            raise ChangesUnknown(
                f"Generation {generation} of export {name!r} was of another lineage: the present"
                f" one begins with {self._manifest.first_generation}. Take all files."
            )
        if generation not in self.generations:
            raise ChangesUnknown(
                f"The deltas of export {name!r} reach back to generation {self.generations[0]}, and"
                f" not to {generation}. Take all files."
            )
        return self.generations.index(generation)

    def place_of_files(self, manifest: Manifest) -> int | None:
        """Where the files of a manifest are in the chain, None when they are not."""
        version = manifest.files_version
        if manifest.lineage != self._manifest.lineage or version not in self._versions:
            return None
        return self._versions.index(version)

    def changes(self, objects: ObjectStore, begin: int, end: int) -> Changes:
        """What the deltas between two places change. Raises IntegrityError, ConflictError."""
        if begin > end:
            return self.changes(objects, end, begin).backwards()
        deltas = self._deltas[begin:end]
        return _composed(objects, deltas, self.generations[begin], self.generations[end])


def _unbroken(chain: tuple[DeltaReference, ...]) -> tuple[DeltaReference, ...]:
    """The end of the chain in which each delta follows the files of the one before."""
    for number in range(len(chain) - 1, 0, -1):
        delta, before = chain[number], chain[number - 1]
        if delta.from_generation != before.generation or delta.from_version not in {
            None,
            before.version,
        }:
            return chain[number:]
    return chain


@dataclass(slots=True)
class _Existence:
    """Whether something is there before and after, and whose it is."""

    before: bool
    after: bool
    asset_id: str | None = None

    @property
    def kind(self) -> Kind | None:
        """What happened, None when it was not there before and is not there after."""
        if self.before:
            return "changed" if self.after else "removed"
        return "added" if self.after else None


class _Composition:
    """What a row of changes amounts to, by path or id."""

    def __init__(self) -> None:
        self.known: dict[str, _Existence] = {}

    def note(self, kind: Kind, name: str, asset_id: str | None = None) -> None:
        """The next change of something."""
        one = self.known.setdefault(name, _Existence(kind != "added", after=True))
        one.after, one.asset_id = kind != "removed", asset_id

    def named(self, kind: Kind) -> tuple[str, ...]:
        """What came, changed or went, sorted."""
        return tuple(sorted(name for name, one in self.known.items() if one.kind == kind))


def _composed(
    objects: ObjectStore, chain: Iterable[DeltaReference], begin: int, end: int
) -> Changes:
    files, assets, counts = _Composition(), _Composition(), StatisticsTally()
    for delta in open_deltas(objects, tuple(chain)):
        document = delta.document
        for kind in KINDS:
            for member in getattr(document, kind):
                files.note(kind, member.path, member.asset_id)
            for asset_id in getattr(document.assets, kind):
                assets.note(kind, asset_id)
        counts.add_classes(document.statistics or ())
        counts.is_known &= document.statistics is not None
    changed = (
        FileChange(one.kind, path, one.asset_id)
        for path, one in sorted(files.known.items())
        if one.kind is not None
    )
    found = ChangedAssets(**{kind: assets.named(kind) for kind in KINDS})
    statistics = counts.classes() if counts.is_known else None
    return Changes(begin, end, tuple(changed), found, statistics)


def compared(
    before: Iterable[PublishedFile], after: Iterable[PublishedFile], numbers: tuple[int, int]
) -> Changes:
    """What differs between two generations, by comparing every file; both come by path.

    An asset changed when one of its files did. Holds the ids of all assets.
    """
    both = merge(_sided(0, before), _sided(1, after), key=lambda one: one[:2])
    owners: tuple[set[str], set[str]] = (set(), set())
    changed: list[FileChange] = []
    for _, group in groupby(both, key=lambda one: one[0]):
        pair = [(side, file) for _, side, file in group]
        for side, file in pair:
            if file.asset_id:
                owners[side].add(file.asset_id)
        if len(pair) == 1 or not pair[0][1].has_contents_of(pair[1][1]):
            side, file = pair[-1]
            kind: Kind = "changed" if len(pair) > 1 else ("removed", "added")[side]
            changed.append(FileChange(kind, file.path, file.asset_id))
    touched = {one.asset_id for one in changed if one.asset_id}
    assets = ChangedAssets(
        added=tuple(sorted(owners[1] - owners[0])),
        changed=tuple(sorted(touched & owners[0] & owners[1])),
        removed=tuple(sorted(owners[0] - owners[1])),
    )
    return Changes(*numbers, tuple(changed), assets)


def _sided(side: int, files: Iterable[PublishedFile]) -> Iterator[tuple[bytes, int, PublishedFile]]:
    """The files by path, each with its path's bytes and the side that it is on."""
    return ((file.path.encode(), side, file) for file in files)
