"""The functions of the deployment, called as their handlers call them."""

import json
import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any, Final

from devtools.faults.clients import ENDPOINT, pooled_client
from devtools.faults.cloud import BUCKET, MACHINE_ARN, SECRETS, TABLE
from devtools.faults.injection import Process
from devtools.faults.virtual_time import ProcessClock, Tokens, VirtualTime
from kili_export.changes.events.receive_event import ReceiveEvent
from kili_export.core.clock import TimeLeft
from kili_export.costs.usage import TrafficCount
from kili_export.local.kili_standin.http.server import GRAPHQL_PATH
from kili_export.local.stack.template import Template
from kili_export.maintenance.reconciliation.messages import ReconcileRequest
from kili_export.runs.messages import AggregateRequest, ConvertRequest, FinishRequest, PlanRequest
from kili_export.splicing.part_limits import PartLimits
from kili_export.steps.publishing.publish_export import PublishExport
from kili_export.wiring.application import Application
from kili_export.wiring.completion import finish_export
from kili_export.wiring.conversion import convert_assets
from kili_export.wiring.invocation import Level, Unit
from kili_export.wiring.planning import plan_or_make
from kili_export.wiring.publishing import aggregate_archive
from kili_export.wiring.reconciliation import reconcile
from kili_export.wiring.settings import Settings
from kili_export.wiring.webhook import receive_event

SMALL_PARTS: Final = PartLimits(
    min_part=512,
    rewrite_below=4096,
    copy_from=1024,
    copy=8192,
    buffer=2048,
    resumable_from=2,
)
"""So small that archives of a few files are put together as large ones are."""


@dataclass(slots=True)
class Patience:
    """An invocation's time that is up when it was asked after so many times."""

    remaining: int | None

    def is_up(self) -> bool:
        """Whether it was asked too often."""
        if self.remaining is None:
            return False
        self.remaining -= 1
        return self.remaining < 0


class _Uncounted:
    """Traffic of a client that many processes share."""

    def snapshot(self) -> TrafficCount:
        return TrafficCount({}, 0, 0)


class FaultyApplication(Application):
    """The application with small parts, and without counting what the shared clients move."""

    time_left: Patience

    @property
    def traffic(self) -> Any:
        """Nothing: many processes share each client here."""
        return _Uncounted()

    @cached_property
    def receive_event(self) -> ReceiveEvent:
        """Kept, as a process keeps it: it remembers registrations, secrets and windows."""
        return receive_event(self)


@dataclass(frozen=True, slots=True)
class _Unheard:
    """An invocation whose log and metrics nobody reads."""

    time_left: TimeLeft

    def count(self, metric: str, value: float, unit: Unit = "Count") -> None:
        """Nothing."""

    def describe(self, **known: Any) -> None:
        """Nothing."""

    def log(self, message: str, known: Mapping[str, Any], level: Level = "info") -> None:
        """Nothing."""

    def log_failure(self, message: str, error: Exception) -> None:
        """Nothing."""


def start_application(
    process: Process, time: VirtualTime, tokens: Tokens, settings: Mapping[str, int]
) -> FaultyApplication:
    """The application of a process that has just begun."""
    environment = {**_ENVIRONMENT, **{name: str(value) for name, value in settings.items()}}
    return FaultyApplication(
        Settings.from_environment(environment),
        clock=ProcessClock(time, process),
        random=tokens,
        make_client=pooled_client,
    )


def _webhook(application: FaultyApplication, payload: Any) -> Any:
    body = json.dumps(payload["body"]).encode()
    return {"accepted": application.receive_event(body, payload["authorization"]).accepted}


def _aggregate(application: FaultyApplication) -> PublishExport:
    """Publishes exports, with small parts, and every delta before the archive."""
    publish = aggregate_archive(application)
    delta_first = replace(publish.rewriting, tiny=0, large_share=math.inf)
    return replace(publish, limits=SMALL_PARTS, rewriting=delta_first)


def _never_ends(_seconds: float) -> AbstractContextManager[None]:
    """Trials are forks, which lack the thread that would end them; time does not pass here."""
    return nullcontext()


FUNCTIONS: Final[Mapping[str, Callable[[FaultyApplication, Any], Any]]] = {
    "webhook": _webhook,
    "plan_export": lambda app, given: _json(
        plan_or_make(app, PlanRequest(**given), _Unheard(app.time_left), _never_ends)
    ),
    "convert_assets": lambda app, given: _json(
        convert_assets(app, given["batch"]["project_id"])(ConvertRequest.model_validate(given))
    ),
    "aggregate_archive": lambda app, given: _json(
        _aggregate(app)(AggregateRequest.model_validate(given), app.time_left)
    ),
    "finish_export": lambda app, given: _json(
        finish_export(app)(FinishRequest.model_validate(given))
    ),
    "reconcile": lambda app, given: _json(reconcile(app)(ReconcileRequest(**given))),
}
_ENVIRONMENT: Final = {
    "BUCKET_NAME": BUCKET,
    "TABLE_NAME": TABLE,
    "STATE_MACHINE_ARN": MACHINE_ARN,
    "EVENT_BUS_NAME": "bus",
    "KILI_API_ENDPOINT": f"{ENDPOINT}{GRAPHQL_PATH}",
    "KILI_API_KEY_SECRET_ID": next(name for name in SECRETS if name == "kili-key"),
    "KILI_KEY_PREFIX": "kili-keys/",
    "WEBHOOK_SECRET_ID": "webhook",
    "KILI_REQUESTS_PER_MINUTE": "60000",
    "MAX_CONCURRENCY": "1",
    "BATCH_SIZE": "3",
}


def _json(document: Any) -> Any:
    return document.model_dump(mode="json")


@cache
def timeouts() -> dict[str, float]:
    """How many seconds each function may take, as deployed."""
    return {one.name: one.timeout for one in deployed_template().functions()}


def deployed_template() -> Template:
    """The deployment's template, its resources by their logical ids."""
    names = ("Bucket", "Table", "EventBus", "KiliApiKeySecret", "WebhookSecret")
    return Template({"KiliApiEndpoint": ENDPOINT}, {name: name for name in names})
