"""Makes a generation visible: immutable objects first, the manifest last, then the fixed key."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from kili_export.archives.manifest import Manifest
from kili_export.archives.manifest_store import load_manifest
from kili_export.core.bucket_layout import manifest_key
from kili_export.core.errors import ConflictError, ExportError
from kili_export.splicing.part_limits import PartLimits
from kili_export.splicing.upload_parts import Piece
from kili_export.storage.large_objects import LargeObjects
from kili_export.storage.object_store import LongUploads, ObjectStore, StoredObject

_log = logging.getLogger(__name__)


class Retention(Protocol):
    """What is kept of former generations. Raises ConflictError and TransientError."""

    def remember(self, manifest: Manifest | None) -> None:
        """Notes that this manifest is current until now."""

    def names_any_of(self, project_id: str, export: str, keys: Collection[str]) -> bool:
        """Whether a manifest that is or was current names one of these archives and ledgers."""

    def delete_expired(self, project_id: str, export: str) -> list[str]:
        """Deletes what nobody needs. Answers the keys; a failure is logged, not raised."""


@dataclass(frozen=True, slots=True)
class Publisher:
    """Writes one export's generations.

    With `uploads`, large objects may take several invocations; OutOfTime is raised then. `joins`
    is where very large ones are put together.
    """

    objects: ObjectStore
    limits: PartLimits
    uploads: LongUploads | None = None
    joins: str = ""

    def compose(self, key: str, pieces: Sequence[Piece]) -> StoredObject:
        """Writes an immutable object, unless an invocation of this run did so already."""
        large = LargeObjects(self.objects, self.limits, self.joins, self.uploads)
        return large.compose(key, pieces)

    def commit(self, manifest: Manifest, previous_etag: str | None) -> str:
        """Replaces the manifest that the run was planned from: this alone publishes.

        Answers the new one's ETag. Raises ConflictError when somebody else replaced it first.
        """
        key = manifest_key(manifest.project_id, manifest.export_name)
        try:
            return self.objects.put(
                key,
                manifest.to_bytes(),
                if_match=previous_etag,
                if_none_match=previous_etag is None,
                content_type="application/json",
            ).etag
        except ConflictError:
            # The answer to a first try may have been lost: then the manifest is ours already.
            found, etag = load_manifest(self.objects, manifest.project_id, manifest.export_name)
            if found == manifest and etag is not None:
                return etag
            raise

    def discard(self, manifest: Manifest) -> None:
        """Removes what only this attempt refers to, which lost the race for the manifest."""
        try:
            self.objects.delete(own_keys(manifest))
        except ExportError:
            _log.warning("could not remove what a lost race left", exc_info=True)


def own_keys(manifest: Manifest) -> frozenset[str]:
    """The objects that the manifest's own run wrote for it."""
    last = manifest.recent_deltas[-1:]
    tables = (table.key for table in manifest.tables)
    keys = (manifest.archive.key, *tables, *(delta.key for delta in last))
    return frozenset(key for key in keys if manifest.run_id in key)
