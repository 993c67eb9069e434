"""Shuts out a run that was taken for dead: what it is about to commit must not count any more."""

from collections.abc import Iterable
from typing import Final

from kili_export.archives.manifest_store import load_manifest
from kili_export.core.bucket_layout import manifest_key
from kili_export.core.errors import ConflictError, IntegrityError
from kili_export.runs.lease import Lease
from kili_export.storage.object_store import ObjectStore

_TRIES: Final = 5


def fence_out_predecessor(objects: ObjectStore, lease: Lease, exports: Iterable[str]) -> None:
    """Rewrites what is current if the holder before did not give the lease back in order.

    A commit depends on the manifest that its run was planned from. One that came before is built
    upon; after this none comes any more, even where the new run finds that nothing changed.
    Raises ConflictError when somebody keeps replacing a manifest.
    """
    if lease.follows_in_order:
        return
    for export in exports:
        _fence(objects, lease, export)


def _fence(objects: ObjectStore, lease: Lease, export: str) -> None:
    for _ in range(_TRIES):
        try:
            manifest, etag = load_manifest(objects, lease.project_id, export)
        except IntegrityError:
            # Nothing is built on a manifest that cannot be read: this export is left out.
            return
        if manifest is None or manifest.fence >= lease.token:
            # A first commit is shut out by the one that this run makes.
            return
        fenced = manifest.model_copy(update={"fence": lease.token})
        try:
            objects.put(
                manifest_key(lease.project_id, export),
                fenced.to_bytes(),
                if_match=etag,
                content_type="application/json",
            )
        except ConflictError:
            continue
        return
    raise ConflictError(f"the manifest of export {export} keeps being replaced by others")
