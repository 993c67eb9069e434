"""Measures the memory that publishing and `sync` need, at any number of assets.

    python -m devtools.bench.memory [--assets N] [--changed K] [--case NAME]... [--limit MIB]

Each step runs in a process of its own, over synthetic runs in a folder; what is printed is the
peak of its resident memory. The exit status is 1 when a step needs more than the limit.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from devtools.bench.memory.synthetic_runs import EXPORT, ListedProject, SyntheticRun
from kili_export.archives.manifest import Manifest
from kili_export.changes.comparison.compare_assets import compare_listing
from kili_export.changes.comparison.comparison_listing import ComparisonListing
from kili_export.changes.comparison.declared_exports import ExportState
from kili_export.core.bucket_layout import manifest_key
from kili_export.core.clock import SystemClock, SystemRandom
from kili_export.core.export_options import ExportOptions, Layout
from kili_export.machine.folder_objects import FolderObjects
from kili_export.maintenance.retention.apply_retention import ApplyRetention
from kili_export.maintenance.retention.retention_rules import RetentionRules
from kili_export.reading.folder import FolderOnDisk
from kili_export.reading.sync import SyncRequest, sync_folder
from kili_export.runs.messages import AggregateRequest
from kili_export.splicing.part_limits import PartLimits
from kili_export.steps.publishing.publish_export import PublishExport

CASES: Final = {
    "yolo_v8": ExportOptions("yolo_v8", layout=Layout.MERGED),
    "yolo_v8, media": ExportOptions("yolo_v8", layout=Layout.MERGED, with_assets=True),
    "pascal_voc": ExportOptions("pascal_voc", layout=Layout.MERGED),
    "coco": ExportOptions("coco", layout=Layout.MERGED),
    "coco, media": ExportOptions("coco", layout=Layout.MERGED, with_assets=True),
    "kili": ExportOptions("kili"),
    "kili, one file": ExportOptions("kili", single_file=True),
    "geojson": ExportOptions("geojson", layout=Layout.MERGED),
}
STEPS: Final = (
    "first export",
    "first sync",
    "increment",
    "later sync",
    "comparison",
    "export again",
)
_PUBLISHING: Final = {"first export", "increment", "export again"}
_LIMIT: Final = 512


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, and answers the exit status."""
    options = _parser().parse_args(arguments)
    if options.step:
        return _step(options)
    worst = 0.0
    print(f"| export of {options.assets:,} assets | step | memory, MiB | seconds |")
    print("|---|---|---|---|")
    for case in options.case or CASES:
        with tempfile.TemporaryDirectory(prefix="kili-export-memory-") as folder:
            for step in STEPS:
                peak, seconds = measure(folder, case, step, options)
                worst = max(worst, peak)
                print(f"| {case} | {step} | {peak:.0f} | {seconds:.0f} |", flush=True)
    return int(worst > options.limit)


def measure(folder: str, case: str, step: str, options: argparse.Namespace) -> tuple[float, float]:
    """Peak in MiB and seconds of one step, after a process that only wrote what it begins with."""
    command = [
        *(
            sys.executable,
            "-m",
            "devtools.bench.memory",
            "--folder",
            folder,
            "--case",
            case,
        ),
        *("--assets", str(options.assets), "--changed", str(options.changed), "--step", step),
    ]
    subprocess.run([*command, "--prepare"], check=True)
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    peak, seconds = done.stdout.split()
    return float(peak), float(seconds)


def _step(options: argparse.Namespace) -> int:
    objects = FolderObjects.at(Path(options.folder), SystemClock(), durable=False)
    request_file = Path(options.folder) / "request.json"
    if options.prepare and options.step in _PUBLISHING:
        request_file.write_bytes(_prepared(objects, options).to_bytes())
    if options.prepare:
        return 0
    begun = time.monotonic()
    if options.step == "comparison":
        done = _compares(objects, options)
    elif options.step in _PUBLISHING:
        done = _aggregates(objects, AggregateRequest.from_bytes(request_file.read_bytes()))
    else:
        done = _syncs(objects, options)
    print(f"{_peak_mib():.1f} {time.monotonic() - begun:.1f}")
    return int(not done)


def _compares(objects: FolderObjects, options: argparse.Namespace) -> bool:
    """The comparison of a listing with what is published finds what the increment changed."""
    found = objects.get(manifest_key("project", EXPORT))
    export = ExportState(
        EXPORT,
        CASES[options.case[0]],
        "d",
        Manifest.from_bytes(found[0]) if found else None,
        None,
    )
    kili: Any = ListedProject(options.assets)
    listing = ComparisonListing(objects, kili, SystemClock(), SystemRandom(), "project", "sweep")
    listed = listing.read(None)
    if listed is None:
        return False
    differences = compare_listing(objects, kili, "project", [export], listed=listed)
    listing.forget(listed)
    return differences.listed == options.assets and len(differences.all()) == len(_changed(options))


def _syncs(objects: FolderObjects, options: argparse.Namespace) -> bool:
    """A folder holds what is published, by the archive at first and by the delta later."""
    with FolderOnDisk.open(Path(options.folder) / "synced") as folder:
        synced = sync_folder(objects, folder, SyncRequest("project", EXPORT))
    if options.step == "first sync":
        return synced.method == "archive" and synced.written == synced.files
    return 0 < synced.written < synced.files


def _aggregates(objects: FolderObjects, request: AggregateRequest) -> bool:
    answer = PublishExport(
        objects=objects,
        clock=SystemClock(),
        random=SystemRandom(),
        traffic=objects,
        limits=PartLimits(),
        latest_max_bytes=0,
        retention=ApplyRetention(objects, SystemClock(), RetentionRules()),
    )(request)
    return answer.status == "committed"


def _prepared(objects: FolderObjects, options: argparse.Namespace) -> AggregateRequest:
    found = objects.get(manifest_key("project", EXPORT))
    manifest = Manifest.from_bytes(found[0]) if found else None
    number = STEPS.index(options.step) + 1
    is_increment = options.step == "increment"
    run = SyntheticRun(
        CASES[options.case[0]],
        number,
        _changed(options) if is_increment else range(options.assets),
        edited=is_increment,
    )
    etag = found[1].etag if found else None
    return run.write(objects, etag, manifest.generation if manifest else 0)


def _changed(options: argparse.Namespace) -> Sequence[int]:
    """The assets that the increment changes, all over the project."""
    step = max(1, options.assets // options.changed)
    return range(0, options.assets, step)[: options.changed]


def _peak_mib() -> float:
    """The most that was resident since the process began (Linux, proc(5))."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise OSError("the system does not tell the peak of a process's memory")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m devtools.bench.memory")
    parser.add_argument("--assets", type=int, default=1_000_000)
    parser.add_argument("--changed", type=int, default=1_000, help="by the increment")
    parser.add_argument("--case", action="append", choices=list(CASES))
    parser.add_argument("--limit", type=float, default=_LIMIT, help="in MiB")
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--prepare", action="store_true", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
