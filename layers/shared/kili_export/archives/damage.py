"""Whether what a manifest names is there as it was written."""

from collections import deque
from typing import Final

from kili_export.archives.ledger.ledger_reader import open_ledger
from kili_export.archives.manifest import (
    ArchiveReference,
    DeltaReference,
    Manifest,
    TableReference,
)
from kili_export.core.errors import ConflictError, IntegrityError
from kili_export.storage.object_store import ObjectStore

DAMAGED: Final = (IntegrityError, ConflictError)
"""What reading raises: it cannot be read, or something else stands in its place."""
_READ_WHOLE: Final = 32 << 20


def damage_of(objects: ObjectStore, manifest: Manifest) -> str | None:
    """What is damaged of an export that nobody publishes at the moment, None if nothing is found.

    Of a ledger above 32 MiB only the index is read; a comparison with Kili reads all of it.
    """
    try:
        ledger = open_ledger(objects, manifest)
        tables = (manifest.ledger, *manifest.ledger_changes)
        if sum(table.size for table in tables) <= _READ_WHOLE:
            deque(ledger.all(), maxlen=0)
        references: list[ArchiveReference | DeltaReference | TableReference] = [
            manifest.archive,
            *manifest.deltas,
            *manifest.tables,
        ]
        for named in references:
            stored = objects.head(named.key)
            if stored is None or (stored.etag, stored.size) != (named.etag, named.size):
                return f"{named.key} is not what was published"
    except DAMAGED as error:
        return str(error)
    return None


def way_out(project_id: str, export: str) -> str:
    """What a person can do about a damaged export."""
    return (
        f"Restore the object, or purge the export and register it again: kili-export purge "
        f"{project_id} {export}"
    )
