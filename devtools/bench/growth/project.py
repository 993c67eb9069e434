"""A synthetic project of any size, and what the runs of a workflow would leave of it in a bucket.

Assets are not converted, which is another benchmark's matter: each has one file of lines as YOLO
has them. A batch has as many assets as the plan of a run gives it.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from kili_export.archives.manifest import Manifest
from kili_export.core.asset import FetchedAsset
from kili_export.core.bucket_layout import (
    batch_key,
    manifest_key,
    plan_key,
    results_prefix,
    work_key,
)
from kili_export.core.export_options import ExportOptions, Layout, OptionsDocument
from kili_export.core.project import ProjectDocument
from kili_export.formats.common.format import Conversion, Member
from kili_export.runs.messages import (
    AggregateRequest,
    BatchResult,
    ByteRange,
    ExportSegment,
    ResultsLocation,
)
from kili_export.runs.plan import ExportPlan, RunPlan
from kili_export.runs.segment_records import SegmentWriter
from kili_export.storage.object_store import ObjectStore
from kili_export.wiring.settings import Settings

PROJECT = "growth"
EXPORT = "yolo"
BATCH = Settings().batch_size
_LINES = 6
_STARTED = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
_INTERFACE = {
    "jobs": {
        "SHAPES": {
            "mlTask": "OBJECT_DETECTION",
            "tools": ["rectangle"],
            "instruction": "Mark every shape",
            "isChild": False,
            "required": 1,
            "content": {
                "input": "radio",
                "categories": {"ROUND": {"name": "Round", "children": []}},
            },
        }
    }
}


def write_batch(objects: ObjectStore, run_id: str, numbers: range, version: int) -> str:
    """Writes one batch as `convert_assets` would. Answers its result as a line of JSON."""
    writer = SegmentWriter()
    for number in numbers:
        path = f"labels/batch-{number // 1000:04d}_scene-{number:07d}.txt"
        writer.add(_asset(number, version), Conversion((Member(path, _lines(number, version)),)))
    entries, records = writer.finish()
    key = batch_key(PROJECT, run_id, f"{numbers.start:016d}")
    stored = objects.put(key, entries + records)
    result = BatchResult(
        key=stored.key,
        etag=stored.etag,
        size=stored.size,
        exports={
            EXPORT: ExportSegment(
                entries=ByteRange(start=0, length=len(entries)),
                records=ByteRange(start=len(entries), length=len(records)),
                count=len(writer),
            )
        },
        asset_ids=tuple(map(asset_id, numbers)),
    )
    return json.dumps({"batches": [result.model_dump(mode="json")]})


def write_run(
    objects: ObjectStore, run_id: str, numbers: range, lines: Iterable[str]
) -> AggregateRequest:
    """Writes the plan, the work list and the results of a run. Answers what publishes it."""
    found = objects.get(manifest_key(PROJECT, EXPORT))
    previous = Manifest.from_bytes(found[0]) if found else None
    plan = RunPlan(
        project_id=PROJECT,
        run_id=run_id,
        token=1,
        execution_arn=f"arn:{run_id}",
        started_at=_STARTED,
        project=ProjectDocument(
            project_id=PROJECT,
            title="Growth",
            input_type="IMAGE",
            json_interface=_INTERFACE,
        ),
        exports=(
            ExportPlan(
                name=EXPORT,
                options=OptionsDocument.of(ExportOptions("yolo_v8", layout=Layout.MERGED)),
                mode="incremental" if previous else "rebuild",
                manifest_etag=found[1].etag if found else None,
                generation=previous.generation if previous else 0,
                definition="d",
                dated="2026-01-05T08:00:00+00:00",
            ),
        ),
    )
    objects.put(plan_key(PROJECT, run_id), plan.to_bytes())
    work = "".join(f'{{"asset_id":"{asset_id(number)}"}}\n' for number in numbers)
    objects.put(work_key(PROJECT, run_id), work.encode())
    return AggregateRequest(
        project_id=PROJECT,
        run_id=run_id,
        plan_key=plan_key(PROJECT, run_id),
        export=EXPORT,
        results=_write_results(objects, results_prefix(PROJECT, run_id), lines),
    )


def batches(assets: int) -> Iterator[range]:
    """The assets of each batch of a full export."""
    for start in range(0, assets, BATCH):
        yield range(start, min(start + BATCH, assets))


def asset_id(number: int) -> str:
    """An id of the length that Kili's have."""
    return f"cl{number:023d}"


def _write_results(objects: ObjectStore, prefix: str, lines: Iterable[str]) -> ResultsLocation:
    listed = objects.put(f"{prefix}/SUCCEEDED_0.json", "\n".join(lines).encode())
    files = [{"Key": listed.key, "Size": listed.size}]
    key = f"{prefix}/manifest.json"
    objects.put(key, json.dumps({"ResultFiles": {"SUCCEEDED": files}}).encode())
    return ResultsLocation(bucket="", key=key)


def _asset(number: int, version: int) -> FetchedAsset:
    key = asset_id(number)
    return FetchedAsset(
        asset_id=key,
        external_id=f"batch-{number // 1000:04d}/scene-{number:07d}.png",
        order_key=f"2026-01-05T08:00:00.000Z_{number:09d}",
        fields={},
        fingerprint=f"{version}",
    )


def _lines(number: int, version: int) -> bytes:
    """Boxes that are others for each asset, and barely compress."""
    seed = number * 2_654_435_761 + version * 40_503
    rows = []
    for row in range(_LINES):
        values = ((seed * (row + 3) >> shift) % 1_000_000 / 1_000_000 for shift in (0, 7, 13, 21))
        rows.append("0 " + " ".join(f"{value:.6f}" for value in values))
    return "\n".join(rows).encode()
