"""Builds the clients and puts the use cases together. Nobody else knows which adapter is used.

What a use case does not need is not imported: a function that starts cold pays for every module.
"""

import logging
from collections.abc import Callable
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Final, Protocol

from kili_export.adapters.system import InvocationTime, SystemClock, SystemRandom
from kili_export.domain.windows import WindowRules
from kili_export.ports import Clock, RandomSource
from kili_export.settings import Settings

if TYPE_CHECKING:
    from kili_export.adapters.dynamodb.change_store import DynamoChangeStore
    from kili_export.adapters.dynamodb.project_state import DynamoProjectState
    from kili_export.adapters.dynamodb.request_budget import DynamoRequestBudget
    from kili_export.adapters.event_bridge import EventBridgePublisher
    from kili_export.adapters.kili.client import KiliClient
    from kili_export.adapters.kili.clients import KiliClients
    from kili_export.adapters.meter import ProcessMeter
    from kili_export.adapters.s3 import S3ObjectStore
    from kili_export.adapters.s3_traffic import S3Traffic
    from kili_export.adapters.secrets import StoredSecret
    from kili_export.adapters.step_functions import StepFunctionsWorkflow
    from kili_export.usecases.aggregate_archive import AggregateArchive
    from kili_export.usecases.announcements import Announcer
    from kili_export.usecases.convert_assets import ConvertAssets
    from kili_export.usecases.finish_export import FinishExport
    from kili_export.usecases.follow_up import FollowUp
    from kili_export.usecases.plan_export import PlanExport
    from kili_export.usecases.project_keys import ProjectKeys
    from kili_export.usecases.project_lease import ProjectLease
    from kili_export.usecases.project_status import StatusReader
    from kili_export.usecases.receive_event import MarkWriter, ReceiveEvent
    from kili_export.usecases.reconcile import Reconcile
    from kili_export.usecases.repair_project import RepairProject
    from kili_export.usecases.request_run import ConfirmRemovals, RequestRun, RetryAssets
    from kili_export.usecases.run_starting import RunStarter

_PATIENCE: Final = 300.0
"""Seconds to wait for a turn to call Kili."""
_BATCH_PATIENCE: Final = 25.0
"""A batch must be done within a minute."""
_CONNECTIONS: Final = 40
_TALKATIVE: Final = ("boto3", "botocore", "requests", "s3transfer", "urllib3")


class Invocation(Protocol):
    """What is asked of Lambda's context object."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the invocation is cut off."""


class Application:
    """The use cases, for one set of settings. Clients are made when first needed, once each."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = None,
        random: RandomSource | None = None,
        make_client: Callable[..., Any] | None = None,
    ) -> None:
        """Reads nothing yet. What is not given is the machine's own, and boto3's."""
        self.settings = settings
        self.clock: Clock = clock or SystemClock()
        self.random: RandomSource = random or SystemRandom()
        self._make_client = make_client

    # ------------------------------------------------------------------ use cases

    @cached_property
    def receive_event(self) -> "ReceiveEvent":
        """Takes in webhook calls. Kept: it remembers registrations, secrets and windows."""
        from kili_export.usecases.receive_event import ReceiveEvent
        from kili_export.usecases.registrations import RememberedRegistrations
        from kili_export.usecases.secret_check import SecretCheck

        return ReceiveEvent(
            secrets=SecretCheck(self.webhook_secret, self.clock),
            registrations=RememberedRegistrations(self.objects, self.clock),
            marks=self.marks,
            starter=self.starter,
        )

    def plan_export(self, project_id: str) -> "PlanExport":
        """Plans runs of a project."""
        from kili_export.usecases.plan_export import PlanExport
        from kili_export.usecases.run_in_making import RunLimits

        meter = self.meter.invocation()
        return PlanExport(
            objects=self.objects,
            changes=self.changes,
            removals=self.project_state,
            kili=self.kili(project_id),
            publisher=self.publisher,
            announcer=self.announcer,
            clock=self.clock,
            random=self.random,
            lease=self.lease,
            follow_up=self.follow_up,
            limits=RunLimits(
                self.settings.batch_size,
                self.settings.max_concurrency,
                self.settings.marks_per_run,
                self.settings.slice_assets,
            ),
            meter=meter,
        )

    def convert_assets(self, project_id: str) -> "ConvertAssets":
        """Converts batches of a project."""
        from kili_export.adapters.ffmpeg import Ffmpeg
        from kili_export.usecases.convert_assets import ConvertAssets
        from kili_export.usecases.media_batch import MediaLimits

        meter = self.meter.invocation()
        kili = self.kili(project_id, patience=_BATCH_PATIENCE)
        return ConvertAssets(
            objects=self.objects,
            kili=kili,
            random=self.random,
            media=MediaLimits(self.settings.media_file_limit),
            meter=meter,
            cutter=Ffmpeg(self.settings.ffmpeg_path),
        )

    def aggregate_archive(self) -> "AggregateArchive":
        """Publishes exports."""
        from kili_export.domain.archive.limits import PartLimits
        from kili_export.usecases.aggregate_archive import AggregateArchive

        return AggregateArchive(
            objects=self.objects,
            clock=self.clock,
            random=self.random,
            traffic=self.traffic,
            limits=PartLimits(rewrite_below=self.settings.rewrite_limit),
            latest_max_bytes=self.settings.latest_copy_limit,
            retention=self.settings.retention,
            rewriting=self.settings.rewriting,
            meter=self.meter.invocation(),
        )

    def finish_export(self) -> "FinishExport":
        """Ends runs."""
        from kili_export.usecases.finish_export import FinishExport
        from kili_export.usecases.second_looks import SecondLooks

        meter = self.meter.invocation()
        return FinishExport(
            objects=self.objects,
            changes=self.changes,
            removals=self.project_state,
            clock=self.clock,
            lease=self.lease,
            follow_up=self.follow_up,
            meter=meter,
            announcer=self.announcer,
            second_looks=SecondLooks(self.objects, self.clock),
        )

    def reconcile(self) -> "Reconcile":
        """Looks after projects on a schedule. Leaves half of the requests to Kili to runs."""
        from kili_export.usecases.reconcile import Reconcile
        from kili_export.usecases.second_looks import SecondLooks

        return Reconcile(
            objects=self.objects,
            changes=self.changes,
            removals=self.project_state,
            clock=self.clock,
            lease=self.lease,
            follow_up=self.follow_up,
            marks=self.marks,
            second_looks=SecondLooks(self.objects, self.clock),
            repair=lambda project_id, time_left: self._repair(project_id)(project_id, time_left),
        )

    def _repair(self, project_id: str) -> "RepairProject":
        from kili_export.usecases.repair_project import RepairProject

        half = max(1, self.settings.kili_requests_per_minute // 2)
        return RepairProject(
            objects=self.objects,
            changes=self.changes,
            removals=self.project_state,
            cursors=self.project_state,
            kili=self.kili(project_id, most=half),
            marks=self.marks,
            rewriting=self.settings.rewriting,
        )

    def request_run(self) -> "RequestRun":
        """Starts a run that a person asks for."""
        from kili_export.usecases.request_run import RequestRun

        return RequestRun(
            objects=self.objects, marks=self.marks, random=self.random, starter=self.starter
        )

    def retry_assets(self) -> "RetryAssets":
        """Tries assets again that could not be exported."""
        from kili_export.usecases.request_run import RetryAssets

        return RetryAssets(self.objects, self.request_run())

    def confirm_removals(self) -> "ConfirmRemovals":
        """Allows removals that wait for a person."""
        from kili_export.usecases.request_run import ConfirmRemovals

        return ConfirmRemovals(removals=self.project_state, request_run=self.request_run())

    def status(self) -> "StatusReader":
        """Reads how projects stand."""
        from kili_export.usecases.project_status import StatusReader

        return StatusReader(
            objects=self.objects,
            changes=self.changes,
            leases=self.project_state,
            removals=self.project_state,
            workflow=self.workflow,
            clock=self.clock,
        )

    # ------------------------------------------------------------------ their parts

    @cached_property
    def rules(self) -> WindowRules:
        """The length of windows."""
        return WindowRules(self.settings.window_seconds, self.settings.settle_seconds)

    @cached_property
    def starter(self) -> "RunStarter":
        """Starts executions. Kept: it remembers which windows have one."""
        from kili_export.usecases.run_starting import RunStarter

        return RunStarter(self.workflow, self.project_state, self.clock, self.rules)

    @cached_property
    def marks(self) -> "MarkWriter":
        """Stores change marks."""
        from kili_export.usecases.receive_event import MarkWriter

        return MarkWriter(self.changes, self.clock, self.random)

    @cached_property
    def lease(self) -> "ProjectLease":
        """The right to publish."""
        from kili_export.usecases.project_lease import ProjectLease

        return ProjectLease(
            self.project_state, self.workflow, self.clock, self.settings.lease_seconds
        )

    @cached_property
    def follow_up(self) -> "FollowUp":
        """Starts the next run."""
        from kili_export.usecases.follow_up import FollowUp

        return FollowUp(self.changes, self.starter)

    @cached_property
    def announcer(self) -> "Announcer":
        """Tells consumers what is published."""
        from kili_export.usecases.announcements import Announcer

        return Announcer(self.objects, self.publisher, self.settings.required("bucket_name"))

    # ------------------------------------------------------------------ adapters

    @cached_property
    def meter(self) -> "ProcessMeter":
        """What this process uses."""
        from kili_export.adapters.meter import ProcessMeter

        # Who never asks Kili need not load its client to know that it made no calls.
        return ProcessMeter(
            lambda: self._kili_clients.calls() if "_kili_clients" in vars(self) else 0
        )

    def _client(self, service: str, **options: Any) -> Any:
        if self._make_client is not None:
            # Whose clients outlive applications is not to gather their meters.
            return self._make_client(service, **options)
        client = aws_client(service, **options)
        self.meter.watch(client)
        return client

    @cached_property
    def objects(self) -> "S3ObjectStore":
        """The bucket."""
        from kili_export.adapters.s3 import S3ObjectStore

        return S3ObjectStore(self._s3, self.settings.required("bucket_name"))

    @cached_property
    def traffic(self) -> "S3Traffic":
        """What the bucket's client moves. Counting begins when this is first asked for."""
        from kili_export.adapters.s3_traffic import S3Traffic

        return S3Traffic(self._s3)

    @cached_property
    def changes(self) -> "DynamoChangeStore":
        """The change marks."""
        from kili_export.adapters.dynamodb.change_store import DynamoChangeStore

        return DynamoChangeStore(self._table)

    @cached_property
    def project_state(self) -> "DynamoProjectState":
        """Leases, windows, held removals, cursors."""
        from kili_export.adapters.dynamodb.project_state import DynamoProjectState

        return DynamoProjectState(self._table)

    @cached_property
    def workflow(self) -> "StepFunctionsWorkflow":
        """The state machine."""
        from kili_export.adapters.step_functions import StepFunctionsWorkflow

        arn = self.settings.required("state_machine_arn")
        return StepFunctionsWorkflow(self._client("stepfunctions"), arn)

    @cached_property
    def publisher(self) -> "EventBridgePublisher":
        """The consumers' event bus."""
        from kili_export.adapters.event_bridge import EventBridgePublisher

        return EventBridgePublisher(
            self._client("events"), self.settings.required("event_bus_name")
        )

    def kili(
        self,
        project_id: str | None = None,
        *,
        patience: float = _PATIENCE,
        most: int | None = None,
    ) -> "KiliClient":
        """Kili with the key of a project, or the common one.

        A call waits `patience` seconds at most for its turn; `most` are made a minute.
        """
        keys = self.project_keys
        return self.kili_with_secret(
            keys.common if project_id is None else keys.secret_of(project_id), patience, most
        )

    def kili_with_secret(
        self, secret_id: str, patience: float = _PATIENCE, most: int | None = None
    ) -> "KiliClient":
        """Kili with the key that a secret holds."""
        from kili_export.adapters.kili.clients import Pace

        return self._kili_clients.get(secret_id, Pace(patience, most))

    @cached_property
    def project_keys(self) -> "ProjectKeys":
        """Which secret holds the key for which project."""
        from kili_export.usecases.project_keys import ProjectKeys

        return ProjectKeys(
            objects=self.objects,
            clock=self.clock,
            common=self.settings.required("kili_api_key_secret_id"),
            prefix=self.settings.required("kili_key_prefix"),
        )

    @cached_property
    def _kili_clients(self) -> "KiliClients":
        from kili_export.adapters.kili.clients import KiliClients

        return KiliClients(
            endpoint=self.settings.kili_api_endpoint,
            requests_per_minute=self.settings.kili_requests_per_minute,
            clock=self.clock,
            versions_of=lambda secret_id: self._secret(secret_id).versions(),
            budget_of=self._budget,
            private_networks=self.settings.networks,
        )

    def _budget(self, secret_id: str) -> "DynamoRequestBudget":
        from kili_export.adapters.dynamodb.request_budget import DynamoRequestBudget, budget_name

        return DynamoRequestBudget(self._table, budget_name(secret_id), self.clock)

    @cached_property
    def webhook_secret(self) -> "StoredSecret":
        """The secret that Kili sends with its calls."""
        return self._secret(self.settings.required("webhook_secret_id"))

    def _secret(self, secret_id: str) -> "StoredSecret":
        from kili_export.adapters.secrets import StoredSecret

        client = self._client("secretsmanager")
        return StoredSecret(client, secret_id, self.clock, self.settings.secret_rotation)

    @cached_property
    def _s3(self) -> Any:
        return self._client("s3", read_timeout=60)

    @cached_property
    def _table(self) -> Any:
        from kili_export.adapters.dynamodb.table import Table

        return Table(self._client("dynamodb"), self.settings.required("table_name"))


def aws_client(service: str, *, read_timeout: int = 10) -> Any:
    """A client of boto3, with this system's time-outs, in seconds, and its number of attempts."""
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=3,
        read_timeout=read_timeout,
        retries={"mode": "standard", "max_attempts": 4},
        max_pool_connections=_CONNECTIONS,
        inject_host_prefix=False,
    )
    # The type stubs know each service by name; here the name is a variable.
    make: Any = boto3.client
    return make(service, config=config)


def kili_with_key(settings: Settings, api_key: str) -> "KiliClient":
    """Kili without anything of AWS, at the address that the settings name."""
    from kili_export.adapters.kili.client import KiliClient, KiliSettings

    wanted = KiliSettings(
        settings.kili_api_endpoint,
        api_key,
        settings.kili_requests_per_minute,
        private_networks=settings.networks,
    )
    return KiliClient.connect(wanted, SystemClock())


def keep_clients_quiet() -> None:
    """Keeps what clients say at the level DEBUG out of the log, whatever its level is.

    They write whole requests and answers there: secrets as Secrets Manager answers them, headers
    with the API key, signed links.
    """
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.INFO)


@cache
def application() -> Application:
    """The application of this process, by its environment."""
    keep_clients_quiet()
    return Application(Settings.from_environment())


def receive_event() -> "ReceiveEvent":
    """Takes in webhook calls."""
    return application().receive_event


def plan_export(project_id: str) -> "PlanExport":
    """Plans runs of a project."""
    return application().plan_export(project_id)


def convert_assets(project_id: str) -> "ConvertAssets":
    """Converts batches of a project."""
    return application().convert_assets(project_id)


def aggregate_archive() -> "AggregateArchive":
    """Publishes exports."""
    return application().aggregate_archive()


def finish_export() -> "FinishExport":
    """Ends runs."""
    return application().finish_export()


def reconcile() -> "Reconcile":
    """Looks after projects on a schedule."""
    return application().reconcile()


def time_left(context: Invocation) -> InvocationTime:
    """What is left of an invocation."""
    return InvocationTime(context.get_remaining_time_in_millis)
