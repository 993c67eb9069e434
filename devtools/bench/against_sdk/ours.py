"""Our side: runs of a stack, measured from the plan to the last word."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from devtools.bench.against_sdk.kili_meter import KiliMeter
from devtools.bench.against_sdk.stack import StackProcess
from devtools.bench.against_sdk.traffic import s3_count
from devtools.bench.measured import MERGED, Measured, What, directory_bytes
from devtools.bench.processes import Workers
from kili_export.archives.manifest_store import load_manifest
from kili_export.cli.commands.pull import download
from kili_export.cli.commands.runs import wait_until_settled
from kili_export.cli.exit_codes import ExitCode
from kili_export.cli.services import StackServices
from kili_export.cli.stack_connection import StackConnection
from kili_export.local.demo.kili_process import KiliProcess
from kili_export.local.stack.cli_connection import connection_to
from kili_export.local.workflow.executions import Execution, ExecutionStore
from kili_export.registration.parse_registration import parse_registration
from kili_export.registration.register_exports import register_exports, unregister

_POLL_SECONDS = 0.1
_PATIENCE_SECONDS = 1800.0
_REST_SECONDS = 5.0


class RunFailed(Exception):
    """A run did not publish; the message says which, and why."""


@dataclass(frozen=True)
class Ours:
    """A stack and the Kili that it follows."""

    kili: KiliProcess
    stack: StackProcess
    connection: StackConnection
    services: StackServices

    @classmethod
    def on(cls, kili: KiliProcess, stack: StackProcess) -> "Ours":
        """With clients of this process's own."""
        connection = connection_to(stack.running, stack.state)
        return cls(kili, stack, connection, StackServices(connection))

    def register(self, project_id: str, formats: Iterable[str]) -> None:
        """Declares one export of each format and starts the first, full one."""
        declared = [
            {"name": kind, "format": kind, **({"layout": "merged"} if kind in MERGED else {})}
            for kind in formats
        ]
        registration = parse_registration({"project_id": project_id, "exports": declared})
        register_exports(
            self.services.objects, self.services.kili, self.services.random, registration
        )
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

    def settle(self, project_id: str) -> None:
        """Waits until nothing is pending or running. Raises RunFailed."""
        outcome = wait_until_settled(self.connection, self.services, project_id, _PATIENCE_SECONDS)
        if outcome.code is not ExitCode.OK:
            raise RunFailed(outcome.reason)

    def rest(self) -> None:
        """Waits until nobody is asked for anything: a stack begins with a comparison."""
        asked, since = self._asked(), time.monotonic()
        while time.monotonic() - since < _REST_SECONDS:
            time.sleep(_POLL_SECONDS)
            now = self._asked()
            if now != asked:
                asked, since = now, time.monotonic()

    def _asked(self) -> tuple[int, int]:
        """How many requests Kili and S3 have got."""
        kili = self.kili.control("counters")["requests"].get("graphql", 0)
        running = self.stack.running
        return kili, s3_count(self.stack.state.objects, running.bucket, self.stack.s3).requests

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
        known = {one.name for one in self._executions()}
        workers.forget_peaks()
        meter = KiliMeter(self.kili)
        counted = s3_count(data, running.bucket, self.stack.s3)
        cpu = workers.cpu()
        begin()
        runs = self._await(known)
        spent = {role: seconds - cpu.get(role, 0.0) for role, seconds in workers.cpu().items()}
        moved = s3_count(data, running.bucket, self.stack.s3) - counted
        asked = meter.read()
        archives = [self._archive(project_id, kind) for kind in formats]
        return Measured(
            side="ours",
            what=what,
            formats=formats,
            assets=assets,
            seconds=sum(map(_processing, runs)),
            cpu=sum(spent.values()),
            cpu_by_role=spent,
            # Its budget is set out of reach: see the report for what Kili's own pace would be.
            waited=0.0,
            peak_memory=workers.largest_peak(),
            calls=asked.calls,
            kili_bytes=asked.bytes,
            kili_cpu=asked.cpu,
            s3_requests=moved.requests,
            up=moved.up,
            down=moved.down,
            archive=sum(one.size for one in archives),
            directory=sum(one.directory for one in archives),
            ledgers=sum(one.ledger for one in archives),
            spanning=sum(one.spanning for one in archives),
        )

    def pull(self, project_id: str, kind: str, target: Path) -> None:
        """Downloads the current archive of an export."""
        download(self.services, project_id, kind, target)

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

    def _archive(self, project_id: str, kind: str) -> "_Archive":
        manifest, _ = load_manifest(self.services.objects, project_id, kind)
        if manifest is None:
            raise RunFailed(f"{kind} was not published")
        size, regions = manifest.archive.size, manifest.regions
        return _Archive(
            size=size,
            directory=size - regions.documents_end,
            ledger=directory_bytes(manifest),
            spanning=regions.documents_end - regions.labels_end,
        )


@dataclass(frozen=True, slots=True)
class _Archive:
    """Bytes of an archive: all, its directory, its documents over the whole dataset.

    And those of its ledger's directory.
    """

    size: int
    directory: int
    ledger: int
    spanning: int


def _processing(run: Execution) -> float:
    """Seconds from the plan to the end: before it, changes are only collected."""
    planned = next((at for name, at in run.states if name == "PlanExport"), None)
    if planned is None or run.stopped is None:
        return 0.0
    return (run.stopped - _time(planned)).total_seconds()


def _time(text: Any) -> datetime:
    return datetime.fromisoformat(str(text))
