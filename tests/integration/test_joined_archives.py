"""Archives of more objects than an upload may have parts, on a real S3 server."""

import random
from dataclasses import replace
from typing import Any

from kili_export.aws.s3 import S3ObjectStore
from kili_export.aws.s3_traffic import S3Traffic
from kili_export.maintenance.retention.apply_retention import ApplyRetention
from kili_export.maintenance.retention.retention_rules import RetentionRules
from kili_export.splicing.part_limits import MIB, PartLimits
from kili_export.steps.publishing.publish_export import PublishExport
from tests.integration.test_archive_on_s3 import open_uploads
from tests.integration.test_resumed_copies import Enough
from tests.support.kili_samples import job, project
from tests.support.workbench import Workbench
from tests.unit.steps.publishing.test_media import OPTIONS, media_of, put

PICTURES = 9
MOST_PARTS = 4


def test_an_archive_of_many_objects_outlasts_invocations(
    s3_client: Any, key_prefix: str, object_store: S3ObjectStore
) -> None:
    """Of nine objects, four at most in an upload, and no invocation has time for all of it."""
    bench = Workbench(
        replace(project({"CARS": job(["BIG"])}), project_id=key_prefix.strip("/")),
        {"yolo": OPTIONS["yolo"]},
        objects=object_store,  # type: ignore[arg-type]
        limits=PartLimits(rewrite_below=0, max_parts=MOST_PARTS, resumable_from=2),
        batch_size=1,
    )
    pictures = {}
    for number in range(PICTURES):
        put(bench, number, f"{number}.jpg")
        content = b"picture" + random.Random(number).randbytes(6 * MIB)
        bench.kili.files[f"/{number}-0"] = (content, "image/png")
        pictures[f"images/{number}.jpg"] = content
    assets = sorted(bench.kili.assets)
    plan = bench.plan(assets, "rebuild")
    request = bench.request(plan, "yolo", bench.convert_all(plan, assets))
    traffic = S3Traffic(s3_client)
    statuses: list[str] = []
    while not statuses or statuses[-1] == "continue":
        aggregate = PublishExport(
            object_store,
            bench.clock,
            bench.tokens,
            traffic,
            bench.limits,
            1 << 30,
            ApplyRetention(object_store, bench.clock, RetentionRules()),
        )
        answer = aggregate(request, Enough(3))
        request = request.model_copy(update={"resume": answer.resume})
        statuses.append(answer.status)
    assert len(statuses) >= 4, "all of it was done in few invocations"
    assert statuses[-1] == "committed"
    moved = traffic.snapshot()
    # The objects, what they were joined to, and latest.zip: each once.
    assert moved.requests["UploadPartCopy"] == PICTURES + 3 + 1
    assert moved.bytes_up < 2 * MIB, "pictures went through the client"
    found = object_store.get(bench.manifest("yolo").archive.key)
    assert found is not None
    assert media_of(bench.files_of(found[0])) == pictures
    for place in ("exports", "state", "runs"):
        assert open_uploads(s3_client, f"{place}/{key_prefix}") == []
    left = [stored.key for stored in object_store.list(f"runs/{key_prefix}")]
    assert not any("/joins/" in key for key in left)
