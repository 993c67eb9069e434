"""What stays of an export that was purged: a tombstone in place of its manifest.

It names nothing that was exported. Generations go on from its number, so that none is there twice
below one key. And no run that was planned before can publish: its commit depends on a manifest
that is no more, or on that there is none.
"""

import re
from datetime import datetime
from pathlib import PurePosixPath
from typing import Final, Literal

import orjson
from pydantic import ValidationError

from kili_export.archives.manifest import Manifest
from kili_export.core.bucket_layout import (
    archives_prefix,
    deltas_prefix,
    manifest_key,
    state_prefix,
)
from kili_export.core.document import PublishedDocument
from kili_export.core.errors import ConflictError
from kili_export.storage.object_store import ObjectStore

_NUMBERED: Final = re.compile(r"(\d{8})-.*\.zip")
_TRIES: Final = 5
_VERSION: Final = 2


class PurgedExport(PublishedDocument):
    """The tombstone. Its version keeps readers of manifests from going on."""

    schema_version: Literal[2] = _VERSION
    project_id: str
    export_name: str
    generation: int
    purged_at: datetime


def parse_published(data: bytes) -> Manifest | PurgedExport:
    """Reads what is stored in place of a manifest. Raises ValidationError and ValueError."""
    content = orjson.loads(data)
    if isinstance(content, dict) and content.get("schema_version") == _VERSION:
        return PurgedExport.from_bytes(data)
    return Manifest.from_bytes(data)


def has_data(objects: ObjectStore, prefix: str) -> bool:
    """Whether anything is stored below an export's or a project's prefix, besides tombstones."""
    for stored in objects.list(prefix):
        if not stored.key.endswith("/manifest.json"):
            return True
        found = objects.get(stored.key)
        if found is not None and not is_tombstone(found[0]):
            return True
    return False


def is_tombstone(data: bytes) -> bool:
    """Whether that is what stays of a purged export."""
    try:
        return isinstance(parse_published(data), PurgedExport)
    except (ValidationError, ValueError):
        return False


def leave_tombstone(objects: ObjectStore, project_id: str, export: str, now: datetime) -> str:
    """Puts a tombstone in place of the manifest, or where the first one would be.

    Answers its key. Raises ConflictError when somebody keeps publishing.
    """
    key = manifest_key(project_id, export)
    for _ in range(_TRIES):
        found = objects.get(key)
        tombstone = PurgedExport(
            project_id=project_id,
            export_name=export,
            generation=_last_generation(objects, project_id, export, found[0] if found else None),
            purged_at=now,
        )
        try:
            objects.put(
                key,
                tombstone.to_bytes(),
                if_match=found[1].etag if found else None,
                if_none_match=found is None,
                content_type="application/json",
            )
        except ConflictError:
            continue
        return key
    raise ConflictError(f"Export {export!r} keeps being published; purge again.")


def _last_generation(objects: ObjectStore, project_id: str, export: str, data: bytes | None) -> int:
    """The highest number that was given so far, also where the manifest cannot be read."""
    places = (
        archives_prefix(project_id, export),
        deltas_prefix(project_id, export),
        state_prefix(project_id, export),
    )
    names = (PurePosixPath(one.key).name for place in places for one in objects.list(place))
    numbers = [int(found[1]) for found in map(_NUMBERED.match, names) if found]
    try:
        current = parse_published(data).generation if data is not None else 0
    except (ValidationError, ValueError):
        current = 0
    return max([current, *numbers])
