"""Keeps a folder equal to an export, fetching only what it lacks.

`folder.py` completes what a crash interrupted, before anything else.
"""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from typing import Literal

from kili_export.archives.entry_contents import iter_contents
from kili_export.archives.manifest import Manifest
from kili_export.archives.manifest_store import read_manifest
from kili_export.archives.snapshots import read_snapshot
from kili_export.archives.stored_archive import StoredArchive
from kili_export.core.errors import ConflictError, IntegrityError, InvalidConfiguration
from kili_export.core.file_paths import folded, folders_of
from kili_export.reading.folder import FollowedFiles, FollowingFolder
from kili_export.reading.folder_change import FileDates, FolderChange, folder_change
from kili_export.reading.folder_state import FolderState
from kili_export.reading.sync_sources import Contents, contents_of
from kili_export.splicing.entry_record import Record
from kili_export.storage.object_store import ObjectStore

_ATTEMPTS = 3
_SHOWN = 5
_NO_CHANGE = FolderChange()


@dataclass(frozen=True, slots=True)
class SyncRequest:
    """What a folder shall follow.

    With `delete` files that sync did not write go too; with `verify` every file is read, compared
    with what is published, and mended. A folder that holds something and never followed an export
    is taken over only with `take_over`.
    """

    project_id: str
    export: str
    snapshot: str | None = None
    delete: bool = False
    verify: bool = False
    take_over: bool = False


@dataclass(frozen=True, slots=True)
class SyncResult:
    """What was done. `change` has the files that were written and removed, by path.

    `fetched` counts files, `resumed` those that an earlier try had fetched.
    """

    manifest: Manifest
    method: Literal["nothing", "deltas", "archive"]
    from_generation: int | None
    change: FolderChange = _NO_CHANGE
    fetched: int = 0
    resumed: int = 0
    files: int = 0

    @property
    def written(self) -> int:
        """How many files were written."""
        return len(self.change.write)

    @property
    def removed(self) -> int:
        """How many files were removed."""
        return len(self.change.remove)

    @property
    def classes_changed(self) -> bool:
        """Whether the folder held a generation of before the present classes."""
        before = self.from_generation
        return before is not None and before < self.manifest.classes_generation


def sync_folder(objects: ObjectStore, folder: FollowingFolder, wish: SyncRequest) -> SyncResult:
    """Makes the folder hold what is current, or what a snapshot names.

    Everything is fetched and verified before the first file changes. Raises InvalidConfiguration
    when nothing was published, or when the folder follows something else or holds files in the
    way; IntegrityError when what is stored is not what it should be.
    """
    _check_taken(folder, wish)
    manifest = _manifest(objects, wish)
    for _ in range(_ATTEMPTS - 1):
        try:
            return bring_folder(objects, folder, wish, manifest)
        except (ConflictError, IntegrityError):
            # Retention may have removed what was replaced meanwhile.
            newer = _manifest(objects, wish)
            if (newer.archive, newer.tables) == (manifest.archive, manifest.tables):
                raise
            manifest = newer
    return bring_folder(objects, folder, wish, manifest)


def _manifest(objects: ObjectStore, wish: SyncRequest) -> Manifest:
    if wish.snapshot is not None:
        return read_snapshot(objects, wish.project_id, wish.export, wish.snapshot)
    return read_manifest(objects, wish.project_id, wish.export)


def bring_folder(
    objects: ObjectStore, folder: FollowingFolder, wish: SyncRequest, manifest: Manifest
) -> SyncResult:
    """Makes the folder hold what this manifest names. Raises as `sync_folder` does.

    And ConflictError or IntegrityError when what the manifest names expired meanwhile.
    """
    _check_taken(folder, wish)
    known = folder.read(verify=wish.verify)
    _check_same(known.state, wish)
    before = known.state.generation if known.state else None
    strangers = folder.strangers() if wish.delete else frozenset[str]()
    state = FolderState.of(manifest)
    is_current = known.state == state and not known.damaged and not wish.verify
    if is_current and not strangers:
        return SyncResult(manifest, "nothing", before, files=len(known.files))
    if is_current:
        contents = Contents("nothing", dict(known.files), {})
    else:
        contents = contents_of(objects, manifest, known, verify=wish.verify)
    change = folder_change(
        known.files,
        contents.wanted,
        damaged=known.damaged,
        foreign=strangers,
        dates=FileDates(known.dates, contents.dates()),
    )
    if known.state == state and not change:
        return SyncResult(manifest, "nothing", before, files=len(known.files))
    _check_names(folder, contents.wanted)
    present = _present(folder, known, change, wish)
    folder.begin(change, state)
    fetched, resumed = _fetch(folder, change, contents.places, present)
    # Of many files these take the most memory, and what follows takes some too.
    contents.places.clear()
    folder.change(change, state)
    return SyncResult(
        manifest,
        contents.method,
        before,
        change=change,
        fetched=fetched,
        resumed=resumed,
        files=len(contents.wanted),
    )


def _check_taken(folder: FollowingFolder, wish: SyncRequest) -> None:
    if not wish.take_over and folder.is_foreign():
        raise InvalidConfiguration(
            "This folder is not empty and did not follow an export before: sync would set files "
            "beside those that are there, and remove them with --delete. Take an empty folder, or "
            "confirm with --yes."
        )


def _check_same(state: FolderState | None, wish: SyncRequest) -> None:
    if state is not None and (state.project_id, state.export_name) != (
        wish.project_id,
        wish.export,
    ):
        raise InvalidConfiguration(
            f"This folder follows export {state.export_name!r} of project {state.project_id}; "
            "take another folder."
        )


def _check_names(folder: FollowingFolder, wanted: Iterable[str]) -> None:
    if not folder.folds_names():
        return
    seen: dict[str, str] = {}
    for path in wanted:
        other = seen.setdefault(folded(path), path)
        if other != path:
            raise InvalidConfiguration(
                f"The export has {other!r} and {path!r}, which the file system of this folder "
                "takes for one file. Take a folder where case counts, or rename one in Kili."
            )


def _present(
    folder: FollowingFolder, known: FollowedFiles, change: FolderChange, wish: SyncRequest
) -> frozenset[str]:
    """Those of the files to write that are there already, though sync did not write them.

    Raises InvalidConfiguration when something else is in the way, unless it may be deleted.
    """
    removed = frozenset(change.remove)
    # A file whose name changes in case alone goes before it comes.
    leaving = {folded(path) for path in removed} if folder.folds_names() else frozenset()
    emptied = {above for path in removed for above in folders_of(path)} & change.write.keys()
    occupied = folder.occupied(
        {
            path: change.write[path]
            for path in change.write.keys() - known.files.keys() - emptied
            if removed.isdisjoint(folders_of(path)) and not (leaving and folded(path) in leaving)
        }
    )
    same = frozenset(path for path, is_same in occupied.items() if is_same)
    in_the_way = sorted((occupied.keys() - same) | _kept_in(folder, emptied))
    if in_the_way and not wish.delete:
        more = len(in_the_way) - _SHOWN
        shown = ", ".join(in_the_way[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
        raise InvalidConfiguration(
            f"Files are in the way that sync did not write: {shown}. Move them "
            "away, or let sync remove all such files with --delete."
        )
    return same


def _kept_in(folder: FollowingFolder, emptied: Set[str]) -> frozenset[str]:
    """Files of others in folders that become files."""
    if not emptied:
        return frozenset()
    return frozenset(
        path for path in folder.strangers() if not emptied.isdisjoint(folders_of(path))
    )


def _fetch(
    folder: FollowingFolder,
    change: FolderChange,
    places: Mapping[str, tuple[StoredArchive, Record]],
    present: frozenset[str],
) -> tuple[int, int]:
    """Stages what is to be written. Answers how many files came, and how many were there."""
    by_archive: dict[str, tuple[StoredArchive, list[Record]]] = {}
    resumed = 0
    for path, digest in change.write.items():
        if path in present:
            continue
        if folder.is_staged(path, digest):
            resumed += 1
            continue
        archive, record = places[path]
        by_archive.setdefault(archive.source.key, (archive, []))[1].append(record)
    fetched = 0
    for archive, records in by_archive.values():
        for record, chunks in iter_contents(archive, records):
            folder.stage(record.path, change.write[record.path], chunks)
            fetched += 1
    return fetched, resumed
