"""What is published of a project's exports, beside what is declared."""

from pydantic import ValidationError

from kili_export.archives.known_exports import no_such_export
from kili_export.archives.manifest import Manifest
from kili_export.core.bucket_layout import manifest_key
from kili_export.core.errors import (
    IntegrityError,
)
from kili_export.storage.object_store import ObjectStore


def load_manifest(
    objects: ObjectStore, project_id: str, export: str
) -> tuple[Manifest | None, str | None]:
    """What is current in an export and the ETag of its manifest. Raises IntegrityError."""
    key = manifest_key(project_id, export)
    found = objects.get(key)
    if found is None:
        return None, None
    try:
        return Manifest.from_bytes(found[0]), found[1].etag
    except (ValidationError, ValueError) as error:
        raise IntegrityError(
            f"{key} cannot be read: it is damaged, or a later version of kili-export wrote it."
        ) from error


def read_manifest(objects: ObjectStore, project_id: str, export: str) -> Manifest:
    """What is current in an export.

    Raises InvalidConfiguration when nothing was published yet, IntegrityError when it cannot be
    read.
    """
    manifest, _ = load_manifest(objects, project_id, export)
    if manifest is None:
        raise no_such_export(objects, project_id, export)
    return manifest
