"""What convert_assets does: fetches a batch of assets once and converts it for every export."""

from typing import Any, Final

from kili_export.runs.messages import BatchResult, ConvertRequest
from kili_export.steps.conversion.convert_batch import ConvertAssets
from kili_export.steps.conversion.ffmpeg import Ffmpeg
from kili_export.steps.conversion.media_spool import MediaLimits
from kili_export.wiring.application import Application, application
from kili_export.wiring.invocation import Invocation

_BATCH_PATIENCE: Final = 25.0
"""Seconds to wait for a turn to call Kili: a batch must be done within a minute."""


def convert_assets(app: Application, project_id: str) -> ConvertAssets:
    """Converts batches of a project."""
    meter = app.meter.invocation()
    kili = app.kili(project_id, patience=_BATCH_PATIENCE)
    return ConvertAssets(
        objects=app.objects,
        kili=kili,
        random=app.random,
        media=MediaLimits(app.settings.media_file_limit),
        meter=meter,
        cutter=Ffmpeg(app.settings.ffmpeg_path),
        clock=app.clock,
        plans=app.plans,
    )


def answer_request(event: dict[str, Any], invocation: Invocation) -> dict[str, Any]:
    """Answers a BatchResult to a ConvertRequest. Raises the errors of core.errors."""
    request = ConvertRequest.from_payload(event)
    convert = convert_assets(application(), request.batch.project_id)
    return tell_converted(request, convert(request), invocation).model_dump(mode="json")


def tell_converted(
    request: ConvertRequest, result: BatchResult, invocation: Invocation
) -> BatchResult:
    """Logs and counts what became of a batch. Answers the result."""
    known = {
        "project_id": request.batch.project_id,
        "run_id": request.batch.run_id,
        "assets": len(request.items),
        "failed": len(result.failed),
        "missing": len(result.missing),
        "pending": len(result.pending),
        "bytes": result.size,
    }
    invocation.log("Batch converted", known)
    for failure in result.failed:
        invocation.log("Asset failed", failure.model_dump(), "warning")
    invocation.count("AssetsConverted", len(result.asset_ids))
    invocation.count("AssetsFailed", len(result.failed))
    invocation.count("AssetsNotReadableYet", len(result.pending))
    invocation.describe(**known)
    return result
