"""What a reader sees, and what must hold whatever happened."""

import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from devtools.faults.cloud import Cloud
from devtools.faults.s3_service import Stored
from kili_export.archives.manifest import (
    ArchiveReference,
    DeltaReference,
    Manifest,
    TableReference,
)
from kili_export.maintenance.retention.history import History
from kili_export.runs.announcements import PUBLISHED

_SIGNATURE = re.compile(rb"(https?://[^\s\"?]+)\?[^\s\",]*")
_MANIFEST = re.compile(r"exports/[^/]+/([^/]+)/manifest\.json")
_SNAPSHOT = re.compile(r"exports/[^/]+/([^/]+)/snapshots/(.+)\.json")
_IMMUTABLE = re.compile(
    r"(exports/[^/]+/[^/]+/(archives|deltas|files)|state/[^/]+/[^/]+/ledgers)/.+"
)
_DATED = b"(dated)"
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Seen:
    """What readers see: files by export, or by export and snapshot, and what is listed."""

    files: Mapping[str, Mapping[str, bytes]] = field(default_factory=dict)
    listed: Mapping[str, Any] = field(default_factory=dict)


def look(cloud: Cloud) -> Seen:
    """Reads everything that is published."""
    files: dict[str, Mapping[str, bytes]] = {}
    listed: dict[str, Any] = {}
    for name, manifest in _published(cloud):
        files[name] = _files(cloud, manifest)
        listed[name] = {
            # Not the bytes: signatures of links are as long as they like.
            "counts": manifest.counts.model_dump(exclude={"uncompressed_bytes"}),
            "classes": [one.name for one in manifest.classes],
            "options": manifest.options.model_dump(),
            "definition": manifest.definition,
            "quarantined": sorted((one.asset_id, one.error) for one in manifest.quarantined),
            "losses": manifest.losses,
        }
    return Seen(files, listed)


def differences(seen: Seen, expected: Seen) -> list[str]:
    """What readers see otherwise than they should, in words."""
    found = []
    for name in sorted(expected.files.keys() | seen.files.keys()):
        ours, theirs = seen.files.get(name, {}), expected.files.get(name, {})
        paths = sorted(
            path for path in ours.keys() | theirs.keys() if ours.get(path) != theirs.get(path)
        )
        if paths:
            shown = ", ".join(paths[:_SHOWN])
            found.append(f"{name}: {len(paths)} files differ ({shown})")
        if seen.listed.get(name) != expected.listed.get(name):
            found.append(f"{name}: its manifest lists something else")
    return found


def has_quarantined(cloud: Cloud) -> bool:
    """Whether an export lists an asset that it could not take in."""
    return any(manifest.quarantined for _, manifest in _published(cloud))


def contradictions(cloud: Cloud) -> list[str]:
    """What contradicts itself in the bucket."""
    found: list[str] = []
    for name, manifest in _published(cloud):
        found += [f"{name}: {problem}" for problem in _contradictions_of(cloud, manifest)]
    return found


def orphans(cloud: Cloud) -> list[str]:
    """Immutable objects that no manifest, snapshot or history names."""
    named: set[str] = set()
    for _, manifest in _published(cloud):
        named |= {manifest.archive.key, *(table.key for table in manifest.tables)}
        named |= {one.key for one in (*manifest.deltas, *manifest.recent_deltas)}
    for key, stored in cloud.bucket.objects.items():
        if key.endswith("/history.json"):
            for past in History.from_bytes(stored.data).past:
                named |= past.keys
    return sorted(
        key for key in cloud.bucket.objects if _IMMUTABLE.fullmatch(key) and key not in named
    )


def leftovers(cloud: Cloud) -> set[str]:
    """What runs that were cut off left, in words: objects that nobody names, unfinished uploads."""
    uploads = (f"an upload of {upload.key}" for upload in cloud.bucket.uploads.values())
    return {*orphans(cloud), *uploads}


def unannounced(cloud: Cloud, before: Cloud) -> list[str]:
    """Exports with a new generation that no consumer was told of."""
    told = {
        (detail["export_name"], detail["generation"])
        for kind, detail in cloud.events
        if kind == PUBLISHED
    }
    former = {name: manifest.generation for name, manifest in _published(before)}
    return [
        f"{name}: nobody was told of generation {manifest.generation}"
        for name, manifest in _published(cloud)
        if "@" not in name
        and manifest.generation != former.get(name)
        and (name, manifest.generation) not in told
    ]


def _published(cloud: Cloud) -> Iterator[tuple[str, Manifest]]:
    for key, stored in sorted(cloud.bucket.objects.items()):
        if found := _MANIFEST.fullmatch(key):
            yield found[1], Manifest.from_bytes(stored.data)
        elif found := _SNAPSHOT.fullmatch(key):
            yield f"{found[1]}@{found[2]}", Manifest.from_bytes(stored.data)


def _files(cloud: Cloud, manifest: Manifest) -> dict[str, bytes]:
    stored = cloud.bucket.objects.get(manifest.archive.key)
    if stored is None:
        return {}
    with zipfile.ZipFile(io.BytesIO(stored.data)) as archive:
        files = {
            name: _comparable(archive.read(name), manifest.dated) for name in archive.namelist()
        }
    if manifest.options.format == "coco":
        numbered = [name for name in files if name.endswith("labels.json")]
        files |= {name: _without_numbers(files[name]) for name in numbered}
    return files


def _without_numbers(data: bytes) -> bytes:
    """COCO's annotations, each with its picture's name in place of the numbers of both.

    Who comes later for a failure gets later numbers, and keeps them.
    """
    document = json.loads(data)
    names = {image.pop("id"): image["file_name"] for image in document["images"]}
    for annotation in document["annotations"]:
        del annotation["id"]
        annotation["image_id"] = names[annotation["image_id"]]
    for listed in ("images", "annotations"):
        document[listed].sort(key=json.dumps)
    return json.dumps(document).encode()


def _comparable(data: bytes, dated: str) -> bytes:
    """A file without what may differ: when the export was begun, and signatures of links."""
    moment = datetime.fromisoformat(dated).astimezone(UTC).replace(tzinfo=None)
    for text in (f"{moment:%Y%m%d-%H%M%S}", moment.isoformat()):
        data = data.replace(text.encode(), _DATED)
    return _SIGNATURE.sub(rb"\1", data)


def _contradictions_of(cloud: Cloud, manifest: Manifest) -> Iterator[str]:
    named: list[ArchiveReference | DeltaReference | TableReference]
    named = [manifest.archive, *manifest.tables, *manifest.deltas]
    for reference in named:
        stored = cloud.bucket.objects.get(reference.key)
        if stored is None:
            yield f"{reference.key} does not exist"
        elif (stored.etag, len(stored.data)) != (reference.etag, reference.size):
            yield f"{reference.key} is not what the manifest names"
    archive = cloud.bucket.objects.get(manifest.archive.key)
    if archive is None:
        return
    with zipfile.ZipFile(io.BytesIO(archive.data)) as opened:
        damaged = opened.testzip()
        if damaged:
            yield f"{damaged} is damaged"
        if len(opened.namelist()) != manifest.archive.members:
            yield "its archive has another number of files"
    latest = None if manifest.latest_key is None else cloud.bucket.objects.get(manifest.latest_key)
    if manifest.latest_key is not None and not _same(latest, archive):
        yield "latest.zip is another archive"


def _same(one: Stored | None, other: Stored) -> bool:
    return one is not None and one.data == other.data
