"""Reads the current archive of an export."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, BinaryIO, cast

from kili_export.archives.archive_with_deltas import open_archive
from kili_export.archives.manifest import Manifest
from kili_export.archives.manifest_store import read_manifest
from kili_export.archives.snapshots import read_snapshot
from kili_export.core.errors import ConflictError, IntegrityError
from kili_export.core.progress import Progress, Tell
from kili_export.splicing.part_reads import Read, assembled
from kili_export.splicing.splice import splice
from kili_export.splicing.upload_parts import buffers_of
from kili_export.storage.object_store import ObjectStore
from kili_export.storage.spool import hold_in_spool

_ATTEMPTS = 3
_BUFFER = 16 << 20


def pull_archive(
    objects: ObjectStore,
    project_id: str,
    export: str,
    target: BinaryIO,
    *,
    snapshot: str | None = None,
    tell: Tell = lambda _: None,
) -> Manifest:
    """Streams the current state, or a snapshot's, into `target`; gives the manifest naming it.

    Where deltas follow the archive, it is the archive that writing it again would give.
    The archive is the one that the manifest names and not the one at the fixed key, which may
    change during the download. `tell` gets how many bytes have come, while more are to come.
    Raises InvalidConfiguration when nothing was published yet, IntegrityError when what came is
    not what the manifest promises.
    """
    if snapshot is not None:
        return download_archive(
            objects, read_snapshot(objects, project_id, export, snapshot), target, tell
        )
    manifest = read_manifest(objects, project_id, export)
    for _ in range(_ATTEMPTS - 1):
        try:
            return download_archive(objects, manifest, target, tell)
        except (ConflictError, IntegrityError):
            # Retention may have removed an archive that was replaced meanwhile.
            newer = read_manifest(objects, project_id, export)
            if (newer.archive, newer.deltas) == (manifest.archive, manifest.deltas):
                raise
            manifest = newer
    return download_archive(objects, manifest, target, tell)


def download_archive(
    objects: ObjectStore, manifest: Manifest, target: BinaryIO, tell: Tell = lambda _: None
) -> Manifest:
    """Streams what a manifest names into `target`. Raises IntegrityError, ConflictError."""
    target.seek(0)
    target.truncate()
    expected = manifest.archive.size
    if manifest.deltas:
        expected = _assemble(objects, manifest, target, tell)
    else:
        watched = cast("BinaryIO", _Watched(target, expected, tell))
        objects.download(manifest.archive.key, watched, if_match=manifest.archive.etag)
    received = target.tell()
    if received != expected:
        raise IntegrityError(
            f"{manifest.archive.key} has {received} bytes, and the manifest promises {expected}"
        )
    return manifest


class _Watched:
    """A file that tells after each write how far the whole has come, unless it is whole."""

    def __init__(self, target: BinaryIO, expected: int, tell: Tell) -> None:
        self._target = target
        self._expected = expected
        self._tell = tell

    def write(self, data: bytes | bytearray) -> int:
        """Writes, and tells."""
        written = self._target.write(data)
        done = self._target.tell()
        if done < self._expected:
            self._tell(Progress("downloading", done, self._expected, in_bytes=True))
        return written

    def writelines(self, pieces: Iterable[bytes | bytearray]) -> None:
        """Writes one after the other."""
        for piece in pieces:
            self.write(piece)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)


def _assemble(objects: ObjectStore, manifest: Manifest, target: BinaryIO, tell: Tell) -> int:
    """Writes what the archive and the deltas after it amount to. Answers how many bytes that is."""
    archive = open_archive(objects, manifest)
    plan = splice(archive.base(), (), (), hold_in_spool)

    def fetch(reads: Sequence[Read]) -> Iterator[bytes]:
        for read in reads:
            key, etag = read.source.key, read.source.etag
            yield objects.get_range(key, read.start, read.length, if_match=etag)

    watched = _Watched(target, plan.size, tell)
    watched.writelines(assembled(part, fetch) for part in buffers_of(plan.pieces, _BUFFER))
    return plan.size
