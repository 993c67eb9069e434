"""What brings a tree from the generation that it holds to another one, file by file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from kili_export.archives.manifest import DeltaReference, Manifest
from kili_export.archives.stored_archive import StoredArchive
from kili_export.archives.stored_deltas import open_deltas
from kili_export.archives.tree_state import TreeState
from kili_export.core.errors import ConflictError, IntegrityError
from kili_export.reading.folder_change import checked_path
from kili_export.reading.folder_state import FolderState
from kili_export.reading.prefix_writer import PrefixWriter
from kili_export.reading.published_files import PublishedFile, files_of_generation
from kili_export.reading.sync_sources import usable_chain
from kili_export.splicing.entry_record import Record
from kili_export.storage.external_sort import ExternalSorter, joined
from kili_export.storage.object_store import ObjectStore


@dataclass(frozen=True, slots=True)
class TreeStep:
    """A file to put, from its place, or to remove (no place).

    `is_present`: an object is there, and may be the same.
    """

    path: str
    digest: str = ""
    place: tuple[StoredArchive, Record] | None = None
    is_present: bool = False


def tree_steps(
    objects: ObjectStore, manifest: Manifest, state: TreeState, writer: PrefixWriter
) -> Iterator[TreeStep]:
    """The files after `state.applied_to`, by their UTF-8 bytes.

    By deltas where these lead to the manifest; else every file that is published or in the tree.
    Raises IntegrityError, ConflictError.
    """
    deltas = _deltas(manifest, state)
    if deltas is not None:
        try:
            return _by_deltas(objects, deltas, state)
        except (IntegrityError, ConflictError):
            # Deltas that are gone or damaged: all files tell the same.
            pass
    return _by_comparison(objects, manifest, state, writer)


def _deltas(manifest: Manifest, state: TreeState) -> Sequence[DeltaReference] | None:
    if not state.version or state.published_at is None:
        return None
    held = FolderState(
        project_id=state.project_id,
        export_name=state.export_name,
        lineage=state.lineage,
        generation=state.generation,
        version=state.version,
        published_at=state.published_at,
    )
    return () if state.version == manifest.files_version else usable_chain(manifest, held)


def _by_deltas(
    objects: ObjectStore, deltas: Sequence[DeltaReference], state: TreeState
) -> Iterator[TreeStep]:
    found: dict[str, TreeStep] = {}
    for delta in open_deltas(objects, deltas):
        delta.archive.preload()
        for path in delta.removed:
            found[path] = TreeStep(checked_path(path))
        for member in (*delta.document.added, *delta.document.changed):
            path = checked_path(member.path)
            place = (delta.archive, delta.record(path))
            found[path] = TreeStep(path, member.digest, place)
    after = state.applied_to.encode()
    paths = sorted(path.encode() for path in found)
    return (found[path.decode()] for path in paths if path > after)


def _by_comparison(
    objects: ObjectStore, manifest: Manifest, state: TreeState, writer: PrefixWriter
) -> Iterator[TreeStep]:
    """Every file that is published, and every other one that is in the tree or was left out."""
    after = state.applied_to.encode()
    present = ExternalSorter()
    # Not every server lists by bytes.
    for path in map(str.encode, chain(writer.listed(), state.left_out)):
        if path > after:
            present.add(path)
    files = files_of_generation(objects, manifest).below(start=state.applied_to)
    published = ((file.path.encode(), file) for file in files if file.path.encode() > after)
    there: Iterator[tuple[bytes, PublishedFile | bool]] = ((path, True) for path in present)
    for path, (file, is_present) in joined(published, there):
        if isinstance(file, PublishedFile):
            yield TreeStep(checked_path(file.path), file.digest, file.place, bool(is_present))
        else:
            yield TreeStep(path.decode())
