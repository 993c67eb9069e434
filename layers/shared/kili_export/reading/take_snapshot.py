"""Gives a generation of an export a name, so that it is kept."""

from kili_export.archives.automatic_snapshots import is_automatic
from kili_export.archives.manifest import Manifest
from kili_export.archives.manifest_store import load_manifest, read_manifest
from kili_export.archives.snapshots import (
    checked_name,
    parse_snapshot,
    read_snapshot,
    snapshot_document,
)
from kili_export.core.bucket_layout import manifest_key, snapshot_key
from kili_export.core.errors import ConflictError, InvalidConfiguration
from kili_export.storage.object_store import ObjectStore

_TRIES = 20


def take_snapshot(objects: ObjectStore, project_id: str, export: str, name: str) -> Manifest:
    """Names what is current now; its archive and ledger are kept until the name is deleted.

    Nothing is copied. Retention may run at the same moment: what it deletes was not current when
    it looked. So a snapshot of what was current before *and after* the name was written is safe,
    and one that was replaced in between is written again.

    Raises InvalidConfiguration when nothing was published or the name is taken, ConflictError
    when the export is published too fast to be named.
    """
    if is_automatic(name):
        raise InvalidConfiguration(
            f"{name!r} is a name that exports give themselves (`snapshot_when`); choose another one"
        )
    key = snapshot_key(project_id, export, checked_name(name))
    manifest, etag = _current(objects, project_id, export)
    try:
        written = objects.put(
            key, snapshot_document(manifest), if_none_match=True, content_type="application/json"
        )
    except ConflictError:
        raise _taken(objects, project_id, export, name) from None
    for _ in range(_TRIES):
        newer, newer_etag = _current(objects, project_id, export)
        if newer_etag == etag:
            return manifest
        manifest, etag = newer, newer_etag
        written = objects.put(
            key, snapshot_document(manifest), if_match=written.etag, content_type="application/json"
        )
    objects.delete([key])
    raise ConflictError(f"Export {export!r} is published too often just now; try again.")


def delete_snapshot(objects: ObjectStore, project_id: str, export: str, name: str) -> Manifest:
    """Takes the name away; retention deletes what it kept. Raises InvalidConfiguration."""
    manifest = read_snapshot(objects, project_id, export, name)
    objects.delete([snapshot_key(project_id, export, name)])
    return manifest


def _current(objects: ObjectStore, project_id: str, export: str) -> tuple[Manifest, str]:
    manifest, etag = load_manifest(objects, project_id, export)
    if manifest is None or etag is None:
        # Raises, with the way out.
        manifest = read_manifest(objects, project_id, export)
        raise ConflictError(f"{manifest_key(project_id, export)} appeared just now; try again.")
    return manifest, etag


def _taken(
    objects: ObjectStore, project_id: str, export: str, name: str
) -> InvalidConfiguration | ConflictError:
    found = objects.get(snapshot_key(project_id, export, name))
    if found is None:
        return ConflictError(f"Snapshot {name!r} was deleted just now; try again.")
    there = parse_snapshot(snapshot_key(project_id, export, name), found[0])
    return InvalidConfiguration(
        f"Export {export!r} has a snapshot {name!r} already, of generation {there.generation}. "
        f"Choose another name, or: kili-export snapshot {project_id} {export} {name} --delete"
    )
