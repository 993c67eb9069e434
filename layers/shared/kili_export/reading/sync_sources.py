"""Where a folder gets what it lacks: from the deltas after its generation, or from the archive."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from kili_export.archives.entry_contents import iter_contents
from kili_export.archives.ledger.archive_files import files_of
from kili_export.archives.ledger.ledger_reader import open_ledger
from kili_export.archives.manifest import DeltaReference, Manifest
from kili_export.archives.stored_archive import StoredArchive
from kili_export.archives.stored_deltas import open_deltas
from kili_export.core.dos_time import moment_of
from kili_export.core.errors import AccessDenied, IntegrityError
from kili_export.reading.folder import FollowedFiles
from kili_export.reading.folder_change import checked_path
from kili_export.reading.folder_state import FolderState
from kili_export.reading.published_files import PublishedFile, files_of_generation
from kili_export.splicing.entry_record import Record
from kili_export.storage.object_store import ObjectStore


@dataclass(frozen=True, slots=True)
class Contents:
    """What a folder shall hold, by path with its digest, and where its files can be read."""

    method: Literal["nothing", "deltas", "archive"]
    wanted: dict[str, str]
    places: dict[str, tuple[StoredArchive, Record]]

    def dates(self) -> dict[str, int]:
        """The dates of the files that can be read, in seconds since 1970: ZIP's date is in UTC."""
        return {
            path: int(moment_of(record.modified).timestamp())
            for path, (_, record) in self.places.items()
        }


def contents_of(
    objects: ObjectStore, manifest: Manifest, known: FollowedFiles, *, verify: bool = False
) -> Contents:
    """The cheaper way from what is known to what the manifest names.

    With `verify` it is what the files table lists: nothing that is known of the folder counts.

    Raises IntegrityError when what is stored does not fit together, ConflictError when it was
    replaced meanwhile.
    """
    trusted = not known.damaged and not verify
    chain = usable_chain(manifest, known.state) if trusted else None
    # A delta is one request, what an archive lacks takes many: deltas may be a little larger.
    whole = manifest.archive.size + sum(delta.size for delta in manifest.deltas)
    whole += sum(table.size for table in manifest.tables)
    if chain is not None and sum(delta.size for delta in chain) < whole:
        found = _from_deltas(objects, chain, known)
        if len(found.wanted) == manifest.counts.members:
            return found
    return _from_archive(objects, manifest)


def usable_chain(
    manifest: Manifest, state: FolderState | None
) -> tuple[DeltaReference, ...] | None:
    """The deltas that lead from a folder's files to the manifest's, None without such.

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
    return following


def _after(chain: tuple[DeltaReference, ...], version: str) -> tuple[DeltaReference, ...]:
    """The deltas from the one on that says that it follows these files."""
    for number, delta in enumerate(chain):
        if delta.from_version == version:
            return chain[number:]
    return ()


def _from_deltas(
    objects: ObjectStore, chain: Sequence[DeltaReference], known: FollowedFiles
) -> Contents:
    found = Contents("deltas", dict(known.files), {})
    for delta in open_deltas(objects, chain):
        delta.archive.preload()
        for path in delta.removed:
            found.wanted.pop(path, None)
            found.places.pop(path, None)
        for member in (*delta.document.added, *delta.document.changed):
            path = checked_path(member.path)
            found.wanted[path] = member.digest
            found.places[path] = (delta.archive, delta.record(path))
    return found


def _from_archive(objects: ObjectStore, manifest: Manifest) -> Contents:
    found = Contents("archive", {}, {})
    for file in _with_digests(objects, manifest):
        path = checked_path(file.path)
        found.wanted[path], found.places[path] = file.digest, file.place
    if len(found.wanted) != manifest.counts.members:
        raise IntegrityError(
            f"what {manifest.archive.key} and what follows it have is {len(found.wanted)} files,"
            f" and the manifest promises {manifest.counts.members}"
        )
    return found


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
