"""A running stack with the sample project and its exports, for tests of the whole loop."""

import json
import signal
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import requests

from kili_export.local.kili_standin import KiliWorld, sample_project, start_standin
from kili_export.local.kili_standin.state.model import Project
from kili_export.local.workflow.executions import Execution, ExecutionStore
from tests.support.leak_watch import private_lines
from tests.support.local_stack import StackProcess

EXPORTS = {"kili": "kili", "yolo": "yolo_v8", "coco": "coco"}

Date = tuple[int, int, int, int, int, int]
DatedFiles = dict[str, tuple[Date, bytes]]


def dated_files(archive: zipfile.ZipFile) -> DatedFiles:
    """An archive's files, each with its date and its contents."""
    return {one.filename: (one.date_time, archive.read(one)) for one in archive.infolist()}


@dataclass
class Bench:
    """A running stack whose Kili is in this process."""

    world: KiliWorld
    project: Project
    stack: StackProcess
    folder: Path

    def settle(self, status: int = 0) -> dict[str, Any]:
        """Waits until Kili has called and everything is published."""
        assert self.world.courier.wait_idle(120), "Kili's calls did not arrive"
        return self.stack.answer("wait", self.project.id, status=status)

    def register(self, *names: str) -> None:
        """Declares exports, of the formats that their names begin with, besides the usual ones."""
        declared = {**EXPORTS, **{name: EXPORTS[name.partition("-")[0]] for name in names}}
        exports = [f"--export={name}={kind}" for name, kind in declared.items()]
        self.stack.answer("register", self.project.id, *exports)

    def archive(self, export: str) -> dict[str, bytes]:
        """The files of the current archive, which is kept as `{export}.zip`."""
        return {name: contents for name, (_, contents) in self.dated_files(export).items()}

    def dated_files(self, export: str) -> DatedFiles:
        """The files of the current archive with their dates."""
        manifest = json.loads(self.read(f"exports/{self.project.id}/{export}/manifest.json"))
        path = self.folder / f"{export}.zip"
        path.write_bytes(self.read(manifest["archive"]["key"]))
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
            return dated_files(archive)

    def read(self, key: str) -> bytes:
        """An object of the bucket."""
        s3 = self.client("s3", "s3_endpoint")
        body: bytes = s3.get_object(Bucket=self.stack.ready["bucket"], Key=key)["Body"].read()
        return body

    def below(self, prefix: str) -> dict[str, bytes]:
        """The objects below a prefix, by what follows it."""
        s3 = self.client("s3", "s3_endpoint")
        bucket = self.stack.ready["bucket"]
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys = [one["Key"] for page in pages for one in page.get("Contents", ())]
        return {key.removeprefix(prefix): self.read(key) for key in keys}

    def client(self, service: str, endpoint: str) -> Any:
        """A client of one of the stack's servers, with what `up` has printed."""
        ready = self.stack.ready
        session: Any = boto3.Session(
            aws_access_key_id=ready["aws_access_key_id"],
            aws_secret_access_key=ready["aws_secret_access_key"],
            region_name=ready["region"],
        )
        return session.client(service, endpoint_url=ready[endpoint])

    def archives(self) -> dict[str, dict[str, bytes]]:
        """The files of all current archives."""
        return {name: self.archive(name) for name in EXPORTS}

    def restart_after_kill(self) -> None:
        """Kills everything at once, and starts it again on the same state."""
        self.stack.end(signal.SIGKILL)
        self.stack.start()

    def is_in(self, state: str) -> bool:
        """Whether a run is in a state of the workflow right now."""
        return any(run.states and run.states[-1][0] == state for run in self._running())

    def catch_in(self, state: str, asset: str) -> None:
        """Submits a label and waits for a run to come to a state, in which something holds it."""
        self.world.submit_label(asset)
        assert self.world.courier.wait_idle(120)
        deadline = time.monotonic() + 240
        while not self.is_in(state):
            assert time.monotonic() < deadline, f"no run was seen in {state} for four minutes"
            time.sleep(0.005)  # the stand-in runs in this process and needs its turn

    def _running(self) -> list[Execution]:
        store = ExecutionStore(self.stack.state / "executions")
        return [run for run in store.load() if run.status == "RUNNING"]

    def post(self, body: bytes, secret: str | None = None) -> requests.Response:
        """Calls the webhook as Kili would."""
        ready = self.stack.ready
        with requests.Session() as session:
            session.trust_env = False
            return session.post(
                ready["webhook_url"],
                data=body,
                headers={"Authorization": secret or ready["webhook_secret"]},
                timeout=30,
            )

    def submitted(self, asset: str, project: str | None = None) -> bytes:
        """The body of an onSubmit for an asset."""
        return json.dumps(
            {
                "eventType": "onSubmit",
                "logPayload": {"runId": "r", "projectId": project or self.project.id},
                "payload": {"asset_id": asset, "label": {"id": "l", "labelType": "DEFAULT"}},
            }
        ).encode()


@contextmanager
def running_bench(folder: Path) -> Iterator[Bench]:
    """A stack whose first exports are published and which Kili calls. Ended at the end."""
    world = KiliWorld(api_key="bench-key")
    project = world.add_project(sample_project())
    with start_standin(world) as kili:
        stack = StackProcess(folder / "state", kili, world.api_key)
        stack.start()
        bench = Bench(world, project, stack, folder)
        try:
            bench.register()
            stack.answer("webhook", "install", project.id)
            bench.settle()
            yield bench
        finally:
            stack.discard()
            logs = stack.state / "logs"
            assert any(logs.glob("*.log")), "the functions of a stack log"
            assert private_lines(logs) == []
