"""All services of one deployment in memory: what survives when every process ends."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, Self

from devtools.faults.s3_service import Bucket, S3Service
from devtools.faults.table_service import ConditionFailed, Items, TableService
from devtools.faults.virtual_time import VirtualTime
from devtools.faults.wire import Answer, Request

BUCKET: Final = "bucket"
TABLE: Final = "table"
SECRETS: Final[Mapping[str, str]] = {"kili-key": "stand-in-key", "webhook": "a shared secret"}
MACHINE_ARN: Final = "arn:aws:states:us-east-1:123456789012:stateMachine:export"
_JSON: Final = {"content-type": "application/x-amz-json-1.0"}
_BORN = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
_UPLOADS_KEPT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Execution:
    """An execution of the workflow. `status` is the API's."""

    arn: str
    name: str
    input: Mapping[str, Any]
    started: datetime
    status: str = "PENDING"
    error: str = ""
    cause: str = ""


@dataclass(slots=True)
class Cloud:
    """Objects, items, executions and events. A copy of it costs little."""

    bucket: Bucket = field(default_factory=Bucket)
    items: Items = field(default_factory=dict)
    executions: dict[str, Execution] = field(default_factory=dict)
    events: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)

    def copy(self) -> Self:
        """The same, to be changed apart."""
        return replace(
            self,
            bucket=self.bucket.copy(),
            items=dict(self.items),
            executions=dict(self.executions),
            events=list(self.events),
        )

    def expire_uploads(self, now: datetime) -> None:
        """What the bucket's lifecycle does with unfinished uploads."""
        kept = {
            upload_id: upload
            for upload_id, upload in self.bucket.uploads.items()
            if now - upload.begun < _UPLOADS_KEPT
        }
        self.bucket.uploads = kept


class AwsServices:
    """Answers the requests of boto3's clients about one cloud."""

    def __init__(self, cloud: Cloud, time: VirtualTime) -> None:
        self.cloud = cloud
        self._time = time
        self._s3 = S3Service(cloud.bucket, time.now)
        self._table = TableService(cloud.items)

    def answer(self, service: str, operation: str, request: Request) -> Answer:
        """The answer of one of the services."""
        if service == "s3":
            return self._s3.answer(operation, request)
        asked: dict[str, Any] = json.loads(request.body)
        try:
            if service == "dynamodb":
                return _answer(self._table.answer(operation, asked))
            return _answer(getattr(self, f"_{_snake(operation)}")(asked))
        except ConditionFailed as failed:
            item = failed.args[0]
            return _error("ConditionalCheckFailedException", {"Item": item} if item else {})
        except _Refused as refused:
            return _error(str(refused))

    def _get_secret_value(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        if asked.get("VersionStage", "AWSCURRENT") != "AWSCURRENT":
            raise _Refused("ResourceNotFoundException")
        value = SECRETS[asked["SecretId"]]
        return {"Name": asked["SecretId"], "SecretString": value, "CreatedDate": _BORN.timestamp()}

    def _put_events(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        for entry in asked["Entries"]:
            self.cloud.events.append((entry["DetailType"], json.loads(entry["Detail"])))
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "e"} for _ in asked["Entries"]]}

    def _start_execution(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        arn = f"{MACHINE_ARN.replace(':stateMachine:', ':execution:')}:{asked['name']}"
        given = json.loads(asked["input"])
        known = self.cloud.executions.get(arn)
        if known is None:
            known = Execution(arn, asked["name"], given, self._time.now())
            self.cloud.executions[arn] = known
        elif known.status not in _AT_WORK or known.input != given:
            raise _Refused("ExecutionAlreadyExists")
        return {"executionArn": arn, "startDate": known.started.timestamp()}

    def _describe_execution(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        known = self.cloud.executions.get(asked["executionArn"])
        if known is None:
            raise _Refused("ExecutionDoesNotExist")
        status = "RUNNING" if known.status in _AT_WORK else known.status
        return {
            "executionArn": known.arn,
            "stateMachineArn": MACHINE_ARN,
            "name": known.name,
            "status": status,
            "startDate": known.started.timestamp(),
        }


_AT_WORK: Final = frozenset({"PENDING", "RUNNING"})


class _Refused(Exception):
    """An error answer; its text is the error's code."""


def _snake(operation: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in operation)[1:]


def _answer(document: Mapping[str, Any]) -> Answer:
    return Answer(200, json.dumps(document).encode(), _JSON)


def _error(code: str, more: Mapping[str, Any] | None = None) -> Answer:
    told = {"__type": code, "message": code, **(more or {})}
    return Answer(400, json.dumps(told).encode(), _JSON)
