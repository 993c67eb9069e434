"""Deltas that follow an archive, on a real S3 server: pulled, synced, and written into it."""

from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

from kili_export.aws.s3 import S3ObjectStore
from kili_export.aws.s3_traffic import S3Traffic
from kili_export.reading.folder import FolderOnDisk
from kili_export.reading.pull import pull_archive
from kili_export.reading.sync import SyncRequest, sync_folder
from kili_export.splicing.part_limits import MIB, PartLimits
from tests.integration.test_archive_on_s3 import open_uploads
from tests.support.kili_samples import job, project
from tests.support.workbench import Workbench
from tests.unit.steps.publishing.test_deltas_follow import SELDOM, rewrite, synced
from tests.unit.steps.publishing.test_media import OPTIONS, put


def test_what_is_pulled_is_what_is_written_in_the_end(
    s3_client: Any, object_store: S3ObjectStore, key_prefix: str, tmp_path: Path
) -> None:
    project_id = key_prefix.strip("/")
    bench = Workbench(
        replace(project({"CARS": job(["BIG"])}), project_id=project_id),
        {"yolo": OPTIONS["yolo"]},
        objects=object_store,  # type: ignore[arg-type]
        traffic=S3Traffic(s3_client),
        limits=PartLimits(rewrite_below=0, copy=5 * MIB),
        rewriting=SELDOM,
    )
    for number in range(6):
        put(bench, number, f"{number}.jpg")
        bench.kili.files[f"/{number}-0"] = (bytes([number]) * (2 * MIB), "image/jpeg")
    bench.rebuild()
    with FolderOnDisk.open(tmp_path) as folder:
        sync_folder(object_store, folder, SyncRequest(project_id, "yolo"))
        before = bench.traffic.snapshot() if bench.traffic else None
        bench.run([put(bench, 1, "1.jpg", 0.5)])
        put(bench, 2, "2.jpg", version=1)
        bench.kili.files["/2-1"] = (b"another picture" * 1000, "image/jpeg")
        bench.run(["as_002"])
        del bench.kili.assets["as_003"]
        bench.run(["as_003"], confirmed_removals=1)
        manifest = bench.manifest("yolo")
        assert len(manifest.deltas) == 3
        assert before is not None
        assert bench.traffic is not None
        moved = bench.traffic.snapshot()
        assert moved.requests.get("UploadPartCopy") == before.requests.get("UploadPartCopy")
        target = BytesIO()
        pull_archive(object_store, project_id, "yolo", target)
        files = bench.files_of(target.getvalue())
        assert sync_folder(object_store, folder, SyncRequest(project_id, "yolo")).method == "deltas"
        assert synced(tmp_path) == files
    assert "images/3.jpg" not in files
    assert files["images/2.jpg"] == b"another picture" * 1000
    assert rewrite(bench, "yolo").rewritten
    after = bench.manifest("yolo")
    written = object_store.get(after.archive.key)
    assert written is not None
    assert written[0] == target.getvalue()
    assert open_uploads(s3_client, f"exports/{project_id}/") == []
