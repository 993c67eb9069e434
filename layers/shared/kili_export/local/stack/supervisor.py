"""Starts everything in order, and stops everything that it started."""

import os
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from kili_export.core.errors import ExportError
from kili_export.local.stack.environment import function_environment, stack_environment
from kili_export.local.stack.event_follower import EventFollower
from kili_export.local.stack.expiry import Expiry
from kili_export.local.stack.former_state import FormerJournal
from kili_export.local.stack.front_door import FrontDoor, WebhookGate
from kili_export.local.stack.metrics import Metrics, metrics_token
from kili_export.local.stack.notification_worker import NotificationWorker
from kili_export.local.stack.pending_work import take_up
from kili_export.local.stack.resources import Endpoints, ResourceNames
from kili_export.local.stack.seaweed import SeaweedServer
from kili_export.local.stack.state_directory import Credentials, RunningStack, StateDirectory
from kili_export.local.stack.subscriptions import Subscriptions
from kili_export.local.stack.template import ACCOUNT, REGION, Template, function_of_arn
from kili_export.local.stack.upkeep import Upkeep
from kili_export.local.stack.workers import FunctionSpec, WorkerPool
from kili_export.local.workflow.api import StepFunctionsEndpoint, serve_stepfunctions
from kili_export.local.workflow.definition import read_definition
from kili_export.local.workflow.objects import S3Objects
from kili_export.local.workflow.service import WorkflowService
from kili_export.machine.mending import mend
from kili_export.machine.state_files import StateFiles
from kili_export.viewing.all_exports import AllExports
from kili_export.viewing.server import ViewServer
from kili_export.wiring.application import Application
from kili_export.wiring.notifications import notifier
from kili_export.wiring.operating import request_run
from kili_export.wiring.settings import Settings
from kili_export.wiring.webhook import receive_event

_UNSAID = frozenset(
    {"webhook_secret", "aws_access_key_id", "aws_secret_access_key", "page_url", "environment"}
)

# Enough that the three steps with something to do side by side do it side by side.
_PROCESSES: Mapping[str, int] = {"webhook": 2, "convert_assets": 2, "aggregate_archive": 2}


@dataclass(frozen=True, slots=True)
class StackOptions:
    """What a local stack is started with. `port` 0 takes a free one; times are in seconds.

    `project_keys` are API keys of single projects, `notify_secrets` what deliveries are signed
    with, both by the names of their secrets without the prefix that these have. `tuning` are
    further settings of the functions, by the names of their environment variables. `follow_every`
    0 follows no events; `subscribe` has Kili wake who follows them. `s3_door` is the port of a
    proxy by which everybody reaches S3.
    """

    state: Path
    kili_api_endpoint: str
    kili_api_key: str
    host: str = "127.0.0.1"
    port: int = 8080
    window: int = 10
    settle: int = 3
    reconcile_every: float = 300.0
    follow_every: float = 0.0
    subscribe: bool = False
    tuning: Mapping[str, str] = field(default_factory=dict)
    project_keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    notify_secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    s3_door: int | None = None


class LocalStack:
    """One running stack. Use as a context: everything is stopped at its end."""

    def __init__(self, options: StackOptions, tell: Callable[[str], None]) -> None:
        """`tell` gets a line for people at each step."""
        self._options = options
        self._tell = tell
        self._started = ExitStack()
        self._state = StateDirectory(options.state)
        self._names = ResourceNames()
        self._pool: WorkerPool | None = None
        self._s3: SeaweedServer | None = None

    def __enter__(self) -> RunningStack:
        """Starts everything.

        Raises StateInUse, PortUnavailable, ServerDidNotStart, WorkerDidNotStart.
        """
        try:
            return self._start()
        except BaseException:
            self._started.close()
            raise

    def __exit__(self, *_: object) -> None:
        self._tell("Stopping.")
        self._started.close()

    def watch(self, stop: threading.Event) -> str | None:
        """Waits until `stop` is set, or a server ends by itself: then answers its name."""
        while not stop.wait(0.5):
            if self._s3 is not None and not self._s3.is_alive():
                return "SeaweedFS"
        return None

    def _start(self) -> RunningStack:
        self._state.acquire()
        self._started.callback(self._state.release)
        credentials = self._state.credentials()
        # The port is taken first, so that one in use is reported before anything was started.
        gate = WebhookGate(lambda event: self._invoke("webhook", event))
        metrics = Metrics(metrics_token(credentials.webhook_secret))
        door = FrontDoor(
            gate,
            credentials.is_webhook_secret,
            self._options.host,
            self._options.port,
            metrics=metrics,
        )
        self._started.callback(door.close)
        for line in mend(self._state.database):
            self._tell(line)
        template = self._template()
        self._keep_secrets(template, credentials)
        s3 = self._start_s3(credentials)
        service, endpoint = self._start_workflow(template, s3)
        endpoints = Endpoints(s3.endpoint, endpoint.url)
        environments = self._start_workers(
            template, stack_environment(self._state.path, credentials, endpoints), metrics
        )
        # Stopped in reverse: first nothing more is taken in, then runs end, then their workers.
        self._started.callback(service.close)
        stack = self._describe(door, credentials, endpoint.address, service.arn, environments)
        # Clients of this process belong to the stack from now on.
        os.environ.update(stack.environment)
        application = Application(Settings.from_environment(stack.environment))
        self._notify(application)
        self._take_up(stack, application)
        door.start()
        self._started.callback(door.stop)
        kept = _days(template, "RunRetentionDays")
        expiry = Expiry(s3.client(), self._names.bucket, kept, service.expire)
        upkeep = Upkeep(expiry, self._invoke, self._tell, service.save_again, self._state.logs)
        schedule = upkeep.start(self._options.reconcile_every)
        self._started.callback(schedule.stop)
        self._follow(application)
        stack = replace(stack, page_url=self._serve_pages(application))
        self._state.announce(stack)
        return stack

    def _start_s3(self, credentials: Credentials) -> SeaweedServer:
        self._tell("Starting S3.")
        s3 = self._s3 = SeaweedServer(
            self._state.objects,
            bucket=self._names.bucket,
            access_key_id=credentials.access_key_id,
            secret_access_key=credentials.secret_access_key,
            log=self._state.logs / "seaweed.log",
            door=self._options.s3_door,
        )
        self._started.callback(s3.stop)
        s3.start()
        return s3

    def _keep_secrets(self, template: Template, credentials: Credentials) -> None:
        self._state.keep_secrets(
            {
                self._names.kili_secret: self._options.kili_api_key,
                **_prefixed(template, "KILI_KEY_PREFIX", self._options.project_keys),
                **_prefixed(template, "NOTIFY_SECRET_PREFIX", self._options.notify_secrets),
                self._names.webhook_secret: credentials.webhook_secret,
            }
        )

    def _template(self) -> Template:
        parameters = {
            "KiliApiEndpoint": self._options.kili_api_endpoint,
            "WindowSeconds": str(self._options.window),
            "SettleSeconds": str(self._options.settle),
        }
        names = {
            "Bucket": self._names.bucket,
            "Table": self._names.table,
            "EventBus": self._names.event_bus,
            "KiliApiKeySecret": self._names.kili_secret,
            "WebhookSecret": self._names.webhook_secret,
        }
        return Template(parameters, names)

    def _start_workflow(
        self, template: Template, s3: SeaweedServer
    ) -> tuple[WorkflowService, StepFunctionsEndpoint]:
        service = WorkflowService(
            read_definition(template.definition()),
            template.substitutions(),
            lambda function, payload: self._invoke(function_of_arn(function), payload),
            S3Objects(s3.client()),
            self._state.executions,
            machine_name=template.state_machine_arn().rpartition(":")[2],
            region=REGION,
            account=ACCOUNT,
        )
        endpoint = serve_stepfunctions(service)
        self._started.callback(endpoint.close)
        return service, endpoint

    def _start_workers(
        self, template: Template, stack: Mapping[str, str], metrics: Metrics
    ) -> dict[str, dict[str, str]]:
        self._tell("Starting the workers.")
        functions = template.functions()
        own = {"MAX_CONCURRENCY": str(_PROCESSES["convert_assets"])}
        environments = {
            one.name: {**function_environment(one, stack), **own, **self._options.tuning}
            for one in functions
        }
        specs = {
            one.name: FunctionSpec(
                name=one.name,
                handler=one.handler,
                environment=environments[one.name],
                timeout=one.timeout,
                memory=one.memory,
                arn=one.arn,
                processes=_PROCESSES.get(one.name, 1),
            )
            for one in functions
        }
        pool = self._pool = WorkerPool(specs, self._state.logs, metrics.add)
        self._started.callback(pool.stop)
        pool.start()
        return environments

    def _follow(self, application: Application) -> None:
        if not self._options.follow_every:
            return
        follower = EventFollower(application, self._options.follow_every, self._tell)
        if self._options.subscribe:
            subscriptions = Subscriptions(application, follower.wake, self._tell)
            follower.seen = subscriptions.follow
            self._started.callback(subscriptions.stop)
        self._started.callback(follower.stop)
        follower.start()

    def _serve_pages(self, application: Application) -> str:
        """Serves the pages of all exports, and answers their secret address."""
        pages = ViewServer(AllExports(application.objects))
        threading.Thread(target=pages.serve, name="pages", daemon=True).start()
        self._started.callback(pages.stop)
        return pages.url

    def _notify(self, application: Application) -> None:
        files = application.state_files
        assert files is not None  # noqa: S101 a stack of one machine has a state directory
        worker = NotificationWorker(
            files.announcements, files.deliveries, notifier(application), self._tell
        )
        worker.start()
        self._started.callback(worker.stop)

    def _take_up(self, stack: RunningStack, application: Application) -> None:
        """Goes on with what was accepted before. Nothing of it keeps the stack from starting."""
        receiver = receive_event(application)
        journal = FormerJournal(
            self._state.former_journal,
            lambda body: receiver(body, stack.webhook_secret),
            lambda project, full: request_run(application)(project, full=full),
        )
        with StateFiles(self._state.path, application.clock) as files:
            try:
                taken_up = take_up(files, application.starter.after_change)
                for line in (*taken_up, *journal.take_over()):
                    self._tell(line)
            except ExportError as error:
                self._tell(f"What was accepted before waits for the next sweep: {error}")

    def _invoke(self, function: str, payload: Any) -> Any:
        assert self._pool is not None  # noqa: S101 nothing is reachable before the workers are
        return self._pool.invoke(function, payload)

    def _describe(
        self,
        door: FrontDoor,
        credentials: Credentials,
        stepfunctions: str,
        state_machine_arn: str,
        environments: Mapping[str, Mapping[str, str]],
    ) -> RunningStack:
        return RunningStack(
            pid=os.getpid(),
            webhook_url=door.url,
            webhook_secret=credentials.webhook_secret,
            s3_endpoint=environments["reconcile"]["AWS_ENDPOINT_URL_S3"],
            stepfunctions_endpoint=stepfunctions,
            bucket=self._names.bucket,
            region=REGION,
            aws_access_key_id=credentials.access_key_id,
            aws_secret_access_key=credentials.secret_access_key,
            state_dir=str(self._state.path),
            table=self._names.table,
            state_machine_arn=state_machine_arn,
            event_bus=self._names.event_bus,
            kili_api_endpoint=self._options.kili_api_endpoint,
            environment=environments["reconcile"],
        )


def _prefixed(template: Template, variable: str, values: Mapping[str, str]) -> dict[str, str]:
    """Secrets by their whole names; the prefix is the value of a variable of the functions."""
    [prefix] = {one.environment[variable] for one in template.functions()}
    return {f"{prefix}{name}": value for name, value in values.items()}


def _days(template: Template, parameter: str) -> timedelta:
    return timedelta(days=int(template.parameter(parameter)))


def announcement(stack: RunningStack) -> dict[str, Any]:
    """What `up` prints: all that is no secret. `kili-export credentials` prints the rest."""
    return {name: value for name, value in asdict(stack).items() if name not in _UNSAID}
