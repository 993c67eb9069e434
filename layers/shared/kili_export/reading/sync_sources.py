"""Where a folder gets what it lacks: from the deltas after its generation, or from the archive."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from kili_export.archives.archive_with_deltas import open_archive
from kili_export.archives.ledger.archive_files import files_of
from kili_export.archives.ledger.ledger_reader import open_ledger
from kili_export.archives.manifest import DeltaReference, Manifest
from kili_export.archives.stored_archive import StoredArchive
from kili_export.archives.stored_deltas import open_deltas
from kili_export.core.dos_time import moment_of
from kili_export.core.errors import IntegrityError
from kili_export.reading.folder import FollowedFiles
from kili_export.reading.folder_change import checked_path
from kili_export.reading.folder_state import FolderState
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


def contents_of(objects: ObjectStore, manifest: Manifest, known: FollowedFiles) -> Contents:
    """The cheaper way from what is known to what the manifest names.

    Raises IntegrityError when what is stored does not fit together, ConflictError when it was
    replaced meanwhile.
    """
    chain = usable_chain(manifest, known.state) if not known.damaged else None
    whole = manifest.archive.size + manifest.ledger.size
    whole += sum(delta.size for delta in manifest.deltas)
    if chain is not None and sum(delta.size for delta in chain) < whole:
        found = _from_deltas(objects, chain, known)
        # A chain of an export that was made again under the same name would not add up.
        if len(found.wanted) == manifest.counts.members:
            return found
    return _from_archive(objects, manifest)


def usable_chain(
    manifest: Manifest, state: FolderState | None
) -> tuple[DeltaReference, ...] | None:
    """The deltas that lead from a folder's generation to the manifest's, None without such."""
    if state is None:
        return None
    for delta in manifest.recent_deltas:
        if delta.generation == state.generation and _name(delta.key) != state.version:
            return None
    chain = tuple(d for d in manifest.recent_deltas if d.generation > state.generation)
    reached = state.generation
    for delta in chain:
        if delta.from_generation != reached:
            return None
        reached = delta.generation
    return chain if chain and reached == manifest.generation else None


def _name(key: str) -> str:
    return PurePosixPath(key).name


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
    ledger = open_ledger(objects, manifest)
    digests = files_of(ledger.all(), ledger.shared_with_digests())
    wanted = {checked_path(path): digest.sha256 for path, digest in digests.items()}
    archive = open_archive(objects, manifest)
    places = {record.path: (archive, record) for record in archive.directory.records()}
    lacking = next((path for path in wanted if path not in places), None)
    if lacking is not None:
        raise IntegrityError(
            f"{manifest.archive.key} and what follows it have no {lacking!r}, and the ledger "
            "names it"
        )
    if len(wanted) != manifest.counts.members:
        raise IntegrityError(
            f"{manifest.ledger.key} names {len(wanted)} files, and the manifest promises "
            f"{manifest.counts.members}"
        )
    return Contents("archive", wanted, places)
