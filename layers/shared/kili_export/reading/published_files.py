"""The files of one generation by path: what is known of each, and where it stands."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Final, Protocol

from kili_export.archives.archive_with_deltas import open_archive
from kili_export.archives.files_table import PublishedFiles, StoredFile, open_files
from kili_export.archives.manifest import Manifest
from kili_export.archives.stored_archive import StoredArchive
from kili_export.core.dos_time import moment_of
from kili_export.splicing.central_directory import Directory
from kili_export.splicing.entry_record import Record
from kili_export.splicing.regions import Regions
from kili_export.storage.object_store import ObjectStore

_WILDCARDS: Final = frozenset("*?[")
_ANY_FOLDERS: Final = "**"


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """One file of a generation.

    `record` says where in `archive` it stands. `digest` is what its contents are checked against
    (`archives.digests`), empty where that is not known.
    """

    record: Record
    archive: StoredArchive = field(repr=False, compare=False)
    digest: str = ""

    @property
    def path(self) -> str:
        """Its path in the archive, with `/` between folders."""
        return self.record.path

    @property
    def size(self) -> int:
        """Its size in bytes, uncompressed."""
        return self.record.size

    @property
    def asset_id(self) -> str | None:
        """The asset that it belongs to, None for files of the whole dataset."""
        return self.record.owner or None

    @property
    def modified(self) -> datetime:
        """Its date, in UTC."""
        return moment_of(self.record.modified)

    @property
    def place(self) -> tuple[StoredArchive, Record]:
        """Where it stands."""
        return self.archive, self.record

    def has_contents_of(self, other: "PublishedFile") -> bool:
        """Whether both have the same contents: by digest, or by size and CRC-32 without one."""
        if self.digest and other.digest:
            return self.digest == other.digest
        return (self.size, self.record.crc32) == (other.size, other.record.crc32)


class GenerationFiles(Protocol):
    """The files of one generation."""

    def find(self, path: str) -> PublishedFile | None:
        """The file at a path."""

    def below(self, prefix: str = "", start: str = "") -> Iterator[PublishedFile]:
        """The files whose paths start with `prefix`, from `start` on, by their UTF-8 bytes."""


class FilesOfTable:
    """Implements GenerationFiles by the files table: reads what is looked for, and no more."""

    def __init__(self, objects: ObjectStore, listed: PublishedFiles) -> None:
        """Reads nothing yet."""
        self._objects = objects
        self._listed = listed
        self._archives: dict[str, StoredArchive] = {}

    def find(self, path: str) -> PublishedFile | None:
        """See GenerationFiles."""
        found = self._listed.find((path,)).get(path)
        return None if found is None else self._placed(found)

    def below(self, prefix: str = "", start: str = "") -> Iterator[PublishedFile]:
        """See GenerationFiles."""
        return map(self._placed, self._listed.scan(prefix, start))

    def _placed(self, file: StoredFile) -> PublishedFile:
        source = self._listed.source(file)
        archive = self._archives.get(source.key)
        if archive is None:
            # What stands where is known: its directory is not read.
            archive = StoredArchive(self._objects, source, Directory.empty(), Regions(0, 0, 0))
            self._archives[source.key] = archive
        return PublishedFile(file.record, archive, file.digest)


class FilesOfDirectories:
    """Implements GenerationFiles for version 0.1, which wrote no table: by whole directories."""

    def __init__(self, objects: ObjectStore, manifest: Manifest) -> None:
        """Reads nothing yet."""
        self._objects = objects
        self._manifest = manifest

    def find(self, path: str) -> PublishedFile | None:
        """See GenerationFiles."""
        record = self._archive.directory.find(path)
        return None if record is None else PublishedFile(record, self._archive)

    def below(self, prefix: str = "", start: str = "") -> Iterator[PublishedFile]:
        """See GenerationFiles."""
        for record in self._archive.directory.with_prefix(prefix):
            if record.path.encode() >= start.encode():
                yield PublishedFile(record, self._archive)

    @cached_property
    def _archive(self) -> StoredArchive:
        return open_archive(self._objects, self._manifest)


def files_of_generation(objects: ObjectStore, manifest: Manifest) -> GenerationFiles:
    """The files that a manifest names. Nothing is read yet."""
    listed = open_files(objects, manifest)
    if listed is None:
        return FilesOfDirectories(objects, manifest)
    return FilesOfTable(objects, listed)


def matching(files: GenerationFiles, pattern: str) -> Iterator[PublishedFile]:
    """The files whose paths match, by path.

    `*`, `?` and `[…]` match within one folder or name, `**` any folders.
    """
    wanted = pattern.split("/")
    for file in files.below(_plain_beginning(pattern)):
        if _matches(file.path.split("/"), wanted):
            yield file


def _plain_beginning(pattern: str) -> str:
    """What comes before the first character that stands for others."""
    end = next((at for at, one in enumerate(pattern) if one in _WILDCARDS), len(pattern))
    return pattern[:end]


def _matches(parts: Sequence[str], wanted: Sequence[str]) -> bool:
    if not wanted:
        return not parts
    first, *rest = wanted
    if first == _ANY_FOLDERS:
        return bool(parts and not rest) or any(
            _matches(parts[skipped:], rest) for skipped in range(len(parts))
        )
    return bool(parts) and fnmatchcase(parts[0], first) and _matches(parts[1:], rest)
