"""The snapshots that an export names by itself, as they are stored."""

import logging
import re
from collections.abc import Iterator
from typing import Final

from kili_export.archives.manifest import Manifest
from kili_export.archives.snapshots import parse_snapshot, snapshot_document
from kili_export.core.bucket_layout import snapshot_key, snapshots_prefix
from kili_export.core.errors import ConflictError, IntegrityError
from kili_export.storage.object_store import ObjectStore

_NAME: Final = re.compile(r"auto-\d{4}-\d\d-\d\dT\d{4}Z-g(\d+)")
_log = logging.getLogger(__name__)


def is_automatic(name: str) -> bool:
    """Whether only the export itself may give this name."""
    return _NAME.fullmatch(name) is not None


def store_named(objects: ObjectStore, manifest: Manifest) -> bool:
    """Stores the snapshot that a manifest names of its own generation, unless it is there.

    The publisher calls this while the manifest is current, so that retention keeps what it names.
    Answers whether it was written.
    """
    named = manifest.snapshots
    if named is None or named.name is None or named.generation != manifest.generation:
        return False
    key = snapshot_key(manifest.project_id, manifest.export_name, named.name)
    if objects.head(key) is not None:
        return False
    try:
        objects.put(
            key, snapshot_document(manifest), if_none_match=True, content_type="application/json"
        )
    except ConflictError:
        return False
    return True


def remove_oldest(objects: ObjectStore, manifest: Manifest, keep: int) -> None:
    """Removes automatic snapshots, except the last `keep`.

    A snapshot that a user named stays, even if its name looks automatic.
    """
    prefix = snapshots_prefix(manifest.project_id, manifest.export_name)
    generations: dict[str, int] = {}
    for stored in objects.list(prefix):
        name = stored.key.removeprefix(prefix).removesuffix(".json")
        if (match := _NAME.fullmatch(name)) is not None:
            generations[name] = int(match[1])
    oldest = sorted(generations, key=generations.__getitem__, reverse=True)[keep:]
    objects.delete(list(_own_keys(objects, manifest, oldest)))


def _own_keys(objects: ObjectStore, manifest: Manifest, names: list[str]) -> Iterator[str]:
    for name in names:
        key = snapshot_key(manifest.project_id, manifest.export_name, name)
        found = objects.get(key)
        if found is None:
            continue
        try:
            named = parse_snapshot(key, found[0]).snapshots
        except IntegrityError:
            _log.warning("%s cannot be read, so it stays", key)
            continue
        if named is not None and named.name == name:
            yield key
