"""Archives that the publishing use case writes: full exports, increments and their deltas.

The files are made up here instead of converted from labels, so that it is known what they are.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from devtools.readers.kinds.sample import SampleArchive
from devtools.readers.listing import Found, found, listing_of
from kili_export.archives.delta_document import DELTA_LIST
from kili_export.archives.manifest import Manifest
from kili_export.core.asset import FetchedAsset
from kili_export.core.bucket_layout import (
    batch_key,
    manifest_key,
    plan_key,
    results_prefix,
    work_key,
)
from kili_export.core.clock import SystemClock, SystemRandom
from kili_export.core.export_options import ExportOptions, OptionsDocument
from kili_export.core.media import KnownMedia
from kili_export.core.project import Project, ProjectDocument
from kili_export.formats.common.format import Conversion, ExportContext, Member
from kili_export.formats.registry import format_of
from kili_export.machine.folder_objects import FolderObjects
from kili_export.maintenance.retention.apply_retention import ApplyRetention
from kili_export.maintenance.retention.retention_rules import RetentionRules
from kili_export.runs.batch_results import write_batch_results
from kili_export.runs.messages import (
    AggregateRequest,
    BatchResult,
    ByteRange,
    ExportSegment,
    MediaObject,
    WorkItem,
)
from kili_export.runs.plan import ExportPlan, RunPlan
from kili_export.runs.segment_records import AssetMedia, ConvertedMedium, SegmentWriter
from kili_export.splicing.archive_reader import fetch_from, read_archive, read_entry
from kili_export.splicing.entries import encode_entry
from kili_export.splicing.part_limits import PartLimits
from kili_export.steps.publishing.publish_export import PublishExport

_PROJECT: Final = "project"
_EXPORT: Final = "kili"
_DATED: Final = "2026-01-05T08:00:00+00:00"
_STARTED: Final = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
_NO_LIMITS: Final = PartLimits(min_part=1, rewrite_below=0, copy_from=1)
"""Small archives are spliced as large ones are: what stays is copied, however short."""
_ASSETS: Final = 12


@dataclass(frozen=True, slots=True)
class MadeUpAsset:
    """An asset's files by name: deflated labels, and stored pictures."""

    labels: Mapping[str, bytes]
    pictures: Mapping[str, bytes] = field(default_factory=dict)


class Publication:
    """One export of a made-up project, beside the files that its archive must hold."""

    def __init__(self, folder: Path, *, with_assets: bool) -> None:
        self._folder = folder / "bucket"
        self._objects = FolderObjects.at(self._folder, SystemClock())
        self._options = ExportOptions("kili", with_assets=with_assets)
        self._runs = 0
        self._assets: dict[int, MadeUpAsset] = {}

    @property
    def files(self) -> dict[str, bytes]:
        """The files that the archive must hold."""
        project = Project(_PROJECT, "Readers", None, "IMAGE", {"jobs": {}})
        context = ExportContext(project, self._options, _DATED)
        members = format_of(self._options).project_members(context)
        files = {member.path: member.data for member in members}
        for asset in self._assets.values():
            files |= {**asset.labels, **asset.pictures}
        return files

    def publish(self, changed: Mapping[int, MadeUpAsset], deleted: Sequence[int] = ()) -> Manifest:
        """One run: full at first, then an increment."""
        self._runs += 1
        run_id = f"run{self._runs:04d}"
        self._plan(run_id, (*changed, *deleted), removals=len(deleted))
        batch = self._batch(run_id, changed, deleted)
        answer = self._aggregate(self._request(run_id, batch))
        if answer.status != "committed":
            raise RuntimeError(f"the run answers {answer.status}")
        for number in deleted:
            del self._assets[number]
        self._assets |= changed
        return self.manifest()

    def manifest(self) -> Manifest:
        """What is current."""
        stored = self._objects.get(manifest_key(_PROJECT, _EXPORT))
        if stored is None:
            raise RuntimeError("nothing was published")
        return Manifest.from_bytes(stored[0])

    def path_of(self, key: str) -> Path:
        """The file of an object."""
        stored = self._objects.head(key)
        if stored is None:
            raise RuntimeError(f"{key} does not exist")
        return self._objects.path(stored)

    @property
    def _aggregate(self) -> PublishExport:
        return PublishExport(
            objects=self._objects,
            clock=SystemClock(),
            random=SystemRandom(),
            traffic=self._objects,
            limits=_NO_LIMITS,
            latest_max_bytes=1 << 30,
            retention=ApplyRetention(self._objects, SystemClock(), RetentionRules()),
        )

    def _plan(self, run_id: str, numbers: Sequence[int], *, removals: int) -> None:
        stored = self._objects.get(manifest_key(_PROJECT, _EXPORT))
        previous = Manifest.from_bytes(stored[0]) if stored else None
        export = ExportPlan(
            name=_EXPORT,
            options=OptionsDocument.of(self._options),
            mode="incremental" if previous else "rebuild",
            manifest_etag=stored[1].etag if stored else None,
            generation=previous.generation if previous else 0,
            definition="d",
            dated=_DATED,
        )
        plan = RunPlan(
            project_id=_PROJECT,
            run_id=run_id,
            token=self._runs,
            execution_arn=f"arn:{run_id}",
            started_at=_STARTED,
            project=ProjectDocument(
                project_id=_PROJECT,
                title="Readers",
                input_type="IMAGE",
                json_interface={"jobs": {}},
            ),
            exports=(export,),
            confirmed_removals=removals,
        )
        self._objects.put(plan_key(_PROJECT, run_id), plan.to_bytes())
        items = (WorkItem(asset_id=_asset_id(number)).to_bytes() for number in numbers)
        self._objects.put(work_key(_PROJECT, run_id), b"\n".join(items))

    def _batch(
        self, run_id: str, changed: Mapping[int, MadeUpAsset], deleted: Sequence[int]
    ) -> BatchResult:
        """Writes what the conversion of one batch leaves."""
        writer = SegmentWriter()
        media = _MediaBytes()
        for number, asset in changed.items():
            members = tuple(Member(path, data) for path, data in asset.labels.items())
            kept = media.add(number, asset.pictures) if self._options.with_assets else None
            writer.add(_fetched(number, self._runs), Conversion(members), kept)
        entries, records = writer.finish()
        key = batch_key(_PROJECT, run_id, "0")
        stored = self._objects.put(key, entries + records)
        objects: tuple[MediaObject, ...] = ()
        if media.data:
            put = self._objects.put(f"{key}.media", media.data)
            objects = (MediaObject(key=put.key, etag=put.etag, size=put.size),)
        segment = ExportSegment(
            entries=ByteRange(start=0, length=len(entries)),
            records=ByteRange(start=len(entries), length=len(records)),
            count=len(writer),
            media=objects,
        )
        return BatchResult(
            key=stored.key,
            etag=stored.etag,
            size=stored.size,
            exports={_EXPORT: segment},
            asset_ids=tuple(map(_asset_id, changed)),
            missing=tuple(map(_asset_id, deleted)),
        )

    def _request(self, run_id: str, batch: BatchResult) -> AggregateRequest:
        prefix = results_prefix(_PROJECT, run_id)
        return AggregateRequest(
            project_id=_PROJECT,
            run_id=run_id,
            plan_key=plan_key(_PROJECT, run_id),
            export=_EXPORT,
            results=write_batch_results(self._objects, prefix, [batch]),
        )


def small(folder: Path) -> SampleArchive:
    """A full export."""
    published = Publication(folder, with_assets=False)
    return _current(published, published.publish(_assets()))


def with_media(folder: Path) -> SampleArchive:
    """A full export with pictures, and an increment that changes a label beside them."""
    published = Publication(folder, with_assets=True)
    published.publish(_assets(with_pictures=True))
    return _current(published, published.publish({3: _asset(3, 1, with_pictures=True)}))


def after_deletions(folder: Path) -> SampleArchive:
    """A full export, and increments in which assets are deleted."""
    published = Publication(folder, with_assets=True)
    published.publish(_assets(with_pictures=True))
    published.publish({}, deleted=[0, 5])
    manifest = published.publish({4: _asset(4, 1, with_pictures=True)}, deleted=[_ASSETS - 1])
    return _current(published, manifest)


def delta(folder: Path) -> SampleArchive:
    """The delta of an increment that adds, changes and deletes assets."""
    published = Publication(folder, with_assets=True)
    published.publish(_assets(with_pictures=True))
    changed = {2: _asset(2, 1), _ASSETS: _asset(_ASSETS, 0, with_pictures=True)}
    manifest = published.publish(changed, deleted=[7])
    files = dict(listing_of({name: data for one in changed.values() for name, data in _all(one)}))
    path = published.path_of(manifest.recent_deltas[-1].key)
    return SampleArchive(path, {**files, DELTA_LIST: _delta_list(path)})


class _MediaBytes:
    """Stored entries of media, one after another in one object."""

    def __init__(self) -> None:
        self.data = b""

    def add(self, number: int, pictures: Mapping[str, bytes]) -> AssetMedia:
        """Appends an asset's pictures."""
        fetched = []
        for path, data in pictures.items():
            entry = encode_entry(path, data, owner=_asset_id(number), stored=True)
            record = entry.record(len(self.data))
            digest = hashlib.sha256(data).hexdigest()
            fetched.append(ConvertedMedium(record, digest, f"identity of {path}", 0))
            self.data += entry.local
        return AssetMedia(KnownMedia(f"digest {number}", tuple(pictures)), tuple(fetched))


def _assets(*, with_pictures: bool = False) -> dict[int, MadeUpAsset]:
    return {number: _asset(number, 0, with_pictures=with_pictures) for number in range(_ASSETS)}


def _asset(number: int, version: int, *, with_pictures: bool = False) -> MadeUpAsset:
    """Files that differ by asset, and labels that differ by version."""
    name = f"{'folder/' if number % 3 == 0 else ''}picture {number}"
    label = b'{"asset": %d, "version": %d}\n' % (number, version) * (number * 20 + 1)
    picture = hashlib.sha256(name.encode()).digest() * 400
    pictures = {f"assets/{name}.png": picture} if with_pictures else {}
    return MadeUpAsset({f"labels/{name}.json": label}, pictures)


def _all(asset: MadeUpAsset) -> list[tuple[str, bytes]]:
    return [*asset.labels.items(), *asset.pictures.items()]


def _fetched(number: int, version: int) -> FetchedAsset:
    return FetchedAsset(
        asset_id=_asset_id(number),
        external_id=f"picture {number}.png",
        order_key=f"{number:08d}",
        fields={},
        fingerprint=f"{version}",
    )


def _asset_id(number: int) -> str:
    return f"asset{number:08d}"


def _current(published: Publication, manifest: Manifest) -> SampleArchive:
    return SampleArchive(published.path_of(manifest.archive.key), listing_of(published.files))


def _delta_list(path: Path) -> Found:
    """The list that only the publisher knows, as this project's own reader reads it."""
    fetch = fetch_from(path.read_bytes())
    record = read_archive(fetch, path.stat().st_size).directory.find(DELTA_LIST)
    if record is None:
        raise RuntimeError(f"the delta has no {DELTA_LIST}")
    return found(read_entry(fetch, record))
