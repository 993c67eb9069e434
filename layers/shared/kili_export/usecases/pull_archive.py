"""Reads the current archive of an export."""

from collections.abc import Iterator, Sequence
from typing import BinaryIO

from kili_export.contracts.manifest import Manifest
from kili_export.domain.archive.parts import buffers_of
from kili_export.domain.archive.reads import Read, assembled
from kili_export.domain.archive.splice import splice
from kili_export.domain.errors import ConflictError, IntegrityError, InvalidConfiguration
from kili_export.ports import ObjectStore
from kili_export.usecases.aggregation.layered_archive import open_archive
from kili_export.usecases.aggregation.spool import hold_in_spool
from kili_export.usecases.published_exports import load_manifest
from kili_export.usecases.snapshots import read_snapshot

_ATTEMPTS = 3
_BUFFER = 16 << 20


def read_manifest(objects: ObjectStore, project_id: str, export: str) -> Manifest:
    """What is current in an export.

    Raises InvalidConfiguration when nothing was published yet, IntegrityError when it cannot be
    read.
    """
    manifest, _ = load_manifest(objects, project_id, export)
    if manifest is None:
        raise InvalidConfiguration(
            f"Export {export!r} of project {project_id} was not published yet. "
            f"See what is going on with: kili-export status {project_id}"
        )
    return manifest


def pull_archive(
    objects: ObjectStore,
    project_id: str,
    export: str,
    target: BinaryIO,
    *,
    snapshot: str | None = None,
) -> Manifest:
    """Streams the current state, or a snapshot's, into `target`; gives the manifest naming it.

    Where deltas follow the archive, it is the archive that writing it anew would give.
    The archive is the one that the manifest names and not the one at the fixed key, which may
    change during the download. Raises InvalidConfiguration when nothing was published yet,
    IntegrityError when what came is not what the manifest promises.
    """
    if snapshot is not None:
        return _download(objects, read_snapshot(objects, project_id, export, snapshot), target)
    manifest = read_manifest(objects, project_id, export)
    for _ in range(_ATTEMPTS - 1):
        try:
            return _download(objects, manifest, target)
        except (ConflictError, IntegrityError):
            # Retention may have removed an archive that was replaced meanwhile.
            newer = read_manifest(objects, project_id, export)
            if (newer.archive, newer.deltas) == (manifest.archive, manifest.deltas):
                raise
            manifest = newer
    return _download(objects, manifest, target)


def _download(objects: ObjectStore, manifest: Manifest, target: BinaryIO) -> Manifest:
    target.seek(0)
    target.truncate()
    expected = manifest.archive.size
    if manifest.deltas:
        expected = _assemble(objects, manifest, target)
    else:
        objects.download(manifest.archive.key, target, if_match=manifest.archive.etag)
    received = target.tell()
    if received != expected:
        raise IntegrityError(
            f"{manifest.archive.key} has {received} bytes, and the manifest promises {expected}"
        )
    return manifest


def _assemble(objects: ObjectStore, manifest: Manifest, target: BinaryIO) -> int:
    """Writes what the archive and the deltas after it amount to. Answers how many bytes that is."""
    archive = open_archive(objects, manifest)
    plan = splice(archive.base(), (), (), hold_in_spool)

    def fetch(reads: Sequence[Read]) -> Iterator[bytes]:
        for read in reads:
            key, etag = read.source.key, read.source.etag
            yield objects.get_range(key, read.start, read.length, if_match=etag)

    target.writelines(assembled(part, fetch) for part in buffers_of(plan.pieces, _BUFFER))
    return plan.size
