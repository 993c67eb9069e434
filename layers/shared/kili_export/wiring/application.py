"""The clients and stores of one process. Nobody else knows which adapter is used.

Each is made when it is first asked for, and imported then: a function that starts cold pays for
every module. The modules beside this one put the use cases of one function together.
"""

from collections.abc import Callable
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from kili_export.changes.events.debounce_window import DebounceWindow
from kili_export.core.clock import Clock, RandomSource, SystemClock, SystemRandom
from kili_export.wiring.settings import Settings

if TYPE_CHECKING:
    from kili_export.aws.delivery_queue import DeliveryQueue
    from kili_export.aws.dynamodb.change_store import DynamoChangeStore
    from kili_export.aws.dynamodb.delivery_store import DynamoDeliveries
    from kili_export.aws.dynamodb.project_state import DynamoProjectState
    from kili_export.aws.event_bridge import EventBridgePublisher
    from kili_export.aws.meter import ProcessMeter
    from kili_export.aws.secrets import StoredSecret
    from kili_export.changes.events.follow_up import FollowUpRuns
    from kili_export.changes.events.pending_changes import PendingChangeRecorder
    from kili_export.changes.events.run_starter import RunStarter, Workflow
    from kili_export.core.rate_limit import BudgetStore
    from kili_export.costs.usage import Traffic
    from kili_export.kili.client import KiliClient
    from kili_export.kili.clients import KiliClients
    from kili_export.machine.announcements import SqliteAnnouncements
    from kili_export.machine.change_store import SqliteChangeStore
    from kili_export.machine.deliveries import SqliteDeliveries
    from kili_export.machine.project_state import SqliteProjectState
    from kili_export.machine.secrets import FileSecret
    from kili_export.machine.state_files import StateFiles
    from kili_export.registration.project_keys import ProjectKeys
    from kili_export.runs.announcements import Announcer
    from kili_export.runs.lease import Executions, ProjectLease
    from kili_export.runs.plan import RunPlan
    from kili_export.storage.object_store import ObjectStore
    from kili_export.storage.recent_objects import RecentObjects

    class RunWorkflow(Workflow, Executions, Protocol):
        """The state machine, as runs are started and asked for."""


_PATIENCE: Final = 300.0
"""Seconds to wait for a turn to call Kili."""


class Application:
    """The clients, for one set of settings. Each is made when first needed, once."""

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
        self.plans: dict[str, RunPlan] = {}
        """What batches of assets were converted by last, by its key."""

    @cached_property
    def rules(self) -> DebounceWindow:
        """The length of windows."""
        return DebounceWindow(self.settings.window_seconds, self.settings.settle_seconds)

    @cached_property
    def starter(self) -> "RunStarter":
        """Starts executions. Kept: it remembers which windows have one."""
        from kili_export.changes.events.run_starter import RunStarter

        return RunStarter(self.workflow, self.project_state, self.clock, self.rules, self.lease)

    @cached_property
    def marks(self) -> "PendingChangeRecorder":
        """Stores change marks."""
        from kili_export.changes.events.pending_changes import PendingChangeRecorder

        return PendingChangeRecorder(self.changes, self.clock, self.random)

    @cached_property
    def lease(self) -> "ProjectLease":
        """The right to publish."""
        from kili_export.runs.lease import ProjectLease

        return ProjectLease(
            self.project_state, self.workflow, self.clock, self.settings.lease_seconds
        )

    @cached_property
    def follow_up(self) -> "FollowUpRuns":
        """Starts the next run."""
        from kili_export.changes.events.follow_up import FollowUpRuns

        return FollowUpRuns(self.changes, self.starter)

    @cached_property
    def announcer(self) -> "Announcer":
        """Tells consumers what is published."""
        from kili_export.runs.announcements import Announcer

        return Announcer(self.objects, self.publisher, self.settings.required("bucket_name"))

    # ------------------------------------------------------------------ adapters

    @cached_property
    def meter(self) -> "ProcessMeter":
        """What this process uses."""
        from kili_export.aws.meter import ProcessMeter

        # Lazy: most functions never call Kili, and need not load its client to count no calls.
        return ProcessMeter(
            lambda: self._kili_clients.calls() if "_kili_clients" in vars(self) else 0
        )

    def _client(self, service: str, **options: Any) -> Any:
        if self._make_client is not None:
            # Clients that outlive this application must not gather its meters.
            return self._make_client(service, **options)
        from kili_export.aws.client import aws_client

        client = aws_client(service, **options)
        self.meter.watch(client)
        return client

    @cached_property
    def objects(self) -> "ObjectStore":
        """The bucket."""
        from kili_export.aws.s3 import S3ObjectStore

        return S3ObjectStore(self._s3, self.settings.required("bucket_name"))

    @cached_property
    def recent(self) -> "RecentObjects":
        """What this process read and wrote lately. Kept: the next run asks for it."""
        from kili_export.storage.recent_objects import RecentObjects

        return RecentObjects(self.clock)

    def bucket(self, name: str) -> "ObjectStore":
        """Another bucket, by the same client."""
        from kili_export.aws.s3 import S3ObjectStore

        return S3ObjectStore(self._s3, name)

    @cached_property
    def copies(self) -> "ObjectStore | None":
        """The bucket of copies, which commands alone reach; None where there is none."""
        from kili_export.aws.s3 import S3ObjectStore

        name = self.settings.copies_bucket_name
        return S3ObjectStore(self._s3, name) if name else None

    @cached_property
    def traffic(self) -> "Traffic":
        """What the bucket's client moves. Counting begins when this is first asked for."""
        from kili_export.aws.s3_traffic import S3Traffic

        return S3Traffic(self._s3)

    @cached_property
    def state_files(self) -> "StateFiles | None":
        """The files of one machine; None where AWS's services keep state and secrets."""
        if not self.settings.state_directory:
            return None
        from kili_export.machine.state_files import StateFiles

        return StateFiles(Path(self.settings.state_directory), self.clock)

    @cached_property
    def changes(self) -> "DynamoChangeStore | SqliteChangeStore":
        """The change marks."""
        if self.state_files is not None:
            return self.state_files.changes
        from kili_export.aws.dynamodb.change_store import DynamoChangeStore

        return DynamoChangeStore(self._table)

    @cached_property
    def project_state(self) -> "DynamoProjectState | SqliteProjectState":
        """Leases, windows, held removals, cursors."""
        if self.state_files is not None:
            return self.state_files.project_state
        from kili_export.aws.dynamodb.project_state import DynamoProjectState

        return DynamoProjectState(self._table)

    @cached_property
    def deliveries(self) -> "DynamoDeliveries | SqliteDeliveries":
        """What is on its way to consumers' endpoints."""
        if self.state_files is not None:
            return self.state_files.deliveries
        from kili_export.aws.dynamodb.delivery_store import DynamoDeliveries

        return DynamoDeliveries(self._table)

    @cached_property
    def delivery_queue(self) -> "DeliveryQueue | None":
        """What is to be delivered on AWS; None on one machine."""
        from kili_export.aws.delivery_queue import DeliveryQueue

        url = self.settings.notify_queue_url
        return DeliveryQueue(self._client("sqs"), url) if url else None

    @cached_property
    def workflow(self) -> "RunWorkflow":
        """The state machine."""
        from kili_export.aws.step_functions import StepFunctionsWorkflow

        arn = self.settings.required("state_machine_arn")
        return StepFunctionsWorkflow(self._client("stepfunctions"), arn)

    @cached_property
    def publisher(self) -> "EventBridgePublisher | SqliteAnnouncements":
        """The consumers' event bus."""
        if self.state_files is not None:
            return self.state_files.announcements
        from kili_export.aws.event_bridge import EventBridgePublisher

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
        from kili_export.kili.clients import Pace

        return self._kili_clients.get(secret_id, Pace(patience, most))

    @cached_property
    def project_keys(self) -> "ProjectKeys":
        """Which secret holds the key for which project."""
        from kili_export.registration.project_keys import ProjectKeys

        return ProjectKeys(
            objects=self.objects,
            clock=self.clock,
            common=self.settings.required("kili_api_key_secret_id"),
            prefix=self.settings.required("kili_key_prefix"),
        )

    @cached_property
    def _kili_clients(self) -> "KiliClients":
        from kili_export.kili.clients import KiliClients

        return KiliClients(
            endpoint=self.settings.kili_api_endpoint,
            requests_per_minute=self.settings.kili_requests_per_minute,
            clock=self.clock,
            versions_of=lambda secret_id: self._secret(secret_id).versions(),
            budget_of=self._budget,
            private_networks=self.settings.networks,
        )

    def _budget(self, secret_id: str) -> "BudgetStore":
        if self.state_files is not None:
            return self.state_files.budget(secret_id)
        from kili_export.aws.dynamodb.rate_limit import DynamoRateLimits, budget_name

        return DynamoRateLimits(self._table, budget_name(secret_id), self.clock)

    @cached_property
    def webhook_secret(self) -> "StoredSecret | FileSecret":
        """The secret that Kili sends with its calls."""
        return self._secret(self.settings.required("webhook_secret_id"))

    def notify_secret(self, name: str) -> "StoredSecret | FileSecret":
        """The secret that deliveries to an endpoint are signed with."""
        return self._secret(f"{self.settings.required('notify_secret_prefix')}{name}")

    def _secret(self, secret_id: str) -> "StoredSecret | FileSecret":
        if self.state_files is not None:
            return self.state_files.secret(secret_id)
        from kili_export.aws.secrets import StoredSecret

        client = self._client("secretsmanager")
        return StoredSecret(client, secret_id, self.clock, self.settings.secret_rotation)

    @cached_property
    def _s3(self) -> Any:
        return self._client("s3", read_timeout=60)

    @cached_property
    def _table(self) -> Any:
        from kili_export.aws.dynamodb.table import Table

        return Table(self._client("dynamodb"), self.settings.required("table_name"))


def kili_with_key(
    settings: Settings, api_key: str, *, patience_seconds: float = 60.0
) -> "KiliClient":
    """Kili without anything of AWS, at the address that the settings name.

    This process has the calls to itself: it may make a quarter of those of a minute at once, and
    small projects need not wait at all.
    """
    from kili_export.kili.client import KiliClient, KiliSettings
    from kili_export.kili.http.retrying import ProcessRateLimiter

    wanted = KiliSettings(
        settings.kili_api_endpoint,
        api_key,
        settings.kili_requests_per_minute,
        patience_seconds,
        private_networks=settings.networks,
    )
    clock, most = SystemClock(), settings.kili_requests_per_minute
    return KiliClient.connect(wanted, clock, ProcessRateLimiter(clock, most, max(10, most // 4)))


@cache
def application() -> Application:
    """The application of this process, by its environment."""
    return Application(Settings.from_environment())
