"""One deployment: functions, workflow and schedule over a cloud and a Kili, one step at a time."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final
from urllib.parse import urlsplit

from devtools.faults.clients import ENDPOINT, KILI
from devtools.faults.cloud import MACHINE_ARN, AwsServices, Cloud, Execution
from devtools.faults.functions import (
    FUNCTIONS,
    FaultyApplication,
    Patience,
    deployed_template,
    start_application,
    timeouts,
)
from devtools.faults.injection import Crash, Halt, Injector, Process
from devtools.faults.virtual_time import Tokens, VirtualTime, WorkflowClock
from devtools.faults.wire import Answer, Request
from kili_export.core.errors import ExportError
from kili_export.local.kili_standin.http.server import Site
from kili_export.local.stack.template import function_of_arn
from kili_export.local.workflow.clock import Interrupt
from kili_export.local.workflow.definition import read_definition, substitute
from kili_export.local.workflow.distributed_map import perform_distributed_map
from kili_export.local.workflow.errors import ExecutionEnded, FunctionFailed, StateFailed
from kili_export.local.workflow.inline_map import perform_inline_map
from kili_export.local.workflow.runtime import Activity, Surroundings, earliest, timestamp
from kili_export.local.workflow.states import Step, perform_task, run_states
from kili_export.wiring.application import Application

PERSON: Final = "person"
"""Who calls from the command line."""
_MOST_REQUESTS: Final = 20_000
_MOST_RUNS: Final = 60
_MOST_ROUNDS: Final = 60
_SWEEP: Final = timedelta(minutes=5)
_COMPARE: Final = timedelta(hours=1)


class NeverSettles(BaseException):
    """Requests, runs or rounds of the schedule follow each other without end.

    No exception that a part of the system could take for its own.
    """


@dataclass
class Deployment:
    """Everything that a stack has, and the ways to set it going."""

    cloud: Cloud
    site: Site
    time: VirtualTime
    tokens: Tokens
    settings: Mapping[str, int] = field(default_factory=dict)
    parts_at_once: int | None = None
    """How many parts of an upload an invocation has time for; None for all."""
    injector: Injector = field(init=False)
    process: Process = field(init=False)
    requests: list[tuple[str, str]] = field(default_factory=list)
    """Every request that a service got: service and operation."""

    def __post_init__(self) -> None:
        self.injector = Injector(self.time.now)
        self.process = Process(PERSON)
        self._aws = AwsServices(self.cloud, self.time)
        self._warm: dict[str, tuple[Process, FaultyApplication]] = {}
        self._compared_at = self.time.now()

    # ------------------------------------------------------------------ what clients reach

    def ask(self, service: str, operation: str, request: Request) -> Answer:
        """A request of the process that is at work."""

        def perform() -> Answer:
            self.requests.append((service, operation))
            if len(self.requests) > _MOST_REQUESTS:
                raise NeverSettles("requests follow each other without end")
            if service == KILI:
                return self._kili(request)
            return self._aws.answer(service, operation, request)

        return self.injector.call(self.process, service, operation, perform)

    def pass_time(self, seconds: float) -> None:
        """The process that is at work waits."""
        self.time.advance(seconds)
        self.process.check(self.time.now())

    def _kili(self, request: Request) -> Answer:
        parts = urlsplit(request.url)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        headers = {name.title(): value for name, value in request.headers.items()}
        _, reply = self.site.answer(request.method, target, headers, request.body)
        named = {"content-type": reply.content_type, "content-length": str(len(reply.body))}
        return Answer(reply.status, reply.body, {**named, **reply.headers})

    # ------------------------------------------------------------------ functions

    def invoke(self, function: str, payload: Any) -> Any:
        """Runs a function as Lambda does. Raises FunctionFailed; Halt ends the execution too."""
        process, application = self._process(function)
        application.time_left = Patience(self.parts_at_once)
        process.begin(self.time.now() + timedelta(seconds=timeouts()[function]))
        before, self.process = self.process, process
        try:
            answer = FUNCTIONS[function](application, payload)
        except Halt:
            self._warm.clear()
            raise
        except Crash:
            del self._warm[function]
            raise FunctionFailed("Runtime.ExitError", "Runtime exited") from None
        except ExportError as error:
            raise FunctionFailed(type(error).__name__, str(error)) from error
        finally:
            self.process = before
        return json.loads(json.dumps(answer))

    def person(self, act: Callable[[Application], Any]) -> Any:
        """Somebody does something from the command line, in a process of its own."""
        process, application = self._started(PERSON)
        before, self.process = self.process, process
        try:
            return act(application)
        finally:
            self.process = before

    def _process(self, function: str) -> tuple[Process, FaultyApplication]:
        if function not in self._warm:
            self._warm[function] = self._started(function)
        return self._warm[function]

    def _started(self, function: str) -> tuple[Process, FaultyApplication]:
        process = Process(function)
        application = start_application(process, self.time, self.tokens, self.settings)
        application.time_left = Patience(self.parts_at_once)
        return process, application

    # ------------------------------------------------------------------ the workflow

    def pending(self) -> list[Execution]:
        """Executions that were started and did not run yet, in the order of their time."""
        waiting = (one for one in self.cloud.executions.values() if one.status == "PENDING")
        return sorted(waiting, key=lambda one: (one.input["not_before"], one.started, one.name))

    def drain(self) -> None:
        """Runs executions, and those that they start. Raises NeverSettles."""
        for _ in range(_MOST_RUNS):
            waiting = self.pending()
            if not waiting:
                return
            self.execute(waiting[0])
        raise NeverSettles(f"runs start each other without end: {self.pending()}")

    def execute(self, execution: Execution) -> None:
        """One execution, from its beginning to its end."""
        self.note(execution, "RUNNING")
        activity = self._activity(execution)
        try:
            run_states(_definition(), activity, execution.input, self._performers())
            self.note(execution, "SUCCEEDED")
        except StateFailed as failure:
            self.note(execution, "FAILED", failure.error, failure.cause)
        except ExecutionEnded as ended:
            self.note(execution, "TIMED_OUT", type(ended).__name__)
        except Halt:
            self.note(execution, "ABORTED")

    def note(self, execution: Execution, status: str, error: str = "", cause: str = "") -> None:
        """An execution comes to another status."""
        self.cloud.executions[execution.arn] = replace(
            execution, status=status, error=error, cause=cause
        )

    def _activity(self, execution: Execution) -> Activity:
        surroundings = Surroundings(
            invoke=lambda arn, payload: self.invoke(function_of_arn(arn), payload),
            objects=_BucketOfWorkflow(self),
            clock=WorkflowClock(self.time),
            random=lambda: 0.5,
            observe=lambda _event: None,
        )
        context = {
            "Execution": {
                "Id": execution.arn,
                "Input": execution.input,
                "Name": execution.name,
                "StartTime": timestamp(execution.started),
            },
            "StateMachine": {"Id": MACHINE_ARN, "Name": "export"},
        }
        deadline = earliest(None, self.time.now(), _definition()["TimeoutSeconds"])
        return Activity(surroundings, execution.arn, context, Interrupt(), deadline)

    def _performers(self) -> dict[str, Callable[[Step], Any]]:
        def run_block(block: Any, activity: Activity, value: Any) -> Any:
            return run_states(block, activity, value, performers)

        def perform_map(step: Step) -> Any:
            mode = step.state["ItemProcessor"]["ProcessorConfig"]["Mode"]
            perform = perform_distributed_map if mode == "DISTRIBUTED" else perform_inline_map
            return perform(step, run_block)

        performers: dict[str, Callable[[Step], Any]] = {"Task": perform_task, "Map": perform_map}
        return performers

    # ------------------------------------------------------------------ the schedule

    def settle(self, *, compare: bool = False) -> None:
        """Lets the schedule work until nothing is left to do. Raises NeverSettles.

        With `compare` Kili is compared at least once.
        """
        self.drain()
        wanted = compare
        for _ in range(_MOST_ROUNDS):
            if not wanted and self.is_quiet():
                return
            self._pass_to_next_round()
            due = wanted or self.time.now() - self._compared_at >= _COMPARE
            if self.reconcile(compare=due) and due:
                self._compared_at, wanted = self.time.now(), False
            self.drain()
        raise NeverSettles(f"something is left for ever: {sorted(self.left())}")

    def reconcile(self, *, compare: bool) -> bool:
        """The schedule fires, and tries again if the function fails. Whether it succeeded."""
        for _ in range(4):
            try:
                answer = self.invoke("reconcile", {"compare": compare})
            except (FunctionFailed, Halt):
                self.time.advance(60)
                continue
            return all(project["error"] is None for project in answer["projects"])
        return False

    def _pass_to_next_round(self) -> None:
        """Five minutes, or as long as every mark rests: nothing happens before."""
        now = self.time.now()
        rests = [
            datetime.fromisoformat(item["retry_at"]["S"]) - now
            for item in self.marks()
            if "retry_at" in item
        ]
        rest = min(rests, default=_SWEEP) if len(rests) == len(list(self.marks())) else _SWEEP
        seconds = min(max(_SWEEP, rest + timedelta(minutes=1)), _COMPARE * 7).total_seconds()
        self.time.advance(seconds)

    def is_quiet(self) -> bool:
        """Whether nothing waits, runs, or is held."""
        return not self.left()

    def left(self) -> list[str]:
        """What is not done yet, in words. What rests until confirmation is not meant."""
        waits = any(self.items("held-removals"))
        found = [
            f"a mark of {item['sk']['S']}"
            for item in self.marks()
            if not (waits and "retry_at" in item)
        ]
        found += [f"execution {one.name}" for one in self.pending()]
        for item in self.items("lease"):
            if "holder" in item:
                found.append("a lease")
            elif int(item["told"]["N"]) < int(item["lease_token"]["N"]):
                found.append("what consumers were not told")
        return found

    def marks(self) -> Iterator[Mapping[str, Any]]:
        """Every change mark."""
        return (item for (pk, _), item in self.cloud.items.items() if pk.startswith("marks#"))

    def items(self, sort_key: str) -> Iterator[Mapping[str, Any]]:
        """Items of the table by their sort key."""
        return (item for (_, sk), item in self.cloud.items.items() if sk == sort_key)


@dataclass(frozen=True, slots=True)
class _BucketOfWorkflow:
    """The bucket as the workflow service reads and writes it, by itself and unbroken."""

    deployment: Deployment

    def get(self, bucket: str, key: str) -> bytes:
        del bucket
        found = self.deployment.cloud.bucket.objects.get(key)
        if found is None:
            raise FileNotFoundError(key)
        return found.data

    def put(self, bucket: str, key: str, data: bytes) -> None:
        request = Request("PUT", f"{ENDPOINT}/{bucket}/{key}", {}, data)
        AwsServices(self.deployment.cloud, self.deployment.time).answer("s3", "PutObject", request)


@cache
def _definition() -> Mapping[str, Any]:
    """The deployed definition, its functions by their names; iterations one after another."""
    template = deployed_template()
    definition = substitute(read_definition(template.definition()), template.substitutions())
    definition["States"]["AggregateArchives"]["MaxConcurrency"] = 1
    batch = definition["States"]["ConvertAssets"]["ItemProcessor"]["States"]
    batch["OneByOne"]["MaxConcurrency"] = 1
    return definition
