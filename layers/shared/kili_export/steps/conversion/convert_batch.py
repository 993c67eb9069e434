"""Converts one batch of assets for every export of the project that needs them."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from kili_export.changes.events.delayed_recheck import has_recent_label
from kili_export.core.asset import FetchedAsset, SelectedAsset
from kili_export.core.bucket_layout import batch_key
from kili_export.core.clock import Clock, RandomSource, SystemClock
from kili_export.core.errors import AssetError, Unavailable
from kili_export.core.export_options import server_filters
from kili_export.core.file_dates import Moments
from kili_export.core.media import KnownMedia
from kili_export.core.object_counts import AssetObjects
from kili_export.formats.common.format import Conversion, ExportContext, ExportFormat
from kili_export.formats.common.label_selection import AskedFor, moments_of_labels
from kili_export.formats.common.object_counts import count_objects, counted_classes
from kili_export.formats.corrected.subsets import subset_of
from kili_export.runs.messages import (
    BatchResult,
    ByteRange,
    ConvertRequest,
    ExportSegment,
    FailedAsset,
    WorkItem,
)
from kili_export.runs.metering import Meter, NoMeter
from kili_export.runs.plan import ExportPlan, RunPlan, load_plan, planned_format
from kili_export.runs.segment_records import AssetMedia, SegmentWriter
from kili_export.steps.conversion.asset_source import AssetSource, FetchNeeds
from kili_export.steps.conversion.author_pseudonyms import with_authors
from kili_export.steps.conversion.ffmpeg import FrameCutter, NoCutter
from kili_export.steps.conversion.media_batch import MediaBatch
from kili_export.steps.conversion.media_spool import MediaLimits
from kili_export.steps.conversion.past_attempts import PastAttempts
from kili_export.storage.object_store import ObjectStore

_REVIEWED: Final = "REVIEWED"
"""Kili's status of an asset that somebody reviewed."""


@dataclass(frozen=True, slots=True)
class _Target:
    """One export as a batch writes it."""

    plan: ExportPlan
    format: ExportFormat
    context: ExportContext
    asked_for: AskedFor
    classes: Mapping[str, frozenset[str]]
    writer: SegmentWriter = field(default_factory=SegmentWriter)

    def needs(self, item: WorkItem) -> bool:
        """A rebuilt export takes every asset, another one only those that changed."""
        return item.marked or self.plan.mode != "incremental"

    def select(self, asset: FetchedAsset) -> SelectedAsset | None:
        """What this export holds of the asset; None for nothing."""
        if not self.asked_for.includes(asset):
            return None
        selected = self.format.select(asset, self.context)
        if selected is None:
            return None
        return with_authors(selected, self.context.options.authors, self.plan.pseudonym_key)

    def moments(self, asset: FetchedAsset, selected: SelectedAsset) -> Moments:
        """What the files of the asset are dated by."""
        return moments_of_labels(asset, selected, self.context.options)

    def add(
        self,
        asset: FetchedAsset,
        selected: SelectedAsset | None,
        known: KnownMedia | None,
        batch: MediaBatch,
    ) -> None:
        """Converts the asset and takes in what it became. Raises AssetError."""
        conversion: Conversion | None = None
        media: AssetMedia | None = None
        requests = () if selected is None else self.format.media(selected, self.context)
        if selected is not None and (requests or self.context.options.with_assets):
            names = None if known is None else known.paths_of(requests)
            if known is not None and names is not None:
                media = AssetMedia(known, None)
                selected = replace(selected, media=names, media_size=known.size)
                conversion = self.format.convert(selected, self.context)
            else:
                files = batch.fetch(asset.asset_id, requests)
                selected = replace(selected, media=files.paths, media_size=batch.size_of(files))
                # Only what can be converted gets a place among the media.
                conversion = self.format.convert(selected, self.context)
                media = batch.add(self.plan.name, asset, files)
        elif selected is not None:
            conversion = self.format.convert(selected, self.context)
        moments = () if selected is None else self.moments(asset, selected)
        self.writer.add(
            asset,
            conversion,
            media,
            moments=moments,
            reviewed=self._reviewed(asset),
            objects=None if selected is None else self._objects(selected, conversion),
        )

    def _objects(self, selected: SelectedAsset, conversion: Conversion | None) -> AssetObjects:
        """What is counted of the asset; no objects where its labels are in no file."""
        split = self.context.options.split
        subset = None if split is None else str(subset_of(selected, split))
        if conversion is None or not (conversion.members or conversion.fragments):
            return AssetObjects(subset)
        return AssetObjects(subset, count_objects(selected, self.context.project, self.classes))

    def _reviewed(self, asset: FetchedAsset) -> bool | None:
        """Whether the asset is reviewed; None where no gate asks, or the export not for it."""
        rules = self.plan.publish
        if rules is None or not rules.counts_reviewed or not self.asked_for.includes(asset):
            return None
        return asset.fields.get("status") == _REVIEWED


@dataclass(frozen=True, slots=True)
class ConvertAssets:
    """The use case, with what it needs of the outside."""

    objects: ObjectStore
    kili: AssetSource
    random: RandomSource
    media: MediaLimits = field(default_factory=MediaLimits)
    meter: Meter = field(default_factory=NoMeter)
    cutter: FrameCutter = field(default_factory=NoCutter)
    clock: Clock = field(default_factory=SystemClock)
    plans: dict[str, RunPlan] = field(default_factory=dict)
    """The plan that was read last, by its key: batches of a run share it, and it never changes."""

    def __call__(self, request: ConvertRequest) -> BatchResult:
        """Fetches the batch once and writes every export's share of it as one object.

        An asset that cannot be fetched or converted is reported and stops nobody else. The
        object's key belongs to this attempt alone. Raises TransientError when Kili, its storage
        or the bucket do not answer.
        """
        plan = self._plan(request.batch.plan_key)
        targets = [_target(plan, export) for export in plan.exports]
        items = {item.asset_id: item for item in request.items}
        wanted = [target for target in targets if any(map(target.needs, items.values()))]
        needs = FetchNeeds.of(
            plan.project.to_project(), (target.context.options for target in wanted)
        )
        asked_at = self.clock.now()
        fetched = self.kili.fetch_assets(plan.project_id, list(items), needs)
        self._require_storage(plan, fetched.unreachable, fetched.failed)
        matching = self._matching(plan.project_id, wanted, [a.asset_id for a in fetched.assets])
        allowed_by = matching.values()
        failed = [
            FailedAsset(asset_id=asset_id, error=str(error))
            for asset_id, error in fetched.failed.items()
        ]
        with MediaBatch(
            self.objects, self.kili, self.media, lambda: self._new_key(request), self.cutter
        ) as batch:
            # In the order of the archive, so that a whole batch can be copied as one piece.
            for asset in sorted(fetched.assets, key=lambda one: (one.order_key, one.asset_id)):
                item = items[asset.asset_id]
                for target in wanted:
                    if target.needs(item):
                        allowed = matching[target.plan.name]
                        failed.extend(_convert(target, asset, item, allowed, batch))
                batch.store_if_full()
            batch.store()
            self._require_storage(
                plan, batch.unreachable, {one.asset_id: one.error for one in failed}
            )
            answer = self._write(request, wanted, batch)
        return answer.model_copy(
            update={
                "asset_ids": tuple(asset.asset_id for asset in fetched.assets),
                "failed": tuple(failed),
                "missing": fetched.missing,
                "pending": tuple(_pending(fetched.assets, items)),
                "left_out": tuple(
                    asset.asset_id
                    for asset in fetched.assets
                    if any(asset.asset_id in target.writer.empty for target in wanted)
                    or any(one is not None and asset.asset_id not in one for one in allowed_by)
                ),
                "recent": tuple(
                    asset.asset_id
                    for asset in fetched.assets
                    if has_recent_label(asset.label_dates, asked_at)
                ),
                "spent": self.meter.spent(),
            }
        )

    def _plan(self, key: str) -> RunPlan:
        plan = self.plans.get(key)
        if plan is None:
            plan = load_plan(self.objects, key)
            self.plans.clear()
            self.plans[key] = plan
        return plan

    def _require_storage(
        self, plan: RunPlan, unreachable: frozenset[str], errors: Mapping[str, object]
    ) -> None:
        """Raises Unavailable if Kili's storage may be down, rather than each asset at fault.

        It answered for no asset of the batch: that passes, or one document stays unreadable.
        After some attempts the assets fail, so that the reason is seen and they are listed.
        """
        if not unreachable or PastAttempts.of(self.objects, plan).suffice(unreachable):
            return
        reason = errors[min(unreachable)]
        raise Unavailable(f"Kili's storage does not answer: {reason}")

    def _matching(
        self, project_id: str, targets: Iterable[_Target], asset_ids: list[str]
    ) -> dict[str, frozenset[str] | None]:
        """By export, the assets that its server-side filters let through; None without any."""
        answers: dict[str, frozenset[str]] = {}
        matching: dict[str, frozenset[str] | None] = {}
        for target in targets:
            filters = server_filters(target.context.options)
            if not filters or not asset_ids:
                matching[target.plan.name] = None
                continue
            key = json.dumps(filters, sort_keys=True)
            if key not in answers:
                answers[key] = self.kili.matching_ids(project_id, asset_ids, filters)
            matching[target.plan.name] = answers[key]
        return matching

    def _new_key(self, request: ConvertRequest) -> str:
        batch = request.batch
        return batch_key(batch.project_id, batch.run_id, self.random.token())

    def _write(
        self, request: ConvertRequest, targets: Iterable[_Target], media: MediaBatch
    ) -> BatchResult:
        chunks: list[bytes] = []
        segments: dict[str, ExportSegment] = {}
        position = 0
        for target in targets:
            if len(target.writer):
                entries, records = target.writer.finish()
                segments[target.plan.name] = ExportSegment(
                    entries=ByteRange(start=position, length=len(entries)),
                    records=ByteRange(start=position + len(entries), length=len(records)),
                    count=len(target.writer),
                    media=media.objects_of(target.plan.name),
                )
                chunks += (entries, records)
                position += len(entries) + len(records)
        if not segments:
            return BatchResult()
        stored = self.objects.put(self._new_key(request), b"".join(chunks), if_none_match=True)
        return BatchResult(key=stored.key, etag=stored.etag, size=stored.size, exports=segments)


def _target(plan: RunPlan, export: ExportPlan) -> _Target:
    options = export.options.to_options()
    context = ExportContext(plan.project.to_project(), options, export.dated)
    fmt = planned_format(export)
    classes = counted_classes(context.project, fmt.held_jobs(context))
    return _Target(export, fmt, context, AskedFor.by(options), classes)


def _convert(
    target: _Target,
    asset: FetchedAsset,
    item: WorkItem,
    matching: frozenset[str] | None,
    batch: MediaBatch,
) -> Iterable[FailedAsset]:
    files = item.known_media.get(target.plan.name)
    known = (
        None if files is None else KnownMedia(files.digest, files.paths, files.size, files.frames)
    )
    try:
        if matching is not None and asset.asset_id not in matching:
            target.writer.add(asset, None, left_out=True)
        else:
            target.add(asset, target.select(asset), known, batch)
    except AssetError as error:
        yield FailedAsset(asset_id=asset.asset_id, error=str(error), export=target.plan.name)


def _pending(assets: Iterable[FetchedAsset], items: Mapping[str, WorkItem]) -> Iterable[str]:
    """Assets that lack a label which an event announced: it is not readable yet."""
    for asset in assets:
        if not asset.label_ids.issuperset(items[asset.asset_id].label_ids):
            yield asset.asset_id
