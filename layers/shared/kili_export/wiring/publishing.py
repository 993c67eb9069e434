"""What aggregate_archive does: publishes one export of a run."""

from typing import Any

from kili_export.maintenance.retention.apply_retention import ApplyRetention
from kili_export.reading.deliver_tree import DeliverTree
from kili_export.runs.messages import AggregateAnswer, AggregateRequest
from kili_export.splicing.part_limits import PartLimits
from kili_export.steps.publishing.publish_export import PublishExport
from kili_export.storage.object_store import ObjectStore
from kili_export.wiring.application import Application, application
from kili_export.wiring.invocation import Invocation


def aggregate_archive(app: Application, known: ObjectStore | None = None) -> PublishExport:
    """Publishes exports. `known` is the bucket as a small run knows it."""
    return PublishExport(
        objects=known or app.objects,
        clock=app.clock,
        random=app.random,
        traffic=app.traffic,
        limits=PartLimits(rewrite_below=app.settings.rewrite_limit),
        latest_max_bytes=app.settings.latest_copy_limit,
        retention=ApplyRetention(app.objects, app.clock, app.settings.retention, known),
        rewriting=app.settings.rewriting,
        meter=app.meter.invocation(),
        trees=DeliverTree(app.objects, app.clock, app.random),
    )


def answer_request(event: dict[str, Any], invocation: Invocation) -> dict[str, Any]:
    """Answers an AggregateAnswer to an AggregateRequest. Raises the errors of core.errors."""
    request = AggregateRequest.from_payload(event)
    answer = aggregate_archive(application())(request, invocation.time_left)
    return tell_published(request, answer, invocation).model_dump(mode="json")


def tell_published(
    request: AggregateRequest, answer: AggregateAnswer, invocation: Invocation
) -> AggregateAnswer:
    """Logs and counts what became of an export. Answers the answer."""
    known = {
        "project_id": request.project_id,
        "run_id": request.run_id,
        "export": answer.export,
        "status": answer.status,
        "generation": answer.generation,
        "added": answer.added,
        "changed": answer.changed,
        "removed": answer.removed,
        "held_removals": answer.held_removals,
    }
    invocation.log("Archive aggregated", known)
    if answer.tree_error is not None:
        invocation.log("Tree behind", {**known, "error": answer.tree_error}, "warning")
        invocation.count("TreesBehind", 1)
    invocation.count("AssetsQuarantined", answer.quarantined)
    invocation.count("ArchiveBytes", answer.size, "Bytes")
    invocation.count("S3Requests", answer.requests)
    invocation.count("BytesDown", answer.bytes_down, "Bytes")
    invocation.count("BytesUp", answer.bytes_up, "Bytes")
    invocation.describe(**known)
    return answer
