"""Makes a generation visible: immutable objects first, the manifest last, then the fixed key."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from kili_export.contracts.manifest import Manifest
from kili_export.domain.archive.limits import PartLimits
from kili_export.domain.archive.parts import (
    CopyRange,
    Piece,
    Source,
    parts_digest,
    plan_parts,
)
from kili_export.domain.errors import ConflictError, ExportError
from kili_export.domain.keys import latest_key, manifest_key
from kili_export.ports import LongUploads, ObjectStore, StoredObject
from kili_export.usecases.aggregation.large_objects import LargeObjects

GENERATION = "generation"
_TRIES = 5
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Publisher:
    """Writes one export's generations.

    `latest_max_bytes` is the size above which no copy is made at the fixed key. With `uploads`,
    large objects may take several invocations; OutOfTime is raised then. `joins` is where very
    large ones are put together.
    """

    objects: ObjectStore
    limits: PartLimits
    latest_max_bytes: int
    uploads: LongUploads | None = None
    joins: str = ""

    def compose(self, key: str, pieces: Sequence[Piece]) -> StoredObject:
        """Writes an immutable object, unless an invocation of this run did so already."""
        large = LargeObjects(self.objects, self.limits, self.joins, self.uploads)
        return large.compose(key, pieces)

    def commit(self, manifest: Manifest, previous_etag: str | None) -> None:
        """Replaces the manifest that the run was planned from: this alone publishes.

        Raises ConflictError when somebody else replaced it first.
        """
        key = manifest_key(manifest.project_id, manifest.export_name)
        try:
            self.objects.put(
                key,
                manifest.to_bytes(),
                if_match=previous_etag,
                if_none_match=previous_etag is None,
                content_type="application/json",
            )
        except ConflictError:
            # The answer to a first try may have been lost: then the manifest is ours already.
            if self._is_committed(manifest):
                return
            raise

    def refresh_latest(self, manifest: Manifest, before: Manifest | None = None) -> None:
        """Brings the copy at the fixed key up to the manifest's archive, or removes it.

        A copy of the same or a later generation is left alone, also when it appears meanwhile.
        `before` is the manifest that this one replaced, if that was just now. Raises
        ConflictError when others keep replacing the copy.
        """
        if manifest.latest_key is None:
            # A former copy is looked for while no delta follows the archive: so also the run
            # after one that crashed here does, and those that only add deltas need not ask.
            if not manifest.deltas or (before is not None and before.latest_key is not None):
                self._remove_latest(manifest)
            return
        archive = manifest.archive
        whole = CopyRange(Source(archive.key, archive.etag, archive.size), 0, archive.size)
        # Nothing in it changes: what S3 can copy at all moves no byte through here.
        parts = plan_parts([whole], replace(self.limits, rewrite_below=0))
        is_long = len(parts) >= self.limits.resumable_from
        for _ in range(_TRIES):
            present = self.objects.head(manifest.latest_key)
            if present is not None and _generation(present) >= archive.generation:
                return
            try:
                self.objects.compose(
                    manifest.latest_key,
                    parts,
                    if_match=present.etag if present else None,
                    if_none_match=present is None,
                    metadata={GENERATION: str(archive.generation)},
                    plan=parts_digest(parts),
                    uploads=self.uploads if is_long else None,
                )
            except ConflictError:
                continue
            return
        raise ConflictError(f"{manifest.latest_key} keeps being replaced by others")

    def latest_for(self, project_id: str, export: str, size: int) -> str | None:
        """The fixed key, unless the archive is too large for a copy there."""
        return latest_key(project_id, export) if size <= self.latest_max_bytes else None

    def _remove_latest(self, manifest: Manifest) -> None:
        """Removes the copy of an archive that was small enough for one."""
        key = latest_key(manifest.project_id, manifest.export_name)
        if self.objects.head(key) is not None:
            self.objects.delete([key])

    def _is_committed(self, manifest: Manifest) -> bool:
        found = self.objects.get(manifest_key(manifest.project_id, manifest.export_name))
        return found is not None and Manifest.from_bytes(found[0]) == manifest

    def discard(self, manifest: Manifest) -> None:
        """Removes what only this attempt refers to, which lost the race for the manifest."""
        try:
            self.objects.delete(own_keys(manifest))
        except ExportError:
            _log.warning("could not remove what a lost race left", exc_info=True)


def own_keys(manifest: Manifest) -> frozenset[str]:
    """The objects that the manifest's own run wrote for it."""
    last = manifest.recent_deltas[-1:]
    keys = (manifest.archive.key, manifest.ledger.key, *(delta.key for delta in last))
    return frozenset(key for key in keys if manifest.run_id in key)


def _generation(stored: StoredObject) -> int:
    value = stored.metadata.get(GENERATION, "")
    return int(value) if value.isdigit() else 0
