"""Where a folder gets what it lacks: from the deltas after its generation, or from the archive."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from kili_export.archives.entry_contents import iter_contents
from kili_export.archives.ledger.archive_files import files_of
from kili_export.archives.ledger.ledger_reader import open_ledger
from kili_export.archives.manifest import DeltaReference, Manifest
from kili_export.archives.stored_archive import StoredArchive
from kili_export.archives.stored_deltas import open_deltas
from kili_export.core.dos_time import moment_of
from kili_export.core.errors import AccessDenied, IntegrityError
from kili_export.reading.folder_change import checked_path
from kili_export.reading.folder_state import FolderState
from kili_export.reading.following_folder import FollowedFile, FollowedFiles
from kili_export.reading.published_files import PublishedFile, files_of_generation
from kili_export.splicing.entry_record import Record
from kili_export.storage.external_sort import joined
from kili_export.storage.object_store import ObjectStore

MOST_BY_DELTAS: Final = 100_000
"""So many files of deltas are held, some hundred MB; for more all files are compared."""
_PRELOADED: Final = 32 << 20
"""Deltas of so many bytes together are read whole."""
_REMOVED: Final = "removed"


@dataclass(frozen=True, slots=True)
class WantedFile:
    """A file that a folder shall hold, and its place; None for one that it holds already."""

    path: str
    digest: str
    place: tuple[StoredArchive, Record] | None = None

    @property
    def date(self) -> int | None:
        """Its date in seconds since 1970, where the place is known: ZIP's date is in UTC."""
        if self.place is None:
            return None
        return int(moment_of(self.place[1].modified).timestamp())


@dataclass(frozen=True, slots=True)
class WantedFiles:
    """What a folder shall hold, ascending by the UTF-8 bytes of the paths, and how that is known.

    Reading raises IntegrityError when what is stored does not fit together, ConflictError when it
    was replaced meanwhile.
    """

    method: Literal["nothing", "deltas", "archive"]
    files: Iterable[WantedFile]


def wanted_files(
    objects: ObjectStore, manifest: Manifest, known: FollowedFiles, *, verify: bool = False
) -> Iterator[WantedFiles]:
    """The ways from what is known to what the manifest names, the cheapest one first.

    One that does not lead to as many files as the manifest has is of no use. With `verify` it is
    the files table alone: nothing that is known of the folder counts.
    """
    trusted = not known.is_damaged and not verify
    chain = usable_chain(manifest, known.state) if trusted else None
    # A delta is one request, what an archive lacks takes many: deltas may be a little larger.
    whole = manifest.archive.size + sum(delta.size for delta in manifest.deltas)
    whole += sum(table.size for table in manifest.tables)
    if chain is not None and sum(delta.size for delta in chain) < whole:
        yield WantedFiles("deltas", _from_deltas(objects, chain, known))
    yield WantedFiles("archive", _ascending(_from_archive(objects, manifest)))


def kept_files(known: FollowedFiles) -> WantedFiles:
    """What a folder holds that is current."""
    kept = (WantedFile(path.decode(), one.digest) for path, one in known.files())
    return WantedFiles("nothing", kept)


def usable_chain(
    manifest: Manifest, state: FolderState | None
) -> tuple[DeltaReference, ...] | None:
    """The deltas that lead from a folder's files to the manifest's, None without such.

    And None if they have more files than should be held.

    Version 0.1 wrote into a delta which generation it follows, and not which files. Such a delta
    is used only after one that leads to just these files.
    """
    if state is None or state.lineage not in {None, manifest.lineage}:
        return None
    chain = manifest.recent_deltas
    begins = next(
        (number for number, delta in enumerate(chain) if delta.version == state.version), None
    )
    following = chain[begins + 1 :] if begins is not None else _after(chain, state.version)
    if not following or following[-1].generation != manifest.generation:
        return None
    reached, version = state.generation, state.version
    for delta in following:
        if delta.from_generation != reached or delta.from_version not in {None, version}:
            return None
        reached, version = delta.generation, delta.version
    files = sum(delta.added + delta.changed + delta.removed for delta in following)
    return following if files <= MOST_BY_DELTAS else None


def _after(chain: tuple[DeltaReference, ...], version: str) -> tuple[DeltaReference, ...]:
    """The deltas from the one on that says that it follows these files."""
    for number, delta in enumerate(chain):
        if delta.from_version == version:
            return chain[number:]
    return ()


def _from_deltas(
    objects: ObjectStore, chain: Sequence[DeltaReference], known: FollowedFiles
) -> Iterator[WantedFile]:
    brought: dict[bytes, WantedFile | str] = {}
    is_small = sum(delta.size for delta in chain) <= _PRELOADED
    for delta in open_deltas(objects, chain):
        if is_small:
            delta.archive.preload()
        for path in delta.removed:
            brought[path.encode()] = _REMOVED
        for member in (*delta.document.added, *delta.document.changed):
            path = checked_path(member.path)
            place = (delta.archive, delta.record(path))
            brought[path.encode()] = WantedFile(path, member.digest, place)
    had: Iterable[tuple[bytes, FollowedFile | WantedFile | str]] = known.files()
    for key, (before, after) in joined(had, sorted(brought.items(), key=lambda one: one[0])):
        if isinstance(after, WantedFile):
            yield after
        elif isinstance(before, FollowedFile) and after is None:
            yield WantedFile(key.decode(), before.digest)


def _from_archive(objects: ObjectStore, manifest: Manifest) -> Iterator[WantedFile]:
    for file in _with_digests(objects, manifest):
        yield WantedFile(checked_path(file.path), file.digest, file.place)


def _ascending(files: Iterable[WantedFile]) -> Iterator[WantedFile]:
    """The files, each path behind the one before, as they are published."""
    before = b""
    for file in files:
        path = file.path.encode()
        if path <= before:
            raise IntegrityError(f"{file.path[:200]!r} is not where it shall be in the files table")
        before = path
        yield file


def _with_digests(objects: ObjectStore, manifest: Manifest) -> Iterator[PublishedFile]:
    """All files, each with its digest: of version 0.1 these are in the ledger, or unknown."""
    found = files_of_generation(objects, manifest).below()
    if manifest.files:
        yield from found
        return
    files = list(found)
    try:
        digests = _by_ledger(objects, manifest)
    except AccessDenied:
        # Readers of `exports/` alone.
        digests = _by_reading(files)
    lacking = digests.keys() - {file.path for file in files}
    if lacking:
        raise IntegrityError(
            f"{manifest.archive.key} and what follows it have no {min(lacking)!r}, and the ledger "
            "names it"
        )
    for file in files:
        yield replace(file, digest=digests.get(file.path, ""))


def _by_ledger(objects: ObjectStore, manifest: Manifest) -> dict[str, str]:
    """The digest of every file by path. Reads the ledger, which not every reader may."""
    ledger = open_ledger(objects, manifest)
    digests = files_of(ledger.all(), ledger.shared_with_digests())
    return {path: digest.sha256 for path, digest in digests.items()}


def _by_reading(files: Sequence[PublishedFile]) -> dict[str, str]:
    """The digest of every file by path, out of the files themselves: reads all of them."""
    digests = {}
    for file in files[:1]:
        for record, chunks in iter_contents(file.archive, (one.record for one in files)):
            digest = hashlib.sha256()
            for chunk in chunks:
                digest.update(chunk)
            digests[record.path] = digest.hexdigest()
    return digests
