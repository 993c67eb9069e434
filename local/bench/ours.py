"""Our side: runs of a stack, measured from the plan to the last word."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from kili_export.contracts.manifest import Manifest
from kili_export.contracts.registration import parse_registration
from kili_export.usecases.published_exports import load_manifest
from kili_export.usecases.register_exports import register_exports, unregister
from local.bench.measured import MERGED, Measured
from local.bench.processes import Workers
from local.bench.stack import StackProcess
from local.bench.traffic import s3_count
from local.cli.connection import Connection
from local.cli.services import Services
from local.demo.kili_process import KiliProcess
from local.workflow.executions import Execution, ExecutionStore

_POLL_SECONDS = 0.1
_PATIENCE_SECONDS = 1800.0

What = Literal["full", "change, rewritten", "change, spliced"]


class RunFailed(Exception):
    """A run did not publish; the message says which, and why."""


@dataclass(frozen=True)
class Ours:
    """A stack and the Kili that it follows."""

    kili: KiliProcess
    stack: StackProcess
    connection: Connection
    services: Services

    @classmethod
    def on(cls, kili: KiliProcess, stack: StackProcess) -> "Ours":
        """With clients of this process's own."""
        connection = Connection.local(stack.running, stack.state)
        return cls(kili, stack, connection, Services(connection))

    def register(self, project_id: str, formats: Iterable[str]) -> None:
        """Declares one export of each format and starts the first, full one."""
        declared = [
            {"name": kind, "format": kind, **({"layout": "merged"} if kind in MERGED else {})}
            for kind in formats
        ]
        registration = parse_registration({"project_id": project_id, "exports": declared})
        register_exports(self.services.objects, self.services.kili, registration)
        self.services.request_run(project_id, full=False)

    def unregister(self, project_id: str) -> None:
        """Ends the project's exports."""
        unregister(self.services.objects, project_id)

    def follow(self, project_id: str) -> None:
        """Has Kili call the stack."""
        self.services.kili.install_webhook(
            project_id,
            self.connection.webhook_url,
            self.services.webhook_secret(),
            f"kili-export-{project_id}",
        )

    def measure(
        self,
        what: What,
        project_id: str,
        formats: tuple[str, ...],
        assets: int,
        begin: Callable[[], object],
    ) -> Measured:
        """Measures the runs that `begin` sets going, until all is published."""
        running = self.stack.running
        data = self.stack.state.objects
        workers = Workers(self.stack.pid)
        before = {kind: self._generation(project_id, kind) for kind in formats}
        known = {one.name for one in self._executions()}
        workers.forget_peaks()
        self.kili.control("reset_counters")
        counted = s3_count(data, running.bucket)
        begin()
        runs = self._await(known)
        moved = s3_count(data, running.bucket) - counted
        asked = self.kili.control("counters")
        manifests = {kind: self._published(project_id, kind) for kind in formats}
        return Measured(
            side="ours",
            what=what,
            formats=formats,
            assets=assets,
            seconds=sum(map(_processing, runs)),
            waited=0.0,
            peak_memory=workers.largest_peak(),
            calls=asked["requests"].get("graphql", 0),
            kili_bytes=sum(asked["bytes"].values()),
            s3_requests=moved.requests,
            up=moved.up,
            down=moved.down,
            archive=sum(manifest.archive.size for manifest in manifests.values()),
        )

    def _executions(self) -> list[Execution]:
        return list(ExecutionStore(self.stack.state.executions).load())

    def _await(self, known: set[str]) -> list[Execution]:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline:
            # Read from files: asking S3 or Kili would count as the stack's own.
            runs = [one for one in self._executions() if one.name not in known]
            if runs and all(one.status != "RUNNING" for one in runs):
                failed = [one for one in runs if one.status != "SUCCEEDED"]
                if failed:
                    raise RunFailed(f"{failed[0].name}: {failed[0].error}: {failed[0].cause}")
                return runs
            time.sleep(_POLL_SECONDS)
        raise RunFailed(f"nothing was published within {_PATIENCE_SECONDS:.0f} s")

    def _generation(self, project_id: str, kind: str) -> int:
        manifest = self._manifest(project_id, kind)
        return manifest.generation if manifest else 0

    def _published(self, project_id: str, kind: str) -> Manifest:
        manifest = self._manifest(project_id, kind)
        if manifest is None:
            raise RunFailed(f"{kind} was not published")
        return manifest

    def _manifest(self, project_id: str, kind: str) -> Manifest | None:
        manifest, _ = load_manifest(self.services.objects, project_id, kind)
        return manifest


def _processing(run: Execution) -> float:
    """Seconds from the plan to the end: before it, changes are only collected."""
    planned = next((at for name, at in run.states if name == "PlanExport"), None)
    if planned is None or run.stopped is None:
        return 0.0
    return (run.stopped - _time(planned)).total_seconds()


def _time(text: Any) -> datetime:
    return datetime.fromisoformat(str(text))
