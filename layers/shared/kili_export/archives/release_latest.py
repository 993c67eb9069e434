"""Releases `latest.zip` of an export that a gate holds back."""

from typing import Final

from kili_export.archives.manifest import LatestHold
from kili_export.archives.manifest_store import load_manifest, read_manifest
from kili_export.core.bucket_layout import manifest_key
from kili_export.core.errors import ConflictError, InvalidConfiguration
from kili_export.storage.object_store import ObjectStore

_TRIES: Final = 5


def release_latest(objects: ObjectStore, project_id: str, export: str) -> LatestHold:
    """Notes in the manifest that the next run is to let the current archive out.

    A run that is under way loses the manifest by this, and a later one does its work. Doing it
    again changes nothing. Answers what was held.

    Raises InvalidConfiguration when nothing is published, or nothing is held back, ConflictError
    when the manifest keeps being replaced.
    """
    for _ in range(_TRIES):
        manifest, etag = load_manifest(objects, project_id, export)
        if manifest is None:
            # Raises, with the way out.
            manifest = read_manifest(objects, project_id, export)
        latest = manifest.latest
        if latest is None or not latest.held:
            raise InvalidConfiguration(
                f"latest.zip of export {export!r} of project {project_id} is not held back."
            )
        if latest.released:
            return latest
        released = latest.model_copy(update={"released": True})
        try:
            objects.put(
                manifest_key(project_id, export),
                manifest.model_copy(update={"latest": released}).to_bytes(),
                if_match=etag,
                content_type="application/json",
            )
        except ConflictError:
            continue
        return released
    raise ConflictError(f"Export {export!r} is published too often just now; try again.")
