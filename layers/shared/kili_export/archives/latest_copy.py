"""The copy of an export's archive at a fixed key."""

from dataclasses import dataclass, replace
from typing import Final

from kili_export.archives.manifest import Manifest
from kili_export.core.bucket_layout import latest_key
from kili_export.core.errors import ConflictError
from kili_export.splicing.part_limits import PartLimits
from kili_export.splicing.upload_parts import CopyRange, Source, parts_digest, plan_parts
from kili_export.storage.object_store import LongUploads, ObjectStore, StoredObject

GENERATION: Final = "generation"
"""The copy's metadata: the generation that its archive holds."""
_TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class LatestCopy:
    """Keeps the copy at the fixed key equal to the archive.

    `max_bytes` is the size above which no copy is made. With `uploads`, a large copy may take
    several invocations; OutOfTime is raised then.
    """

    objects: ObjectStore
    limits: PartLimits
    max_bytes: int
    uploads: LongUploads | None = None

    def key_for(self, project_id: str, export: str, size: int) -> str | None:
        """The fixed key, unless an archive of `size` bytes is too large for a copy there."""
        return latest_key(project_id, export) if size <= self.max_bytes else None

    def refresh(self, manifest: Manifest, before: Manifest | None = None) -> None:
        """Brings the copy at the fixed key up to the manifest's archive, or removes it.

        One that is held back stays as it is.

        A copy of the same or a later generation is left alone, also when it appears meanwhile.
        `before` is the manifest that this one replaced, if that was just now. Raises
        ConflictError when others keep replacing the copy.
        """
        if manifest.is_latest_held:
            return
        if manifest.latest_key is None:
            # A former copy is looked for while no delta follows the archive: so also the run
            # after one that crashed here does, and those that only add deltas need not ask.
            if not manifest.deltas or (before is not None and before.latest_key is not None):
                self._remove(manifest)
            return
        archive = manifest.archive
        whole = CopyRange(Source(archive.key, archive.etag, archive.size), 0, archive.size)
        # Nothing in it changes: what S3 can copy at all moves no byte through here.
        parts = plan_parts([whole], replace(self.limits, rewrite_below=0))
        is_long = len(parts) >= self.limits.resumable_from
        for _ in range(_TRIES):
            present = self.objects.head(manifest.latest_key)
            if _generation(present) >= archive.generation:
                # That may be from memory, and no condition of a write shows whether it is so.
                present = self.objects.head(manifest.latest_key)
            if _generation(present) >= archive.generation:
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

    def _remove(self, manifest: Manifest) -> None:
        """Removes the copy of an archive that was small enough for one."""
        key = latest_key(manifest.project_id, manifest.export_name)
        if self.objects.head(key) is not None:
            self.objects.delete([key])


def _generation(stored: StoredObject | None) -> int:
    value = stored.metadata.get(GENERATION, "") if stored is not None else ""
    return int(value) if value.isdigit() else 0
