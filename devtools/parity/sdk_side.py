"""Kili's SDK as one of the two sides: a few processes that export side by side."""

import json
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Self

from devtools.parity.combinations import Combination
from kili_export.local.stack.environment import process_environment

_RENAMED = {"format": "fmt", "filters": "asset_filter_kwargs"}


@dataclass(frozen=True, slots=True)
class SdkExport:
    """What the SDK did. `archive` is None when it wrote no file; `message` is its exception's."""

    archive: bytes | None
    message: str = ""


class SdkSide:
    """The SDK on one Kili. Use as a context."""

    def __init__(self, endpoint: str, api_key: str, folder: Path, processes: int = 2) -> None:
        self._endpoint = endpoint
        self._api_key = api_key
        self._folder = folder
        self._processes = processes
        self._idle: SimpleQueue[subprocess.Popen[str]] = SimpleQueue()
        self._workers: list[subprocess.Popen[str]] = []
        self._threads = ThreadPoolExecutor(processes, "sdk")
        self._count = 0
        folder.mkdir(parents=True, exist_ok=True)
        # What the SDK's libraries tell people.
        self._log = (folder / "sdk.log").open("ab")

    def __enter__(self) -> Self:
        for _ in range(self._processes):
            worker = subprocess.Popen(
                (sys.executable, "-m", "devtools.parity.sdk_worker", self._endpoint),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                text=True,
                env=process_environment(),
            )
            self._workers.append(worker)
            self._idle.put(worker)
            _send(worker, {"api_key": self._api_key})
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(cancel_futures=True)
        for worker in self._workers:
            if worker.stdin is not None:
                worker.stdin.close()
            worker.terminate()
            worker.wait()
            if worker.stdout is not None:
                worker.stdout.close()
        self._log.close()

    def export(self, project_id: str, combination: Combination) -> "Future[SdkExport]":
        """Starts an export."""
        self._count += 1
        target = self._folder / f"{self._count}.zip"
        return self._threads.submit(self._export, project_id, combination, target)

    def _export(self, project_id: str, combination: Combination, target: Path) -> SdkExport:
        worker = self._idle.get()
        try:
            request = {
                "project_id": project_id,
                "target": str(target),
                "arguments": _arguments(combination),
            }
            _send(worker, request)
            answer = _received(worker)
        finally:
            self._idle.put(worker)
        if answer["outcome"] == "written":
            archive = target.read_bytes()
            target.unlink()
            return SdkExport(archive)
        return SdkExport(None, answer["message"] or "no job of the project fits the format")


def _arguments(combination: Combination) -> dict[str, Any]:
    declared = {"format": combination.format, "with_assets": False, **combination.options}
    for name in ("compatibility", "split"):
        declared.pop(name, None)
    if combination.alone:
        declared["with_assets"] = False
    return {_RENAMED.get(name, name): value for name, value in declared.items()}


def _send(worker: "subprocess.Popen[str]", request: Mapping[str, Any]) -> None:
    if worker.stdin is None:
        raise RuntimeError("the SDK's process cannot be asked")
    worker.stdin.write(json.dumps(request) + "\n")
    worker.stdin.flush()


def _received(worker: "subprocess.Popen[str]") -> dict[str, str]:
    line = worker.stdout.readline() if worker.stdout is not None else ""
    if not line:
        raise RuntimeError("the SDK's process ended unexpectedly")
    answer: dict[str, str] = json.loads(line)
    return answer
