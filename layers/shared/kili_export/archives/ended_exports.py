"""Says of exports that are declared no more, in their manifests, that they have ended."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from kili_export.archives.known_exports import stored_exports
from kili_export.archives.manifest_store import load_manifest
from kili_export.archives.tree_state import end_trees
from kili_export.core.bucket_layout import manifest_key
from kili_export.core.errors import ConflictError
from kili_export.registration.register_exports import unregister
from kili_export.storage.object_store import ObjectStore

_TRIES: Final = 5


def unregister_exports(objects: ObjectStore, project_id: str, now: datetime) -> bool:
    """Ends the exports of a project. What was published stays, and says that it has ended.

    Doing it again after it was interrupted completes it. Answers whether there was anything to do.
    """
    was_registered = unregister(objects, project_id)
    stored = stored_exports(objects, project_id)
    ended = end_exports(objects, project_id, stored, now)
    end_trees(objects, project_id, stored, now)
    return ended or was_registered


def end_exports(
    objects: ObjectStore, project_id: str, exports: Iterable[str], now: datetime
) -> bool:
    """Writes into each manifest since when nothing follows it any more, unless it says so.

    A run that is under way loses the manifest by this, and publishes nothing. Answers whether one
    was written. Raises ConflictError when a manifest keeps being replaced.
    """
    written = [export for export in exports if _end(objects, project_id, export, now)]
    return bool(written)


def _end(objects: ObjectStore, project_id: str, export: str, now: datetime) -> bool:
    for _ in range(_TRIES):
        manifest, etag = load_manifest(objects, project_id, export)
        if manifest is None or manifest.ended_at is not None:
            return False
        ended = manifest.model_copy(update={"ended_at": now})
        try:
            objects.put(
                manifest_key(project_id, export),
                ended.to_bytes(),
                if_match=etag,
                content_type="application/json",
            )
        except ConflictError:
            continue
        return True
    raise ConflictError(f"the manifest of export {export} keeps being replaced; try again")
