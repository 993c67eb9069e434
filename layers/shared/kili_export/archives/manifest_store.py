"""Reads what is published of an export: its manifest, or that it was purged.

`steps/publishing/generation/commit.py` publishes it; architecture.md lists who else rewrites it.
"""

from dataclasses import dataclass

from pydantic import ValidationError

from kili_export.archives.known_exports import no_such_export
from kili_export.archives.manifest import Manifest
from kili_export.archives.purged_export import PurgedExport, parse_published
from kili_export.core.bucket_layout import manifest_key
from kili_export.core.errors import IntegrityError, InvalidConfiguration
from kili_export.storage.object_store import ObjectStore


@dataclass(frozen=True, slots=True)
class Published:
    """What is stored in place of an export's manifest, with its ETag: None when nothing is."""

    document: Manifest | PurgedExport | None = None
    etag: str | None = None

    @property
    def manifest(self) -> Manifest | None:
        """What is current."""
        return self.document if isinstance(self.document, Manifest) else None

    @property
    def generation(self) -> int:
        """The last generation that there was below this key, 0 when there was none."""
        return self.document.generation if self.document else 0


def load_published(objects: ObjectStore, project_id: str, export: str) -> Published:
    """What is current in an export, or that it was purged. Raises IntegrityError."""
    key = manifest_key(project_id, export)
    found = objects.get(key)
    if found is None:
        return Published()
    try:
        return Published(parse_published(found[0]), found[1].etag)
    except (ValidationError, ValueError) as error:
        raise IntegrityError(
            f"{key} cannot be read: it is damaged, or a later version of kili-export wrote it."
        ) from error


def load_manifest(
    objects: ObjectStore, project_id: str, export: str
) -> tuple[Manifest | None, str | None]:
    """What is current in an export, and the ETag that a commit depends on. Raises IntegrityError.

    A purged export has an ETag and no manifest.
    """
    published = load_published(objects, project_id, export)
    return published.manifest, published.etag


def read_manifest(objects: ObjectStore, project_id: str, export: str) -> Manifest:
    """What is current in an export.

    Raises InvalidConfiguration when nothing was published yet, IntegrityError when it cannot be
    read.
    """
    document = load_published(objects, project_id, export).document
    if isinstance(document, PurgedExport):
        raise InvalidConfiguration(
            f"Export {export!r} of project {project_id} was purged on "
            f"{document.purged_at:%Y-%m-%d %H:%M} UTC, and nothing was published since. What you "
            "copied of it stays as it is."
        )
    if document is None:
        raise no_such_export(objects, project_id, export)
    return document
