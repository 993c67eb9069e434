"""The functions of the deployment, called as their handlers call them."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

from kili_export.bootstrap import Application
from kili_export.contracts.workflow import (
    AggregateRequest,
    ConvertRequest,
    FinishRequest,
    PlanRequest,
    ReconcileRequest,
)
from kili_export.domain.archive.limits import PartLimits
from kili_export.ports import TrafficCount
from kili_export.settings import Settings
from kili_export.usecases.aggregate_archive import AggregateArchive
from local.faults.clients import ENDPOINT, pooled_client
from local.faults.cloud import BUCKET, MACHINE_ARN, SECRETS, TABLE
from local.faults.injection import Process
from local.faults.virtual_time import ProcessClock, Tokens, VirtualTime
from local.kili_standin.server import GRAPHQL_PATH
from local.stack.template import Template

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

    def aggregate_archive(self) -> AggregateArchive:
        """Publishes exports, with small parts."""
        return replace(super().aggregate_archive(), limits=SMALL_PARTS)


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


def _webhook(application: Application, payload: Any) -> Any:
    body = json.dumps(payload["body"]).encode()
    return {"accepted": application.receive_event(body, payload["authorization"]).accepted}


FUNCTIONS: Final[Mapping[str, Callable[[FaultyApplication, Any], Any]]] = {
    "webhook": _webhook,
    "plan_export": lambda app, given: _json(
        app.plan_export(given["project_id"])(PlanRequest(**given))
    ),
    "convert_assets": lambda app, given: _json(
        app.convert_assets(given["batch"]["project_id"])(ConvertRequest.model_validate(given))
    ),
    "aggregate_archive": lambda app, given: _json(
        app.aggregate_archive()(AggregateRequest.model_validate(given), app.time_left)
    ),
    "finish_export": lambda app, given: _json(
        app.finish_export()(FinishRequest.model_validate(given))
    ),
    "reconcile": lambda app, given: _json(app.reconcile()(ReconcileRequest(**given))),
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
