"""The protocol's world over real clients of AWS, with every request noted by the function it is of.

moto answers in this process. What it says to conditions and copies is not to be relied on; what is
sent to it is what AWS would be sent.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

from kili_export.aws.dynamodb.change_store import DynamoChangeStore
from kili_export.aws.dynamodb.project_state import DynamoProjectState
from kili_export.aws.dynamodb.rate_limit import DynamoRateLimits, budget_name
from kili_export.aws.dynamodb.table import Table
from kili_export.aws.event_bridge import EventBridgePublisher
from kili_export.aws.s3 import S3ObjectStore
from kili_export.aws.secrets import StoredSecret
from kili_export.aws.step_functions import StepFunctionsWorkflow
from kili_export.core.rate_limit import BudgetRules
from kili_export.costs.usage import TrafficCount
from kili_export.local.stack.resources import ResourceNames
from kili_export.local.stack.template import ACCOUNT, REGION, Template
from kili_export.registration.project_keys import ProjectKeys
from kili_export.runs.messages import (
    AggregateAnswer,
    AggregateRequest,
    BatchResult,
    ConvertRequest,
    PlanAnswer,
    PlanRequest,
    ResultsLocation,
)
from kili_export.storage.object_store import ObjectStore, StoredObject
from tests.artifacts.accesses import accesses_of
from tests.artifacts.policies import Access
from tests.support.fakes import ManualClock, RecordingWorkflow
from tests.support.protocol_world import PROJECT, SECRET, ScriptedKili, World

NAMES = ResourceNames()
NOBODY = "nobody"
_MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:kili-export-export"


@dataclass
class Recorder:
    """Which function sent what. `function` is the one at work."""

    function: str = NOBODY
    accesses: dict[str, set[Access]] = field(default_factory=lambda: defaultdict(set))
    counted: Counter[str] = field(default_factory=Counter)
    """Requests by service and operation, as the meter names them."""

    @contextmanager
    def working(self, function: str) -> Iterator[None]:
        """Requests within are that function's."""
        before, self.function = self.function, function
        try:
            yield
        finally:
            self.function = before

    def watch(self, client: Any) -> Any:
        """Notes what a client sends."""
        client.meta.events.register_first("before-send", self._sent)
        client.meta.events.register("needs-retry.s3", self._answered)
        return client

    def _sent(self, request: Any, event_name: str, **_: Any) -> None:
        if self.function == NOBODY:
            return
        self.counted[event_name.partition(".")[2]] += 1
        parts = urlsplit(request.url)
        headers = {
            name: value.decode() if isinstance(value, bytes) else value
            for name, value in request.headers.items()
        }
        body = request.body or b""
        if isinstance(body, str):
            body = body.encode()
        data = body if isinstance(body, bytes) else body.read()
        if not isinstance(body, bytes):
            body.seek(0)
        # The bucket is in the path or in the host's name.
        host = (parts.hostname or "").partition(".s3.")
        path = f"/{host[0]}{parts.path}" if host[1] else parts.path
        target = f"{path}?{parts.query}"
        self.accesses[self.function].update(accesses_of(request.method, target, headers, data))

    def _answered(self, response: Any, **_: Any) -> None:
        # Who may not list a bucket is told 403 instead of 404 by S3.
        if response is not None and response[0].status_code == 404:
            self.accesses[self.function].add(
                Access("s3:ListBucket", f"arn:aws:s3:::{NAMES.bucket}")
            )


class _Stored(Mapping[str, tuple[bytes, StoredObject]]):
    """The bucket as the test looks at it: that is no function's doing."""

    def __init__(self, recorder: Recorder, objects: S3ObjectStore) -> None:
        self._recorder = recorder
        self._objects = objects

    def __getitem__(self, key: str) -> tuple[bytes, StoredObject]:
        with self._recorder.working(NOBODY):
            found = self._objects.get(key)
        if found is None:
            raise KeyError(key)
        return found

    def __iter__(self) -> Iterator[str]:
        with self._recorder.working(NOBODY):
            return iter([one.key for one in self._objects.list("")])

    def __len__(self) -> int:
        return len(list(iter(self)))


class RecordedObjects(S3ObjectStore):
    """The real bucket adapter, with the fake's view of what is stored."""

    def __init__(self, client: Any, recorder: Recorder) -> None:
        super().__init__(client, NAMES.bucket)
        self.stored = _Stored(recorder, self)

    def snapshot(self) -> Any:
        """Traffic is not what this is about."""
        return TrafficCount({}, 0, 0)


@dataclass(slots=True)
class RecordedWorkflow(RecordingWorkflow):
    """Notes what was started, and asks the real adapter as well."""

    real: StepFunctionsWorkflow | None = None

    def start(self, name: str, execution_input: Mapping[str, Any]) -> bool:
        assert self.real is not None
        self.real.start(name, execution_input)
        return RecordingWorkflow.start(self, name, execution_input)

    def is_running(self, execution_arn: str) -> bool:
        assert self.real is not None
        self.real.is_running(f"{_MACHINE.replace('stateMachine', 'execution')}:x")
        return RecordingWorkflow.is_running(self, execution_arn)


@dataclass
class KiliBehindItsKey:
    """Kili; whenever it is asked, the project's key is looked up, read, and a call is taken."""

    kili: ScriptedKili
    objects: S3ObjectStore
    key: StoredSecret
    budget: DynamoRateLimits

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.kili, name)
        if name in {"project", "list_pages", "fetch_assets", "events_since", "count_assets"}:
            keys = ProjectKeys(self.objects, self.key.clock, self.key.secret_id, "kili-keys/")
            assert keys.secret_of(PROJECT) == self.key.secret_id
            next(self.key.versions())
            self.budget.take(BudgetRules.per_minute(250), 1)
            self.budget.resume_at()
        return found


class RecordedWorld(World):
    """The world whose requests are noted."""

    def __init__(self, **settings: Any) -> None:
        self.recorder = Recorder()
        clients = {name: self._client(name) for name in _SERVICES}
        _create(clients)
        clock = ManualClock()
        table = Table(clients["dynamodb"], NAMES.table)
        scripted = settings.pop("kili", None) or ScriptedKili()
        self.scripted = scripted
        secrets = clients["secretsmanager"]
        hour = timedelta(hours=1)
        objects = RecordedObjects(clients["s3"], self.recorder)
        key = StoredSecret(secrets, NAMES.kili_secret, clock, hour)
        budget = DynamoRateLimits(table, budget_name(NAMES.kili_secret), clock)
        super().__init__(
            objects=objects,  # type: ignore[arg-type]
            changes=DynamoChangeStore(table),  # type: ignore[arg-type]
            state=DynamoProjectState(table),  # type: ignore[arg-type]
            publisher=EventBridgePublisher(clients["events"], NAMES.event_bus),  # type: ignore[arg-type]
            workflow=RecordedWorkflow(
                real=StepFunctionsWorkflow(clients["stepfunctions"], _MACHINE)
            ),
            secrets=StoredSecret(secrets, NAMES.webhook_secret, clock, hour),  # type: ignore[arg-type]
            kili=KiliBehindItsKey(scripted, objects, key, budget),  # type: ignore[arg-type]
            clock=clock,
            **settings,
        )
        for name in ("receive", "plan", "finish", "reconcile"):
            setattr(self, name, self._recorded(_FUNCTION_OF[name], getattr(self, name)))

    def _recorded(self, function: str, use_case: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            with self.recorder.working(function):
                return use_case(*arguments, **named)

        return call

    def _client(self, service: str) -> Any:
        make: Any = boto3.client
        config = Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1})
        client = make(
            service,
            region_name=REGION,
            config=config,
            aws_access_key_id="AKIAEXAMPLE",
            aws_secret_access_key="example",
        )
        return self.recorder.watch(client)

    def convert_batch(
        self, request: ConvertRequest, objects: ObjectStore | None = None
    ) -> BatchResult:
        with self.recorder.working("plan_export" if objects else "convert_assets"):
            return super().convert_batch(request, objects)

    def publish(
        self, request: AggregateRequest, objects: ObjectStore | None = None
    ) -> AggregateAnswer:
        with self.recorder.working("plan_export" if objects else "aggregate_archive"):
            return super().publish(request, objects)

    def make_short(self, request: PlanRequest) -> PlanAnswer:
        with self.recorder.working("plan_export"):
            return super().make_short(request)

    def _write_results(
        self, planned: PlanAnswer, outputs: Sequence[BatchResult]
    ) -> ResultsLocation:
        with self.recorder.working("workflow"):
            return super()._write_results(planned, outputs)


_SERVICES = ("s3", "dynamodb", "events", "stepfunctions", "secretsmanager")
_FUNCTION_OF = {
    "receive": "webhook",
    "plan": "plan_export",
    "finish": "finish_export",
    "reconcile": "reconcile",
}


def _create(clients: Mapping[str, Any]) -> None:
    table = Template({}, {}).table()
    properties = ("AttributeDefinitions", "KeySchema", "BillingMode")
    clients["s3"].create_bucket(Bucket=NAMES.bucket)
    clients["dynamodb"].create_table(
        TableName=NAMES.table, **{name: table[name] for name in properties}
    )
    clients["secretsmanager"].create_secret(Name=NAMES.webhook_secret, SecretString=SECRET)
    clients["secretsmanager"].create_secret(Name=NAMES.kili_secret, SecretString="key")
    clients["events"].create_event_bus(Name=NAMES.event_bus)
    definition = {
        "StartAt": "Wait",
        "States": {"Wait": {"Type": "Wait", "Seconds": 1, "End": True}},
    }
    clients["stepfunctions"].create_state_machine(
        name="kili-export-export",
        definition=json.dumps(definition),
        roleArn=f"arn:aws:iam::{ACCOUNT}:role/x",
    )
