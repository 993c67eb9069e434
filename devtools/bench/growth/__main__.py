"""Measures one changed label in archives of a thousand to a million files.

    python -m devtools.bench.growth [--size N]... [--write FILE] [--chart FILE] [--json]

Each size is published whole first, then one changed asset as a delta, then another one with the
archive written again behind it; each in a fresh process, by the use case that the function calls,
on a real S3 server. All archives are spliced, however small.
The exit status is 0 when no target was missed.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from devtools.bench.growth.project import EXPORT, PROJECT, batches, write_run
from devtools.bench.growth.report import Grown, chart, document, markdown, missed
from devtools.bench.machine import describe
from devtools.bench.readers import check
from kili_export.archives.manifest import Manifest
from kili_export.archives.manifest_store import load_manifest
from kili_export.aws.s3 import S3ObjectStore
from kili_export.core.bucket_layout import manifest_key
from kili_export.local.stack.environment import process_environment
from kili_export.local.stack.seaweed import REGION, SeaweedServer
from kili_export.runs.messages import AggregateRequest
from kili_export.storage.object_store import ObjectStore

_SIZES = (1_000, 10_000, 100_000, 1_000_000)
_BUCKET = "growth"
_KEYS = ("AKIAGROWTH", "growth-secret-key")
_NO_BUDGET = "1000000000"
_LITTLE = "1"
"""US cents a day: the archive is not written again within the minute."""
_WRITERS = 2
_PATIENCE_SECONDS = 3600
Tell = Callable[[str], None]


@dataclass(frozen=True)
class _Bench:
    """A bucket, and how processes reach it."""

    environment: dict[str, str]
    objects: ObjectStore
    folder: Path
    tell: Tell

    def measure(self, files: int) -> Grown:
        """Publishes `files` files, changes one, and measures both."""
        self.tell(f"{files:,} files: writing the batches")
        shares = _shares(files)
        with ThreadPoolExecutor(_WRITERS) as writers:
            written = list(writers.map(lambda share: self._write("full", share, 1), shares))
        lines = [line for share in written for line in share]
        self.tell(f"{files:,} files: publishing all of them")
        full = self._publish("full", range(files), lines)
        self.tell(f"{files:,} files: publishing one change, and another with the archive")
        middle = files // 2
        change = self._change("change", range(middle, middle + 1), _LITTLE)
        if self._manifest(2).archive.generation != 1:
            raise RuntimeError("the archive was written again, and only the change should be")
        rewrite = self._change("rewrite", range(middle + 1, middle + 2), _NO_BUDGET)
        manifest = self._manifest(3)
        if manifest.deltas:
            raise RuntimeError("the archive was not written again")
        archive = self.folder / "archive.zip"
        with archive.open("wb") as target:
            self.objects.download(manifest.archive.key, target)
        readers, _ = check(archive)
        archive.unlink()
        return Grown(
            files=files,
            archive=manifest.archive.size,
            directory=manifest.archive.size - manifest.regions.documents_end,
            tables=sum(table.size for table in manifest.tables),
            full=full,
            change=change,
            rewrite=rewrite,
            readers=tuple(readers),
        )

    def _change(self, run_id: str, numbers: range, budget: str) -> dict[str, Any]:
        return self._publish(run_id, numbers, self._write(run_id, numbers, 2), budget)

    def _manifest(self, generation: int) -> Manifest:
        manifest, _ = load_manifest(self.objects, PROJECT, EXPORT)
        if manifest is None or manifest.generation != generation:
            raise RuntimeError(f"{manifest_key(PROJECT, EXPORT)} is not of {generation}")
        return manifest

    def forget(self) -> None:
        """Empties the bucket for the next size."""
        self.objects.delete([one.key for one in self.objects.list("")])

    def _write(self, run_id: str, numbers: range, version: int) -> list[str]:
        arguments = (run_id, str(numbers.start), str(len(numbers)), str(version))
        return self._child(["batches", *arguments], "").splitlines()

    def _publish(
        self, run_id: str, numbers: range, lines: Sequence[str], budget: str = _NO_BUDGET
    ) -> dict[str, Any]:
        request: AggregateRequest = write_run(self.objects, run_id, numbers, lines)
        answer = self._child(["publish"], request.model_dump_json(), budget)
        told: dict[str, Any] = json.loads(answer)
        return told

    def _child(self, arguments: Sequence[str], given: str, budget: str = _NO_BUDGET) -> str:
        done = subprocess.run(
            (sys.executable, "-m", "devtools.bench.growth.child", *arguments),
            input=given,
            text=True,
            stdout=subprocess.PIPE,
            env={**self.environment, "ARCHIVE_BUDGET_CENTS": budget},
            timeout=_PATIENCE_SECONDS,
            check=True,
        )
        return done.stdout


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, and answers the exit status."""
    options = _parser().parse_args(arguments)
    machine = describe()
    grown = _grow(options.size or _SIZES)
    when = f"{datetime.now(UTC):%Y-%m-%d}"
    text = markdown(grown, machine, when)
    if options.write:
        Path(options.write).write_text(text, encoding="utf-8")
    if options.chart:
        Path(options.chart).write_text(chart(grown), encoding="utf-8")
    if options.json:
        sys.stdout.write(f"{json.dumps(document(grown, machine, when), indent=1)}\n")
    else:
        sys.stdout.write(text)
    return int(bool(missed(grown)))


def _grow(sizes: Sequence[int]) -> list[Grown]:
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="kili-export-growth-"))
    server = SeaweedServer(
        folder / "s3", bucket=_BUCKET, access_key_id=_KEYS[0], secret_access_key=_KEYS[1]
    )

    def tell(line: str) -> None:
        sys.stderr.write(f"{time.monotonic() - began:6.0f} s  {line}\n")

    try:
        server.start()
        environment = {
            **process_environment(),
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": _KEYS[0],
            "AWS_SECRET_ACCESS_KEY": _KEYS[1],
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_ENDPOINT_URL_S3": server.endpoint,
            "BUCKET_NAME": _BUCKET,
            "REWRITE_LIMIT": "0",
            "WINDOW_SECONDS": "1",
        }
        objects = S3ObjectStore(server.client(), _BUCKET)
        bench = _Bench(environment, objects, folder, tell)
        found = []
        for size in sizes:
            found.append(bench.measure(size))
            bench.forget()
        return found
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _shares(files: int) -> list[range]:
    """Whole batches for each of the writers."""
    all_batches = list(batches(files))
    middle = (len(all_batches) + 1) // _WRITERS
    split = all_batches[middle].start if middle < len(all_batches) else files
    return [share for share in (range(split), range(split, files)) if len(share)]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m devtools.bench.growth",
        description="Measures one changed label in archives of growing size.",
    )
    parser.add_argument("--size", type=int, action="append", help="files; may be repeated")
    parser.add_argument("--write", metavar="FILE", help="also write the table into a file")
    parser.add_argument("--chart", metavar="FILE", help="also draw an SVG picture")
    parser.add_argument("--json", action="store_true")
    return parser


if __name__ == "__main__":
    sys.exit(main())
