"""Measures the memory that publishing needs, at any number of assets.

    python -m local.bench.memory [--assets N] [--changed K] [--case NAME]... [--limit MIB]

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
from typing import Final

from kili_export.adapters.system import SystemClock, SystemRandom
from kili_export.contracts.manifest import Manifest
from kili_export.contracts.workflow import AggregateRequest
from kili_export.domain.archive.limits import PartLimits
from kili_export.domain.keys import manifest_key
from kili_export.domain.options import ExportOptions, Layout
from kili_export.usecases.aggregate_archive import AggregateArchive
from local.bench.folder_objects import FolderObjects
from local.bench.synthetic_runs import EXPORT, SyntheticRun

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
STEPS: Final = ("first export", "increment", "export anew")
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
                peak, seconds = _measure(folder, case, step, options)
                worst = max(worst, peak)
                print(f"| {case} | {step} | {peak:.0f} | {seconds:.0f} |", flush=True)
    return int(worst > options.limit)


def _measure(folder: str, case: str, step: str, options: argparse.Namespace) -> tuple[float, float]:
    """Peak in MiB and seconds of one step, after a process that only wrote what it begins with."""
    command = [
        *(sys.executable, "-m", "local.bench.memory", "--folder", folder, "--case", case),
        *("--assets", str(options.assets), "--changed", str(options.changed), "--step", step),
    ]
    subprocess.run([*command, "--prepare"], check=True)
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    peak, seconds = done.stdout.split()
    return float(peak), float(seconds)


def _step(options: argparse.Namespace) -> int:
    objects = FolderObjects(Path(options.folder))
    request_file = Path(options.folder) / "request.json"
    if options.prepare:
        request_file.write_bytes(_prepared(objects, options).to_bytes())
        return 0
    request = AggregateRequest.from_bytes(request_file.read_bytes())
    begun = time.monotonic()
    answer = AggregateArchive(
        objects=objects,
        clock=SystemClock(),
        random=SystemRandom(),
        traffic=objects,
        limits=PartLimits(),
        latest_max_bytes=0,
    )(request)
    seconds = time.monotonic() - begun
    if answer.status != "committed":
        sys.stderr.write(f"{answer}\n")
        return 1
    print(f"{_peak_mib():.1f} {seconds:.1f}")
    return 0


def _prepared(objects: FolderObjects, options: argparse.Namespace) -> AggregateRequest:
    found = objects.get(manifest_key("project", EXPORT))
    manifest = Manifest.from_bytes(found[0]) if found else None
    number = STEPS.index(options.step) + 1
    is_increment = options.step == "increment"
    count = options.assets
    changed = range(0, count, max(1, count // options.changed))[: options.changed]
    run = SyntheticRun(
        CASES[options.case[0]],
        number,
        changed if is_increment else range(count),
        edited=is_increment,
    )
    etag = found[1].etag if found else None
    return run.write(objects, etag, manifest.generation if manifest else 0)


def _peak_mib() -> float:
    """The most that was resident since the process began (Linux, proc(5))."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise OSError("the system does not tell the peak of a process's memory")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local.bench.memory")
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
