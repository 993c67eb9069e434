"""Runs conversions and aggregations over in-memory fakes, as the workflow would."""

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any
from urllib.parse import urlsplit

from kili_export.archives.compaction import CompactionPolicy
from kili_export.archives.manifest import Manifest
from kili_export.archives.manifest_store import load_published
from kili_export.core.asset import FetchedAsset
from kili_export.core.bucket_layout import (
    manifest_key,
    marks_key,
    plan_key,
    results_prefix,
    work_key,
)
from kili_export.core.errors import AssetError, RequestRefused, Unavailable
from kili_export.core.export_options import ExportOptions, OptionsDocument
from kili_export.core.project import Project, ProjectDocument
from kili_export.costs.usage import Traffic
from kili_export.maintenance.retention.apply_retention import ApplyRetention
from kili_export.maintenance.retention.retention_rules import RetentionRules
from kili_export.runs.batch_results import write_batch_results
from kili_export.runs.messages import (
    AggregateAnswer,
    AggregateRequest,
    BatchInput,
    BatchResult,
    ConvertRequest,
    ResultsLocation,
    WorkItem,
)
from kili_export.runs.metering import Meter, NoMeter
from kili_export.runs.plan import ExportPlan, RunPlan
from kili_export.splicing.part_limits import PartLimits
from kili_export.steps.conversion.asset_source import FetchedMedium, FetchNeeds, FetchResult
from kili_export.steps.conversion.convert_batch import ConvertAssets
from kili_export.steps.conversion.ffmpeg import FrameCutter, NoCutter
from kili_export.steps.conversion.media_spool import MediaLimits
from kili_export.steps.planning.known_media import MediaLedger, with_known_media
from kili_export.steps.publishing.documents.sharding import ShardRules
from kili_export.steps.publishing.publish_export import PublishExport
from tests.support.archive_of import DATED
from tests.support.fakes import CountingTokens, InMemoryObjects, ManualClock

BUCKET = "bucket"


@dataclass(slots=True)
class AssetsOfKili:
    """Kili as far as conversions ask it."""

    assets: dict[str, FetchedAsset] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    hidden_by_filters: set[str] = field(default_factory=set)
    fetches: list[list[str]] = field(default_factory=list)
    files: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    """Media by the path of their address: contents and content type."""
    unreachable: set[str] = field(default_factory=set)
    media_fetches: list[str] = field(default_factory=list)

    def fetch_assets(
        self, project_id: str, asset_ids: Sequence[str], needs: FetchNeeds
    ) -> FetchResult:
        del project_id, needs
        self.fetches.append(list(asset_ids))
        present = [key for key in asset_ids if key in self.assets]
        return FetchResult(
            assets=tuple(self.assets[key] for key in present if key not in self.broken),
            missing=tuple(key for key in asset_ids if key not in self.assets),
            failed={
                key: AssetError("its label cannot be read", asset_id=key)
                for key in present
                if key in self.broken
            },
        )

    def matching_ids(
        self, project_id: str, asset_ids: Sequence[str], filters: Mapping[str, Any]
    ) -> frozenset[str]:
        del project_id, filters
        return frozenset(asset_ids) - self.hidden_by_filters

    def fetch_media(self, url: str, target: IO[bytes], *, largest: int) -> FetchedMedium:
        del largest
        path = urlsplit(url).path
        self.media_fetches.append(path)
        if path in self.unreachable:
            raise Unavailable("the storage does not answer")
        if path not in self.files:
            raise RequestRefused("the storage answered HTTP 404")
        data, content_type = self.files[path]
        target.write(data)
        digest = hashlib.sha256(data).hexdigest()
        return FetchedMedium(len(data), zlib.crc32(data), digest, content_type)


@dataclass(slots=True)
class Workbench:
    """One project with exports, kept current by hand."""

    project: Project
    options: dict[str, ExportOptions]
    kili: AssetsOfKili = field(default_factory=AssetsOfKili)
    objects: InMemoryObjects = field(default_factory=InMemoryObjects)
    clock: ManualClock = field(default_factory=ManualClock)
    tokens: CountingTokens = field(default_factory=CountingTokens)
    limits: PartLimits = field(default_factory=PartLimits)
    traffic: Traffic | None = None
    """Counts what is moved, where `objects` do not."""
    media: MediaLimits = field(default_factory=MediaLimits)
    rewriting: CompactionPolicy = field(default_factory=CompactionPolicy)
    latest_max_bytes: int = 1 << 30
    batch_size: int = 3
    runs: int = 0
    definitions: dict[str, str] = field(default_factory=dict)
    """Of exports that were declared otherwise since."""
    meter: Meter = field(default_factory=NoMeter)
    cutter: FrameCutter = field(default_factory=NoCutter)
    sharding: ShardRules = field(default_factory=ShardRules)

    def __post_init__(self) -> None:
        self.objects.clock = self.clock

    @property
    def aggregate(self) -> PublishExport:
        return PublishExport(
            objects=self.objects,
            clock=self.clock,
            random=self.tokens,
            traffic=self.traffic or self.objects,
            limits=self.limits,
            latest_max_bytes=self.latest_max_bytes,
            retention=ApplyRetention(self.objects, self.clock, RetentionRules()),
            rewriting=self.rewriting,
            meter=self.meter,
            sharding=self.sharding,
        )

    @property
    def convert(self) -> ConvertAssets:
        return ConvertAssets(
            self.objects,
            self.kili,
            self.tokens,
            self.media,
            self.meter,
            self.cutter,
            self.clock,
        )

    def rebuild(self, **more: Any) -> dict[str, AggregateAnswer]:
        """A full export of everything."""
        return self.run(sorted(self.kili.assets), mode="rebuild", **more)

    def run(
        self, asset_ids: Sequence[str], mode: str = "incremental", **more: Any
    ) -> dict[str, AggregateAnswer]:
        """One run over these assets, from plan to published archives."""
        plan = self.plan(asset_ids, mode, **more)
        results = self.convert_all(plan, asset_ids)
        return {
            export.name: self.aggregate(self.request(plan, export.name, results))
            for export in plan.exports
        }

    def plan(
        self, asset_ids: Sequence[str], mode: str, *, rewrite: bool = False, **more: Any
    ) -> RunPlan:
        """Writes a plan and its work list. No pending change was tried before."""
        self.runs += 1
        self.clock.advance(60)
        run_id = f"run{self.runs:04d}"
        project_id = self.project.project_id
        plan = RunPlan(
            project_id=project_id,
            run_id=run_id,
            token=self.runs,
            execution_arn=f"arn:{run_id}",
            started_at=self.clock.now(),
            project=ProjectDocument.of(self.project),
            exports=tuple(
                self._export(name, mode).model_copy(update={"rewrite": rewrite})
                for name in self.options
            ),
            **more,
        )
        self.objects.put(marks_key(project_id, run_id), b"")
        self.objects.put(plan_key(project_id, run_id), plan.to_bytes())
        items = [json.dumps({"asset_id": asset_id}) for asset_id in asset_ids]
        self.objects.put(work_key(project_id, run_id), "\n".join(items).encode())
        return plan

    def convert_all(self, plan: RunPlan, asset_ids: Sequence[str]) -> ResultsLocation:
        """Converts in batches and writes the map's results."""
        listed = ((WorkItem(asset_id=asset_id), None) for asset_id in asset_ids)
        items = list(with_known_media(listed, self._media_ledgers(plan)))
        batches = [
            self.convert(
                ConvertRequest(
                    batch=BatchInput(
                        project_id=plan.project_id,
                        run_id=plan.run_id,
                        plan_key=plan_key(plan.project_id, plan.run_id),
                    ),
                    items=tuple(items[start : start + self.batch_size]),
                )
            )
            for start in range(0, len(items), self.batch_size)
        ]
        return self.write_results(plan, batches)

    def write_results(self, plan: RunPlan, batches: Sequence[BatchResult]) -> ResultsLocation:
        """Writes what the map's children answered."""
        prefix = results_prefix(plan.project_id, plan.run_id)
        return write_batch_results(self.objects, prefix, batches, BUCKET)

    def request(self, plan: RunPlan, export: str, results: ResultsLocation) -> AggregateRequest:
        """The input of the aggregation of one export."""
        return AggregateRequest(
            project_id=plan.project_id,
            run_id=plan.run_id,
            plan_key=plan_key(plan.project_id, plan.run_id),
            export=export,
            results=results,
        )

    def manifest(self, export: str) -> Manifest:
        """What is current."""
        found = self.objects.get(manifest_key(self.project.project_id, export))
        assert found is not None, f"{export} was never published"
        return Manifest.from_bytes(found[0])

    def files(self, export: str) -> dict[str, bytes]:
        """The files of the current archive."""
        return self.files_at(self.manifest(export).archive.key)

    def files_at(self, key: str) -> dict[str, bytes]:
        """The files of any archive in the bucket."""
        return self.files_of(self.objects.stored[key][0])

    @staticmethod
    def files_of(data: bytes) -> dict[str, bytes]:
        """The files of an archive."""
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            assert archive.testzip() is None
            return {name: archive.read(name) for name in archive.namelist()}

    def _media_ledgers(self, plan: RunPlan) -> list[MediaLedger]:
        return [
            MediaLedger.open(
                self.objects,
                export.name,
                self.manifest(export.name),
                rebuilt=export.mode == "rebuild",
            )
            for export in plan.exports
            if export.options.with_assets and export.generation
        ]

    def _export(self, name: str, mode: str) -> ExportPlan:
        published = load_published(self.objects, self.project.project_id, name)
        return ExportPlan(
            name=name,
            options=OptionsDocument.of(self.options[name]),
            mode="incremental" if published.manifest and mode == "incremental" else "rebuild",
            manifest_etag=published.etag,
            generation=published.generation,
            definition=self.definitions.get(name, "d"),
            dated=DATED,
            pseudonym_key="0c" * 32,
        )
