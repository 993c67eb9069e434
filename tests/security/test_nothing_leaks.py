"""What is logged, published and told holds no secret, no signed link and nobody's name.

The real handlers run a project with everything that must stay inside planted in it, through good
days and bad ones; then all that was written for operators and consumers is searched. Archives are
no part of it: they hold what was exported.
"""

import importlib
import io
import json
import logging
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from aws_lambda_powertools import Metrics

from kili_export.core.document import Document
from kili_export.core.errors import ExportError
from kili_export.local.stack.lambda_context import LocalContext
from kili_export.maintenance.reconciliation.messages import ReconcileAnswer
from kili_export.runs.messages import (
    AggregateAnswer,
    AggregateRequest,
    BatchResult,
    ConvertRequest,
    FinishAnswer,
    PlanAnswer,
)
from kili_export.storage.object_store import ObjectStore
from kili_export.wiring import lambda_handler
from tests.chaos.system import System
from tests.support.leak_watch import LeakWatch
from tests.support.protocol_world import SECRET, World

KEY = "kili-key-that-nobody-may-see"
CONTEXT: Any = LocalContext("f", "512", "arn:aws:lambda:eu-west-1:123:function:f", "r", 0)
MODULES = {
    "plan_export": "planning",
    "convert_assets": "conversion",
    "aggregate_archive": "publishing",
    "finish_export": "completion",
    "reconcile": "reconciliation",
}
"""Where each function is put together."""
PEOPLE = ("alice", "adams", "bob@", "baker", "chlo", "çelik", "detector@", "example.com")
LINKS = ("x-amz-", "signature=", "token=", "sig=", "expires=")
SECRETS = (SECRET, KEY, "x-api-key")
ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
CONTENTS = ("normalizedvertices", "boundingpoly")
SERVER_SAYS = (
    f"alice@example.com may not use {KEY}: "
    "see https://storage.example/a.json?X-Amz-Signature=abc&token=1"
)


class HandledWorld(World):
    """The protocol's world whose use cases run inside their functions."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.plan = _handled("plan_export", self.plan, PlanAnswer)
        self.finish = _handled("finish_export", self.finish, FinishAnswer)
        self.reconcile = _handled("reconcile", self.reconcile, ReconcileAnswer)
        self.receive_event = self.receive

    def convert_batch(
        self, request: ConvertRequest, objects: ObjectStore | None = None
    ) -> BatchResult:
        inner = super().convert_batch

        def use_case(request: ConvertRequest) -> BatchResult:
            return inner(request, objects)

        answer: BatchResult = _handled("convert_assets", use_case, BatchResult)(request)
        return answer

    def publish(
        self, request: AggregateRequest, objects: ObjectStore | None = None
    ) -> AggregateAnswer:
        inner = super().publish

        def use_case(request: AggregateRequest, *_time_left: Any) -> AggregateAnswer:
            return inner(request, objects)

        answer: AggregateAnswer = _handled("aggregate_archive", use_case, AggregateAnswer)(request)
        return answer


def _handled(function: str, use_case: Callable[..., Any], answer: type[Document]) -> Any:
    """The use case, called by the handler of its function."""

    def call(request: Document, *_time_left: Any) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(f"kili_export.wiring.{MODULES[function]}.{function}", lambda *_: use_case)
            handler = importlib.import_module(f"functions.{function}.app").lambda_handler
            return answer.model_validate(handler(request.model_dump(mode="json"), CONTEXT))

    return call


class HandledSystem(System):
    """The system, its use cases inside their functions."""

    kind_of_world = HandledWorld
    api_key = KEY

    def post(self, body: str, authorization: str) -> int:
        """A call of the webhook through its function."""
        world = self.world
        assert isinstance(world, HandledWorld)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("kili_export.wiring.webhook._receiver", lambda: world.receive_event)
            handler = importlib.import_module("functions.webhook.app").lambda_handler
            event = {"body": body, "headers": {"Authorization": authorization}}
            status: int = handler(event, CONTEXT)["statusCode"]
            return status


def deliver(system: HandledSystem) -> str:
    """Everything that Kili has to tell arrives. Answers the last body."""
    body = ""
    while system.mailbox.waiting:
        delivery = system.mailbox.waiting.pop(0)
        body = json.dumps(delivery.body)
        assert system.post(body, delivery.header or "") == 202
    return body


def run_what_waits(world: World) -> None:
    """Runs executions as the workflow does: what fails is finished with its error."""
    for name in world.pending():
        planned: PlanAnswer | None = None
        try:
            planned = world.begin(name)
            if planned.status == "run":
                world.end(name, planned)
        except ExportError as error:
            if planned is not None:
                world.fail(name, planned, type(error).__name__, str(error))


def good_and_bad_days(system: HandledSystem) -> None:
    """Labels and people, then everything that makes the system complain."""
    world, kili = system.world, system.kili
    system.declare(
        {
            **system.declared,
            "filtered": {"format": "kili", "filters": {"label_author_in": ["alice@example.com"]}},
            "media": {"format": "kili", "with_assets": True},
        }
    )
    world.run_pending()
    for asset in list(system.project.assets)[:3]:
        kili.submit_label(asset)
    last = deliver(system)
    system.post("{}", SECRET)
    system.post("no JSON: alice@example.com", SECRET)
    system.post(last, f"not {SECRET}")
    world.run_pending()
    for kind, target in (
        ("expired", "content"),
        ("truncated", "content"),
        ("graphql_error", "assets"),
        ("graphql_error", "projects"),
        ("unavailable", "graphql"),
        ("wrong_key", "graphql"),
    ):
        kili.faults.set(kind, target=target, times=None, message=SERVER_SAYS)
        kili.submit_label(next(iter(system.project.assets)))
        deliver(system)
        run_what_waits(world)
        world.clock.advance(3600)
        world.look_after()
        kili.faults.clear()
    world.clock.advance(7 * 3600)
    world.look_after()
    world.run_pending()


@pytest.fixture(scope="module", autouse=True)
def functions_that_count() -> Iterator[None]:
    """Gives the functions metrics with the names that their environment has in Lambda."""
    with pytest.MonkeyPatch.context() as patch:
        metrics = Metrics(namespace="KiliContinuousExport", service="s")
        patch.setattr(lambda_handler, "metrics", metrics)
        yield


@pytest.fixture(scope="module")
def written() -> dict[str, str]:
    """All that was written where operators and consumers look, by where it was."""
    return written_in(good_and_bad_days)


def written_in(days: Callable[[HandledSystem], None]) -> dict[str, str]:
    """What is written while all this happens."""
    log = io.StringIO()
    root = logging.StreamHandler(log)
    root_level = logging.getLogger().level
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lambda_handler.logger.registered_handler, "stream", log)
        lambda_handler.logger.setLevel("DEBUG")
        # As Lambda does where LogLevel is DEBUG.
        logging.getLogger().setLevel(logging.DEBUG)
        logging.getLogger().addHandler(root)
        lambda_handler.keep_clients_quiet()
        system = HandledSystem(seed=5, assets=8)
        try:
            days(system)
        finally:
            logging.getLogger().removeHandler(root)
            logging.getLogger().setLevel(root_level)
            system.close()
        return {"the log": log.getvalue(), **_published(system.world)}


def _published(world: World) -> dict[str, str]:
    told = {
        f"event {number}": json.dumps(sent, ensure_ascii=False)
        for number, sent in enumerate(world.publisher.sent)
    }
    started = {name: json.dumps(given) for name, given in world.workflow.started.items()}
    stored = {}
    for key, (data, _) in world.objects.stored.items():
        if key.startswith("exports/") and key.endswith(".json"):
            stored[key] = data.decode()
        if "/deltas/" in key:
            with zipfile.ZipFile(io.BytesIO(data)) as delta:
                stored[key] = delta.read("delta.json").decode()
        if key.startswith("runs/") and key.endswith("results/SUCCEEDED_0.jsonl"):
            stored[key] = data.decode()
    return {**told, **started, **stored}


def found_in(written: Mapping[str, str], private: str) -> dict[str, str]:
    """Where a text was written, with what is around it."""
    return {
        where: text[max(0, at - 100) : at + 100]
        for where, text in ((where, _readable(text)) for where, text in written.items())
        if (at := text.find(private.casefold())) >= 0
    }


def _readable(text: str) -> str:
    """A text in small letters, and those that JSON escaped as themselves."""
    return ESCAPED.sub(lambda found: chr(int(found[1], 16)), text).casefold()


PRIVATE = (*PEOPLE, *LINKS, *SECRETS, *CONTENTS)


@pytest.mark.parametrize("private", PRIVATE)
def test_it_is_nowhere(written: dict[str, str], private: str) -> None:
    assert found_in(written, private) == {}


def test_everything_that_could_tell_was_searched(written: dict[str, str]) -> None:
    kinds = {where.partition(" ")[0].split("/")[-1] for where in written}
    assert {"the", "event", "manifest.json", "report.json", "SUCCEEDED_0.jsonl"} <= kinds
    log = written["the log"]
    for told in ("Event received", "Event refused", "Run planned", "Batch converted"):
        assert told in log
    for told in ("Archive aggregated", "Run finished", "Asset failed", "could not be reconciled"):
        assert told in log
    assert any("Export Failed" in text for where, text in written.items() if "event" in where)
    # What the server said was told on, as far as it may be.
    assert "may not use (the key)" in log


PLANTED = " ".join(PRIVATE).upper()
"""Everything that is searched for, in other letters."""
PLACES = (
    "the log",
    "event 0",
    "project1-1",
    "exports/project1/raw/manifest.json",
    "exports/project1/raw/report.json",
    "exports/project1/raw/deltas/00000001-a.zip",
    "runs/project1/a/results/SUCCEEDED_0.jsonl",
)


def plant(system: HandledSystem) -> None:
    """Writes what is private wherever it must not be."""
    world = system.world
    logging.getLogger("kili_export.anything").info("%s", PLANTED)
    world.publisher.publish("Export Published", {"by": PLANTED})
    world.workflow.start("project1-1", {"by": PLANTED})
    listed = io.BytesIO()
    with zipfile.ZipFile(listed, "w") as delta:
        delta.writestr("delta.json", PLANTED)
    for key in PLACES[3:]:
        is_delta = key.endswith(".zip")
        world.objects.put(key, listed.getvalue() if is_delta else PLANTED.encode())


def test_the_search_finds_what_is_planted(leak_watch: LeakWatch) -> None:
    planted = written_in(plant)
    # It was logged on purpose, which is a fault in every other test.
    assert leak_watch.take()
    assert planted.keys() >= set(PLACES)
    for private in PRIVATE:
        assert found_in(planted, private).keys() >= set(PLACES), private


def test_what_is_exported_could_have_been_written_elsewhere() -> None:
    """The people of the project and its links are in its archives."""
    system = HandledSystem(seed=5, assets=8)
    try:
        system.world.publish_everything()
        exported = b"".join(system.world.files("raw").values()).decode()
    finally:
        system.close()
    assert "alice@example.com" in exported
    assert "X-Amz-Signature" in exported


def test_no_client_talks_at_the_level_debug() -> None:
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.DEBUG)
    try:
        lambda_handler.keep_clients_quiet()
        for name in ("botocore.parsers", "botocore.auth", "urllib3.connectionpool"):
            assert not logging.getLogger(name).isEnabledFor(logging.DEBUG), name
    finally:
        root.setLevel(before)
