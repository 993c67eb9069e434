"""Writes what the children of a Distributed Map answered, laid out as the service does.

https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kili_export.local.workflow.errors import StateFailed
from kili_export.local.workflow.limits import encode
from kili_export.local.workflow.runtime import Objects

SUCCEEDED = "SUCCEEDED"
FAILED = "FAILED"
TIMED_OUT = "TIMED_OUT"
ABORTED = "ABORTED"
PENDING = "PENDING"
RUNNING = "RUNNING"


@dataclass
class Child:
    """One child execution. `items` is how many items of the map it answers for."""

    index: int
    input: Any
    items: int
    arn: str
    machine_arn: str
    name: str
    status: str = PENDING
    output: Any = None
    error: str | None = None
    cause: str | None = None
    started: str | None = None
    stopped: str | None = None
    attempts: int = 0

    def record(self) -> dict[str, Any]:
        """What the service writes of a child when nothing is transformed."""
        given: dict[str, Any] = {
            "Input": encode(self.input),
            "InputDetails": {"Included": True},
            "Status": self.status,
        }
        if self.status == PENDING:
            return given
        named = {"ExecutionArn": self.arn, "Name": self.name, "StateMachineArn": self.machine_arn}
        times = {"StartDate": self.started, "StopDate": self.stopped, "RedriveCount": 0}
        if self.status == SUCCEEDED:
            outcome: dict[str, Any] = {
                "Output": encode(self.output),
                "OutputDetails": {"Included": True},
            }
        else:
            outcome = {"Error": self.error, "Cause": self.cause}
        return {**named, **given, **outcome, **times}


@dataclass(frozen=True)
class Destination:
    """Where results go, and in which form."""

    bucket: str
    prefix: str
    output_type: str = "JSON"
    transformation: str = "NONE"

    @classmethod
    def of(cls, arguments: Mapping[str, Any], config: Mapping[str, Any]) -> "Destination":
        """From a ResultWriter's evaluated Arguments and its WriterConfig."""
        return cls(
            arguments["Bucket"],
            arguments["Prefix"],
            config.get("OutputType", "JSON"),
            config.get("Transformation", "NONE"),
        )


def write_results(
    objects: Objects, destination: Destination, run_arn: str, children: Sequence[Child]
) -> dict[str, str]:
    """Writes the files of results and the manifest that names them.

    Answers the ResultWriterDetails, which is where the manifest is. Raises StateFailed
    `States.ResultWriterFailed`.
    """
    folder = f"{destination.prefix}/{run_arn.rpartition(':')[2]}"
    groups = {
        FAILED: [child for child in children if child.status in {FAILED, TIMED_OUT, ABORTED}],
        PENDING: [child for child in children if child.status == PENDING],
        SUCCEEDED: [child for child in children if child.status == SUCCEEDED],
    }
    files: dict[str, list[dict[str, Any]]] = {}
    for group, members in groups.items():
        files[group] = []
        if members:
            data = _lines(_rows(members, destination), destination.output_type).encode()
            # Named so for lines of JSON as well; readers go by the manifest.
            key = f"{folder}/{group}_0.json"
            _put(objects, destination.bucket, key, data)
            files[group].append({"Key": key, "Size": len(data)})
    manifest = {
        "DestinationBucket": destination.bucket,
        "MapRunArn": run_arn,
        "ResultFiles": files,
    }
    key = f"{folder}/manifest.json"
    _put(objects, destination.bucket, key, encode(manifest).encode())
    return {"Bucket": destination.bucket, "Key": key}


def _rows(children: Iterable[Child], destination: Destination) -> list[Any]:
    """Children that did not succeed are never transformed."""
    rows: list[Any] = []
    for child in children:
        if child.status != SUCCEEDED or destination.transformation == "NONE":
            rows.append(child.record())
        elif destination.transformation == "FLATTEN" and isinstance(child.output, list):
            rows.extend(child.output)
        else:
            rows.append(child.output)
    return rows


def _lines(rows: Sequence[Any], output_type: str) -> str:
    if output_type == "JSONL":
        return "".join(encode(row) + "\n" for row in rows)
    return encode(rows)


def _put(objects: Objects, bucket: str, key: str, data: bytes) -> None:
    try:
        objects.put(bucket, key, data)
    except OSError as error:
        raise StateFailed(
            "States.ResultWriterFailed", f"{key} cannot be written to {bucket}: {error}"
        ) from error
