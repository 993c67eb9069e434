"""One generation of an export for programs: its files without unpacking, and what changed.

A reader needs `exports/{project}/{export}/` alone.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, Self

from kili_export.archives.entry_contents import iter_contents
from kili_export.archives.loss_report.report_document import LossReport
from kili_export.archives.manifest import (
    ArchiveReference,
    ClassEntry,
    Counts,
    DeltaReference,
    Manifest,
    Quarantined,
    TableReference,
)
from kili_export.archives.manifest_store import read_manifest
from kili_export.archives.snapshots import iter_snapshots, read_snapshot
from kili_export.archives.statistics import Statistics, differences
from kili_export.core.errors import (
    ChangesUnknown,
    ConflictError,
    GenerationExpired,
    IntegrityError,
    InvalidConfiguration,
    NoSuchFile,
)
from kili_export.reading.changes import Changes, DeltaChain, compared
from kili_export.reading.export_address import is_address
from kili_export.reading.folder import FolderOnDisk
from kili_export.reading.following_folder import FollowingFolder
from kili_export.reading.history import Generation, iter_history
from kili_export.reading.open_file import open_file
from kili_export.reading.published_files import (
    GenerationFiles,
    PublishedFile,
    files_of_generation,
    matching,
)
from kili_export.reading.pull import download_archive
from kili_export.reading.read_report import read_report
from kili_export.reading.sync import SyncRequest, SyncResult, bring_folder
from kili_export.storage.object_store import ObjectStore


class PublishedExport:
    """One generation of an export. What it answers stays the same, whatever is published.

    Every method that reads raises GenerationExpired when retention removed the generation
    meanwhile, AccessDenied, TransientError, and IntegrityError for contents that are not what is
    promised.
    """

    def __init__(self, objects: ObjectStore, manifest: Manifest) -> None:
        """Reads nothing yet. Programs begin with `kili_export.Export`."""
        self._objects = objects
        self.manifest = manifest

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} {self.name!r} of project {self.project_id}, "
            f"generation {self.generation}>"
        )

    @property
    def project_id(self) -> str:
        """Kili's id of the project."""
        return self.manifest.project_id

    @property
    def name(self) -> str:
        """The name of the export."""
        return self.manifest.export_name

    @property
    def format(self) -> str:
        """The format of its files, such as `yolo_v8`."""
        return self.manifest.format

    @property
    def generation(self) -> int:
        """The number of the generation."""
        return self.manifest.generation

    @property
    def lineage(self) -> str | None:
        """What all generations that follow each other have in common."""
        return self.manifest.lineage

    @property
    def published_at(self) -> datetime:
        """When the generation was published."""
        return self.manifest.published_at

    @property
    def classes(self) -> tuple[ClassEntry, ...]:
        """The classes of the project, in the order of its interface."""
        return self.manifest.classes

    @property
    def counts(self) -> Counts:
        """How many assets and files there are, and their bytes."""
        return self.manifest.counts

    @property
    def statistics(self) -> Statistics | None:
        """How many objects of each class there are; None where a version counted none."""
        return self.manifest.statistics

    @property
    def quarantined(self) -> tuple[Quarantined, ...]:
        """The assets that could not be exported, each with its error."""
        return self.manifest.quarantined

    def latest(self) -> Self:
        """What is current now."""
        return self._of(read_manifest(self._objects, self.project_id, self.name))

    def at(self, snapshot: str) -> Self:
        """The generation that a snapshot keeps. Raises InvalidConfiguration without such."""
        return self._of(read_snapshot(self._objects, self.project_id, self.name, snapshot))

    def snapshots(self) -> dict[str, Self]:
        """Every snapshot of the export by name."""
        found = iter_snapshots(self._objects, self.project_id, self.name)
        return {name: self._of(manifest) for name, manifest in found}

    def files(self, pattern: str = "**") -> Iterator[PublishedFile]:
        """The files whose paths match, by path.

        `*`, `?` and `[…]` match within one folder or name, `**` any folders: `labels/*.txt`,
        `**/*.jpg`.
        """
        with self._pinned():
            yield from matching(self._files, pattern)

    def scan(self, prefix: str = "", start: str = "") -> Iterator[PublishedFile]:
        """The files whose paths start with `prefix`, from `start` on, by their UTF-8 bytes.

        Reads some at a time: a page of a long listing costs no more than itself.
        """
        with self._pinned():
            yield from self._files.below(prefix, start)

    def find(self, path: str) -> PublishedFile:
        """What is known of one file. Raises NoSuchFile."""
        with self._pinned():
            found = self._files.find(path)
        if found is None:
            raise NoSuchFile(
                f"Generation {self.generation} of export {self.name!r} has no file {path[:200]!r}."
            )
        return found

    def open(self, path: str) -> BinaryIO:
        """One file, opened for reading bytes from anywhere. Raises NoSuchFile."""
        found = self.find(path)
        with self._pinned():
            return open_file(found, self._pinned)

    def contents(self, pattern: str = "**") -> Iterator[tuple[PublishedFile, bytes]]:
        """Many files with their contents, in the order in which they stand in the archive.

        Neighbours share a request. Holds what is known of all files that match, and one file.
        """
        yield from self.read(self.files(pattern))

    def read(self, files: Iterable[PublishedFile]) -> Iterator[tuple[PublishedFile, bytes]]:
        """These files with their contents, as `contents` gives them."""
        by_archive: dict[str, list[PublishedFile]] = {}
        for file in files:
            by_archive.setdefault(file.archive.source.key, []).append(file)
        for together in by_archive.values():
            by_path = {file.path: file for file in together}
            with self._pinned():
                found = iter_contents(together[0].archive, (file.record for file in together))
                for record, chunks in found:
                    yield by_path[record.path], b"".join(chunks)

    def changes(
        self, since: "int | PublishedExport", until: "int | PublishedExport | None" = None
    ) -> Changes:
        """What changed from one generation to another, to this one unless `until` is given.

        Generations are given by number, or as they were opened. Two that were opened and that no
        deltas connect are compared file by file. Raises ChangesUnknown when no deltas lead to a
        number.
        """
        sides = (since, self if until is None else until)
        with self._pinned():
            chain = self._chain
            begin, end = (
                chain.place_of_files(side.manifest)
                if isinstance(side, PublishedExport)
                else chain.place_of_number(side)
                for side in sides
            )
            if begin is not None and end is not None:
                return chain.changes(self._objects, begin, end)
            before, after = sides
            if isinstance(before, PublishedExport) and isinstance(after, PublishedExport):
                numbers = (before.generation, after.generation)
                found = compared(before.scan(), after.scan(), numbers)
                counts = differences(before.statistics, after.statistics)
                return replace(found, statistics=counts)
        raise ChangesUnknown(
            f"The deltas of export {self.name!r} do not lead to both generations, of which one is"
            " given by its number. Compare two snapshots, or a snapshot and what is current."
        )

    def history(self) -> Iterator[Generation]:
        """The generations that the deltas lead back to, the latest first."""
        return iter_history(self._objects, self.manifest)

    def report(self) -> LossReport:
        """What the format could not hold, as it is now. Raises Unavailable while it is written."""
        return read_report(self._objects, self.project_id, self.name)

    def sync(
        self,
        directory: str | Path,
        *,
        delete: bool = False,
        verify: bool = False,
        take_over: bool = False,
    ) -> SyncResult:
        """Makes a folder hold just this generation, and fetches only what it lacks.

        `s3://BUCKET/PREFIX` in place of the folder keeps an object for each file below that prefix.
        With `delete` files that sync did not write go too; with `verify` every file is read and
        mended. A folder that holds something and never followed an export is taken over only with
        `take_over`. Raises InvalidConfiguration when something is in the way.
        """
        wish = SyncRequest(
            self.project_id, self.name, delete=delete, verify=verify, take_over=take_over
        )
        with self._pinned(), self._folder(directory) as folder:
            return bring_folder(self._objects, folder, wish, self.manifest)

    def pull(self, target: BinaryIO) -> int:
        """Writes the generation as one ZIP archive. Answers its size in bytes."""
        with self._pinned():
            download_archive(self._objects, self.manifest, target)
        return target.tell()

    @cached_property
    def _files(self) -> GenerationFiles:
        """The files by path. Read when they are first asked for."""
        return files_of_generation(self._objects, self.manifest)

    def _of(self, manifest: Manifest) -> Self:
        """Another generation by the same way."""
        other = object.__new__(type(self))
        vars(other).update(vars(self), manifest=manifest)
        vars(other).pop("_files", None)
        return other

    @property
    def _chain(self) -> DeltaChain:
        """The deltas that are known; a snapshot names none, what is current does."""
        if self.manifest.recent_deltas:
            return DeltaChain(self.manifest)
        return DeltaChain(read_manifest(self._objects, self.project_id, self.name))

    def _folder(self, directory: str | Path) -> AbstractContextManager[FollowingFolder]:
        """What is to hold the files. Raises InvalidConfiguration."""
        if is_address(directory):
            raise InvalidConfiguration(
                "Only kili_export.Export knows with which credentials a prefix is written to."
            )
        return FolderOnDisk.open(directory)

    @contextmanager
    def _pinned(self) -> Iterator[None]:
        """Says so when what was asked for is not there because it expired."""
        try:
            yield
        except GenerationExpired:
            raise
        except (ConflictError, IntegrityError) as error:
            if not self._is_whole():
                raise GenerationExpired(
                    f"Generation {self.generation} of export {self.name!r} was replaced, and is not"
                    " kept any more. Open the export again; a snapshot keeps a generation."
                ) from error
            raise

    def _is_whole(self) -> bool:
        """Whether everything is there that the manifest names for readers."""
        manifest = self.manifest
        named: Sequence[ArchiveReference | DeltaReference | TableReference] = (
            manifest.archive,
            *manifest.files,
            *manifest.deltas,
            *manifest.recent_deltas,
        )
        for one in named:
            found = self._objects.head(one.key)
            if found is None or found.etag != one.etag:
                return False
        return True
