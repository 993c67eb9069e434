"""Runs over projects of any size, as the workflow's map leaves them, without converting each asset.

One asset is converted by the real converter. The others are that one under other names: their
records and entries have the sizes of real ones, and cost a few microseconds each.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

import orjson

from devtools.bench.converters.corpora import generated_corpus
from devtools.bench.converters.sides import DATED, as_fetched, project_for
from kili_export.changes.comparison.kili_listing import (
    FROM_THE_BEGINNING,
    ListedAsset,
    ListedPage,
    ListingPosition,
)
from kili_export.core.asset import FetchedAsset
from kili_export.core.bucket_layout import batch_key, plan_key, results_prefix, work_key
from kili_export.core.export_options import ExportOptions, OptionsDocument
from kili_export.core.media import KnownMedia
from kili_export.core.project import ProjectDocument
from kili_export.formats.common.format import ExportContext
from kili_export.formats.registry import format_of
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
from kili_export.splicing.entries import encode_entry
from kili_export.splicing.entry_record import Record
from kili_export.splicing.zip_headers import local_header
from kili_export.storage.object_store import ObjectStore

EXPORT: Final = "export"
_BATCH: Final = 50
_ANNOTATIONS: Final = 2
"""In each job of an asset."""
_NUMBER: Final = "00000000"
_MEDIUM: Final = bytes(range(256)) * 2


@dataclass(frozen=True, slots=True)
class SyntheticRun:
    """One run over some of the assets 0, 1, 2 and so on; `edited` gives them other labels."""

    options: ExportOptions
    number: int
    assets: Sequence[int]
    edited: bool = False

    def write(self, objects: ObjectStore, etag: str | None, generation: int) -> AggregateRequest:
        """Stores plan, work list, batches and results. Answers what to aggregate."""
        plan = self._plan(etag, generation)
        project_id, run_id = plan.project_id, plan.run_id
        objects.put(plan_key(project_id, run_id), plan.to_bytes())
        items = (WorkItem(asset_id=_asset_id(number)).to_bytes() for number in self.assets)
        objects.put(work_key(project_id, run_id), b"\n".join(items))
        prefix = results_prefix(project_id, run_id)
        results = write_batch_results(objects, prefix, self._batches(objects, project_id, run_id))
        return AggregateRequest(
            project_id=project_id,
            run_id=run_id,
            plan_key=plan_key(project_id, run_id),
            export=EXPORT,
            results=results,
        )

    def _plan(self, etag: str | None, generation: int) -> RunPlan:
        corpus = generated_corpus(1)
        run_id = f"{self.number:08d}-00000000"
        export = ExportPlan(
            name=EXPORT,
            options=OptionsDocument.of(self.options),
            mode="incremental" if self.edited else "rebuild",
            manifest_etag=etag,
            generation=generation,
            definition="d",
            dated=DATED,
        )
        return RunPlan(
            project_id="project",
            run_id=run_id,
            token=self.number,
            execution_arn=f"arn:{run_id}",
            started_at=datetime(2026, 1, 2, tzinfo=UTC),
            project=ProjectDocument.of(project_for(self.options.format, corpus.project)),
            exports=(export,),
        )

    def _batches(self, objects: ObjectStore, project_id: str, run_id: str) -> Iterator[BatchResult]:
        template = _Template.of(self.options, edited=self.edited)
        for start in range(0, len(self.assets), _BATCH):
            numbers = self.assets[start : start + _BATCH]
            entries, lines, media = template.batch(numbers)
            key = batch_key(project_id, run_id, f"{start:08d}")
            stored = objects.put(key, entries + lines)
            kept: tuple[MediaObject, ...] = ()
            if media:
                files = objects.put(f"{key}.media", media)
                kept = (MediaObject(key=files.key, etag=files.etag, size=files.size),)
            segment = ExportSegment(
                entries=ByteRange(start=0, length=len(entries)),
                records=ByteRange(start=len(entries), length=len(lines)),
                count=len(numbers),
                media=kept,
            )
            yield BatchResult(
                key=stored.key,
                etag=stored.etag,
                size=stored.size,
                exports={EXPORT: segment},
                asset_ids=tuple(map(_asset_id, numbers)),
            )


@dataclass(frozen=True, slots=True)
class ListedProject:
    """Kili as far as a comparison of listings asks it, as it was before any edit."""

    assets: int

    def list_asset_ids(
        self, project_id: str, filters: Mapping[str, Any] | None = None
    ) -> Iterator[ListedAsset]:
        """Every asset."""
        del project_id, filters
        for number in range(self.assets):
            name, order_key = _asset_id(number), _order_key(f"{number:08d}")
            yield ListedAsset(name, f"picture-{number:08d}.jpg", order_key, _fingerprint())

    def list_pages(
        self, project_id: str, position: ListingPosition = FROM_THE_BEGINNING
    ) -> Iterator[ListedPage]:
        """Every asset, from the first one on, a hundred at a time."""
        seen = position.seen
        assets = self.list_asset_ids(project_id)
        while some := tuple(islice(assets, 100)):
            seen += len(some)
            after = ListingPosition(seen, seen, tuple(asset.asset_id for asset in some))
            yield ListedPage(some, after, seen == self.assets)


@dataclass(frozen=True, slots=True)
class _Template:
    """One asset's record and entries, with a number in the place of every name."""

    record: list[Any]
    entries: bytes
    media_header: bytes

    @classmethod
    def of(cls, options: ExportOptions, *, edited: bool) -> "_Template":
        """Converts the one asset."""
        answer = generated_corpus(2).answers()[edited]
        for job in answer["latestLabel"]["jsonResponse"].values():
            del job["annotations"][_ANNOTATIONS:]
        fetched = as_fetched([answer])[0]
        asset = replace(
            fetched,
            asset_id=_asset_id_of(_NUMBER),
            external_id=f"picture-{_NUMBER}.jpg",
            order_key=_order_key(_NUMBER),
            fingerprint=_fingerprint(edited=edited),
            fields={
                **fetched.fields,
                "id": _asset_id_of(_NUMBER),
                "externalId": f"picture-{_NUMBER}.jpg",
            },
        )
        writer = SegmentWriter()
        writer.add(asset, *_converted(asset, options))
        entries, line = writer.finish()
        record = orjson.loads(line)
        return cls(record, entries, _media_header() if options.with_assets else b"")

    def batch(self, numbers: Sequence[int]) -> tuple[bytes, bytes, bytes]:
        """Entries, records and media of some assets."""
        entries: list[bytes] = []
        lines: list[bytes] = []
        media: list[bytes] = []
        mark = _NUMBER.encode()
        for place, number in enumerate(numbers):
            digits = f"{number:08d}".encode()
            line = orjson.dumps(self._moved(place)).replace(mark, digits)
            lines.append(line + b"\n")
            entries.append(self.entries.replace(mark, digits))
            if self.media_header:
                media += (self.media_header.replace(mark, digits), _MEDIUM)
        return b"".join(entries), b"".join(lines), b"".join(media)

    def _moved(self, place: int) -> list[Any]:
        record = list(self.record)
        shift = place * len(self.entries)
        record[5] = [[*row[:5], row[5] + shift, *row[6:]] for row in record[5]]
        if record[8] is not None:
            length = len(self.media_header) + len(_MEDIUM)
            *known, files = record[8]
            record[8] = [*known, [[*row[:5], place * length, *row[6:]] for row in files]]
        return record


def _converted(asset: FetchedAsset, options: ExportOptions) -> Any:
    """The conversion, and the media where the export has some."""
    project = project_for(options.format, generated_corpus(1).project)
    made = format_of(options)
    selected = made.select(asset, ExportContext(project, options, DATED))
    if selected is None:
        raise ValueError("the synthetic asset has no label")
    names = (f"images/picture-{_NUMBER}.jpg",) if options.with_assets else ()
    if names:
        selected = replace(selected, media=names, media_size=(640, 480))
    conversion = made.convert(selected, ExportContext(project, options, DATED))
    media = None
    if names:
        entry = encode_entry(names[0], _MEDIUM, owner=asset.asset_id, stored=True)
        record = Record(
            names[0],
            asset.asset_id,
            entry.crc32,
            entry.size,
            entry.compressed_size,
            entry.method,
            0,
            len(entry.local),
        )
        medium = ConvertedMedium(record, "0" * 64, f"identity-{_NUMBER}", 0)
        media = AssetMedia(KnownMedia("d" * 64, names, (640, 480)), (medium,))
    return conversion, media


def _media_header() -> bytes:
    entry = encode_entry(f"images/picture-{_NUMBER}.jpg", _MEDIUM, stored=True)
    return local_header(
        entry.path,
        method=entry.method,
        crc32=entry.crc32,
        size=entry.size,
        compressed_size=entry.compressed_size,
        modified=entry.modified,
    )


def _asset_id_of(digits: str) -> str:
    return f"clsynthetic{digits}asset"


def _asset_id(number: int) -> str:
    return _asset_id_of(f"{number:08d}")


def _order_key(digits: str) -> str:
    return f"2026-01-02T03:04:05.{digits}Z"


def _fingerprint(*, edited: bool = False) -> str:
    return "edited" if edited else "first"
