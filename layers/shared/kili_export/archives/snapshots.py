"""Snapshots of an export as they are stored: named copies of its manifest."""

import re
from collections.abc import Iterator

from pydantic import ValidationError

from kili_export.archives.known_exports import no_such_export
from kili_export.archives.manifest import Manifest
from kili_export.archives.manifest_store import load_manifest
from kili_export.core.bucket_layout import snapshot_key, snapshots_prefix
from kili_export.core.errors import IntegrityError, InvalidConfiguration
from kili_export.storage.object_store import ObjectStore

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def checked_name(name: str) -> str:
    """The name, if it can be one. Raises InvalidConfiguration."""
    if not _NAME.fullmatch(name):
        raise InvalidConfiguration(
            f"{name[:120]!r} cannot name a snapshot: take letters, digits, '.', '_' and '-', at "
            "most 100, beginning with a letter or digit"
        )
    return name


def read_snapshot(objects: ObjectStore, project_id: str, export: str, name: str) -> Manifest:
    """The manifest under that name. Raises InvalidConfiguration when there is none."""
    key = snapshot_key(project_id, export, checked_name(name))
    found = objects.get(key)
    if found is None:
        if load_manifest(objects, project_id, export)[0] is None:
            raise no_such_export(objects, project_id, export)
        raise InvalidConfiguration(
            f"Export {export!r} of project {project_id} has no snapshot {name!r}. "
            f"See which it has: kili-export snapshot {project_id} {export} --list"
        )
    return parse_snapshot(key, found[0])


def iter_snapshots(
    objects: ObjectStore, project_id: str, export: str
) -> Iterator[tuple[str, Manifest]]:
    """Every snapshot by name. Raises IntegrityError when one cannot be read."""
    prefix = snapshots_prefix(project_id, export)
    for stored in objects.list(prefix):
        found = objects.get(stored.key)
        # One that was deleted since the listing pins nothing.
        if found is not None:
            name = stored.key.removeprefix(prefix).removesuffix(".json")
            yield name, parse_snapshot(stored.key, found[0])


def pinned_keys(manifest: Manifest) -> frozenset[str]:
    """What must stay for a snapshot to be whole."""
    tables = (table.key for table in manifest.tables)
    deltas = (delta.key for delta in manifest.deltas)
    return frozenset({manifest.archive.key, *tables, *deltas})


def snapshot_document(manifest: Manifest) -> bytes:
    """The manifest without what is not kept: the copy at the fixed key, former deltas."""
    left_out = {"latest_key": None, "latest": None, "recent_deltas": ()}
    return manifest.model_copy(update=left_out).to_bytes()


def parse_snapshot(key: str, data: bytes) -> Manifest:
    """Reads what is stored under `key`. Raises IntegrityError."""
    try:
        return Manifest.from_bytes(data)
    except (ValidationError, ValueError) as error:
        raise IntegrityError(f"{key} cannot be read") from error
