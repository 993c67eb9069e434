"""Reads the current archive of an export."""

from typing import BinaryIO

from kili_export.contracts.manifest import Manifest
from kili_export.domain.errors import ConflictError, IntegrityError, InvalidConfiguration
from kili_export.domain.keys import manifest_key
from kili_export.ports import ObjectStore
from kili_export.usecases.snapshots import read_snapshot

_ATTEMPTS = 3


def read_manifest(objects: ObjectStore, project_id: str, export: str) -> Manifest:
    """What is current in an export. Raises InvalidConfiguration when nothing was published yet."""
    found = objects.get(manifest_key(project_id, export))
    if found is None:
        raise InvalidConfiguration(
            f"Export {export!r} of project {project_id} was not published yet. "
            f"See what is going on with: kili-export status {project_id}"
        )
    return Manifest.from_bytes(found[0])


def pull_archive(
    objects: ObjectStore,
    project_id: str,
    export: str,
    target: BinaryIO,
    *,
    snapshot: str | None = None,
) -> Manifest:
    """Streams the current archive, or a snapshot's, into `target`; gives the manifest naming it.

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
            if newer.archive == manifest.archive:
                raise
            manifest = newer
    return _download(objects, manifest, target)


def _download(objects: ObjectStore, manifest: Manifest, target: BinaryIO) -> Manifest:
    target.seek(0)
    target.truncate()
    archive = manifest.archive
    objects.download(archive.key, target, if_match=archive.etag)
    received = target.tell()
    if received != archive.size:
        raise IntegrityError(
            f"{archive.key} has {received} bytes, and the manifest promises {archive.size}"
        )
    return manifest
