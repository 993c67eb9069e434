"""Measures this system beside Kili's own SDK.

    python -m devtools.bench.against_sdk [--size N]... [--write FILE] [--json]

Prints a table and a verdict on each target. The exit status is 0 when no target was missed, 1
otherwise.
"""

import argparse
import json
import logging
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from devtools.bench.against_sdk.comparison import Comparison, compare
from devtools.bench.against_sdk.report import document, markdown
from devtools.bench.against_sdk.verdicts import verdicts
from devtools.bench.machine import describe
from kili_export.local.demo.kili_process import KiliProcess

_SIZES = (1_000, 10_000)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, and answers the exit status."""
    options = _parser().parse_args(arguments)
    logging.disable(logging.WARNING)
    when = f"{datetime.now(UTC):%Y-%m-%d}"
    machine = describe()
    comparisons = _compare(options.size or _SIZES)
    judged = verdicts(comparisons)
    text = markdown(comparisons, judged, machine, when)
    if options.write:
        Path(options.write).write_text(text, encoding="utf-8")
    if options.json:
        told = document(comparisons, judged, machine, when)
        sys.stdout.write(f"{json.dumps(told, indent=1)}\n")
    else:
        sys.stdout.write(text)
    return int(any(one.holds is False for one in judged))


def _compare(sizes: Sequence[int]) -> list[Comparison]:
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="kili-export-bench-"))

    def tell(line: str) -> None:
        sys.stderr.write(f"{time.monotonic() - began:6.0f} s  {line}\n")

    try:
        with KiliProcess(folder / "kili.log") as kili:
            return [compare(kili, folder / str(size), size, tell) for size in sizes]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m devtools.bench.against_sdk",
        description="Measures this system beside Kili's own SDK.",
    )
    parser.add_argument(
        "--size", type=int, action="append", help="assets; may be repeated (1000 and 10000)"
    )
    parser.add_argument("--write", metavar="FILE", help="also write the tables into a file")
    parser.add_argument("--json", action="store_true")
    return parser


if __name__ == "__main__":
    sys.exit(main())
