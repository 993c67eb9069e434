"""The generations of an export that its manifest still leads back to: when, and what changed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from kili_export.archives.manifest import Manifest
from kili_export.archives.snapshots import iter_snapshots
from kili_export.core.bucket_layout import export_prefix
from kili_export.storage.object_store import ObjectStore


@dataclass(frozen=True, slots=True)
class Generation:
    """One generation. `bytes` is the size of its delta, `files` what it holds in all.

    What came before the first delta that is kept has no delta: of the generation at the beginning
    `added`, `changed`, `removed` and `bytes` are None, and it has a date only if that is known.
    """

    generation: int
    published_at: datetime | None
    files: int
    added: int | None = None
    changed: int | None = None
    removed: int | None = None
    bytes: int | None = None
    snapshots: tuple[str, ...] = ()


def iter_history(objects: ObjectStore, manifest: Manifest) -> Iterator[Generation]:
    """The generations that the manifest's deltas lead through, the latest first.

    A delta's date is when it was written, right before it was published.
    """
    written = {one.key: one.modified for one in objects.list(_deltas(manifest))}
    names: dict[str, list[str]] = {}
    for name, named in iter_snapshots(objects, manifest.project_id, manifest.export_name):
        if named.lineage == manifest.lineage:
            names.setdefault(named.files_version, []).append(name)
    files = manifest.counts.members
    for delta in reversed(manifest.recent_deltas):
        yield Generation(
            delta.generation,
            written.get(delta.key),
            files,
            delta.added,
            delta.changed,
            delta.removed,
            delta.size,
            tuple(names.get(delta.version, ())),
        )
        files -= delta.added - delta.removed
    yield _beginning(manifest, files, names)


def _beginning(manifest: Manifest, files: int, names: dict[str, list[str]]) -> Generation:
    chain = manifest.recent_deltas
    if not chain:
        snapshots = names.get(manifest.files_version, ())
        return Generation(
            manifest.generation, manifest.published_at, files, snapshots=tuple(snapshots)
        )
    first = chain[0]
    snapshots = names.get(first.from_version or "", ())
    return Generation(first.from_generation, None, files, snapshots=tuple(snapshots))


def _deltas(manifest: Manifest) -> str:
    return f"{export_prefix(manifest.project_id, manifest.export_name)}deltas/"
