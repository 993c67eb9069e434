"""A small project as version 0.1 published it, kept in `tests/fixtures/published_by_0_1`.

`bucket.zip` holds the bucket: archives, deltas that follow them, ledgers, manifests, reports.
`folder.zip` holds a folder that version 0.1 synced with `yolo` one generation before.
Version 0.1 wrote every offset into a ZIP64 field, and dated all files 1980-01-01. Later versions
cannot write such archives: the two files came from `write` below, run with version 0.1.
"""

import zipfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from kili_export.archives.compaction import DAY, CompactionCost, CompactionPolicy
from kili_export.core.export_options import ExportOptions, Layout
from kili_export.reading.folder import FolderOnDisk
from kili_export.reading.sync import SyncRequest, sync_folder
from kili_export.steps.publishing.documents.sharding import ShardRules
from tests.support.kili_samples import answers, asset, box, fetched, job, label, project
from tests.support.workbench import Workbench

FIXTURE = Path(__file__).parents[1] / "fixtures" / "published_by_0_1"
OPTIONS = {
    "raw": ExportOptions("kili", with_assets=True),
    "yolo": ExportOptions("yolo_v8", layout=Layout.MERGED),
    "yolo_split": ExportOptions("yolo_v5", layout=Layout.SPLIT),
    "coco": ExportOptions("coco", layout=Layout.MERGED),
    "voc": ExportOptions("pascal_voc", layout=Layout.MERGED),
}
SELDOM = CompactionPolicy(
    CompactionCost(DAY, dollars_a_day=1e-12), timedelta(0), share=1e9, most_deltas=30
)
NAMES = ("a.jpg", "b b.jpg", "b_b.jpg", "d/c.jpg", "é/日本.png", "last")


def bench_of_0_1(**more: Any) -> Workbench:
    """The project's exports, COCO's document in shards. Deltas follow the archives."""
    jobs = {"CARS": job(["BIG", "SMALL"]), "SIGNS": job(["STOP"])}
    return Workbench(
        project(jobs),
        OPTIONS,
        **{"rewriting": SELDOM, "sharding": ShardRules(200, 400, 0), **more},
    )


def put(bench: Workbench, number: int, left: float, **of_label: Any) -> str:
    """One asset with one label."""
    path = f"/{number}"
    bench.kili.files[path] = (f"picture {number}".encode() * 20, "image/png")
    shapes = answers(
        CARS=[box("BIG", left, 0.1, 0.9, 0.8, mid=f"m{number}")],
        SIGNS=[box("STOP", 0.1, 0.1, 0.2, left, mid=f"s{number}")] if left > 0.5 else [],
    )
    key = f"as_{number:03d}"
    made = label(shapes, id=f"la_{number}", **of_label)
    found = fetched(
        asset(number, NAMES[number], made, content=f"https://storage.example{path}?X-Signature=0")
    )
    bench.kili.assets[key] = replace(
        found,
        asset_id=key,
        order_key=key,
        fields={**found.fields, "id": key},
        fingerprint=f"{left}",
    )
    return key


def put_all(bench: Workbench) -> None:
    """The assets as they are in what version 0.1 published last."""
    for number in range(len(NAMES)):
        put(bench, number, {1: 0.6, 3: 0.7}.get(number, 0.2))


def write(target: Path) -> None:
    """Writes the two files. For version 0.1 alone."""
    target.mkdir(parents=True, exist_ok=True)
    bench = bench_of_0_1()
    for number in range(len(NAMES)):
        put(bench, number, 0.2)
    bench.rebuild()
    bench.run([put(bench, 1, 0.6)])
    folder = target / "folder"
    with FolderOnDisk.open(folder) as opened:
        sync_folder(bench.objects, opened, SyncRequest("proj1", "yolo"))
    bench.run([put(bench, 3, 0.7)])
    with zipfile.ZipFile(target / "bucket.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for key, (data, _) in sorted(bench.objects.stored.items()):
            if key.startswith(("exports/", "state/")):
                archive.writestr(zipfile.ZipInfo(key), data, zipfile.ZIP_DEFLATED)
    with zipfile.ZipFile(target / "folder.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                name = path.relative_to(folder).as_posix()
                archive.writestr(zipfile.ZipInfo(name), path.read_bytes(), zipfile.ZIP_DEFLATED)
