"""Keeps a folder equal to an export, fetching only what it lacks.

`folder.py` completes what a crash interrupted, before anything else.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby, islice
from typing import Final, Literal, TypeVar

from kili_export.archives.entry_contents import iter_contents
from kili_export.archives.manifest import Manifest
from kili_export.archives.manifest_store import read_manifest
from kili_export.archives.snapshots import read_snapshot
from kili_export.core.errors import ConflictError, IntegrityError, InvalidConfiguration
from kili_export.reading.folder_change import FileStep, FolderChange
from kili_export.reading.folder_state import FolderState
from kili_export.reading.following_folder import FollowedFiles, FollowingFolder
from kili_export.reading.sync_plan import (
    Plan,
    check_names,
    plan_change,
    present_files,
    strangers,
)
from kili_export.reading.sync_sources import kept_files, wanted_files
from kili_export.storage.external_sort import ExternalSorter, SortedDocuments, joined
from kili_export.storage.object_store import ObjectStore

_T = TypeVar("_T")
_ATTEMPTS: Final = 3
_AT_ONCE: Final = 4_096
"""So many files are looked up, or fetched, together."""
_PLACE: Final = struct.Struct(">IQ")
"""The number of an archive and the offset in it."""


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
    change: FolderChange = field(default_factory=FolderChange, repr=False, compare=False)
    fetched: int = 0
    resumed: int = 0
    files: int = 0

    @property
    def written(self) -> int:
        """How many files were written."""
        return self.change.count("write")

    @property
    def removed(self) -> int:
        """How many files were removed."""
        return self.change.count("remove")

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
    state = FolderState.of(manifest)
    is_intact = known.count == manifest.counts.members and not known.is_damaged
    is_current = known.state == state and is_intact and not wish.verify
    unchanged = SyncResult(manifest, "nothing", before, files=known.count)
    if is_current and not wish.delete:
        return unchanged
    plan = _planned(objects, folder, wish, manifest, known, is_current=is_current)
    if known.state == state and not plan.change:
        return unchanged
    check_names(folder, known, plan)
    present = present_files(folder, known, plan.change, delete=wish.delete)
    folder.begin(plan.change, state)
    fetched, resumed = _fetch(folder, plan, present)
    folder.change(plan.change, state)
    return SyncResult(
        manifest,
        plan.wanted.method,
        before,
        change=plan.change,
        fetched=fetched,
        resumed=resumed,
        files=plan.files,
    )


def _planned(
    objects: ObjectStore,
    folder: FollowingFolder,
    wish: SyncRequest,
    manifest: Manifest,
    known: FollowedFiles,
    *,
    is_current: bool,
) -> Plan:
    """The change by the cheapest way that leads to all files of the manifest."""
    foreign = strangers(folder, known) if wish.delete else SortedDocuments()
    if is_current:
        return plan_change(known, kept_files(known), foreign)
    for wanted in wanted_files(objects, manifest, known, verify=wish.verify):
        plan = plan_change(known, wanted, foreign)
        if plan.files == manifest.counts.members:
            return plan
    raise IntegrityError(
        f"what {manifest.archive.key} and what follows it have is {plan.files} files,"
        f" and the manifest promises {manifest.counts.members}"
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


def _fetch(folder: FollowingFolder, plan: Plan, present: SortedDocuments) -> tuple[int, int]:
    """Stages what is to be written. Answers how many files came, and how many were there."""
    lacking, resumed = _lacking(folder, plan.change, present)
    fetched = 0
    for number, places in groupby(lacking, key=lambda item: _PLACE.unpack_from(item)[0]):
        steps = (FileStep.from_bytes(item[_PLACE.size :]) for item in places)
        for some in _together(steps):
            digests = {step.path: step.digest for step in some}
            records = [step.place[1] for step in some if step.place is not None]
            for record, chunks in iter_contents(plan.archives[number], records):
                folder.stage(record.path, digests[record.path], chunks)
                fetched += 1
    return fetched, resumed


def _lacking(
    folder: FollowingFolder, change: FolderChange, present: SortedDocuments
) -> tuple[ExternalSorter, int]:
    """The steps whose contents have to come, by their places, and how many were staged before."""
    lacking, resumed = ExternalSorter(), 0
    for some in _together(_absent(change, present)):
        staged = folder.staged(some)
        resumed += len(staged)
        for step in some:
            if step.path not in staged:
                lacking.add(_PLACE.pack(*_place(step)) + step.to_bytes())
    return lacking, resumed


def _absent(change: FolderChange, present: SortedDocuments) -> Iterator[FileStep]:
    """The files to write that are not there."""
    steps: Iterator[tuple[bytes, object]] = (
        (step.path.encode(), step) for step in change.steps("write")
    )
    for _, (step, is_there) in joined(steps, present):
        if isinstance(step, FileStep) and is_there is None:
            yield step


def _place(step: FileStep) -> tuple[int, int]:
    if step.place is None:
        raise IntegrityError(f"nothing that is published has {step.path!r}")
    number, record = step.place
    return number, record.offset


def _together(items: Iterable[_T]) -> Iterator[list[_T]]:
    remaining = iter(items)
    while some := list(islice(remaining, _AT_ONCE)):
        yield some
