"""The function that delivers events on AWS, beside what moto has of its services."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws
from pydantic import ValidationError

from kili_export.aws.dynamodb.delivery_store import DynamoDeliveries
from kili_export.aws.dynamodb.table import Table
from kili_export.cli.commands.purge import purge_traces
from kili_export.core.errors import Unavailable
from kili_export.local.stack.template import REGION, Template
from kili_export.notifications.deliveries import KEPT, Delivery, DisabledEndpoint
from kili_export.notifications.event_messages import AnnouncedEvent
from kili_export.wiring import notifications
from kili_export.wiring.application import Application
from kili_export.wiring.notifications import NotifyRequest, QueuedDeliveries, retry_delivery
from kili_export.wiring.settings import Settings
from tests.support.fakes import NOON, ManualClock
from tests.support.notified import (
    PROJECT,
    ScriptedSender,
    bus_event,
    declare,
    endpoint,
    failed,
    published,
)
from tests.support.receivers import SECRET

EVENTS = Path(__file__).parents[3] / "events" / "notify"


class Deployed:
    """Queue, table, bucket and secret, and the function over them."""

    def __init__(self) -> None:
        client = boto3.client
        self.sqs = client("sqs", REGION)
        self.queue = self.sqs.create_queue(QueueName="deliveries")["QueueUrl"]
        properties = ("AttributeDefinitions", "KeySchema", "BillingMode")
        table = Template({}, {}).table()
        self.dynamodb = client("dynamodb", REGION)
        made: Any = self.dynamodb
        made.create_table(TableName="table", **{name: table[name] for name in properties})
        client("s3", REGION).create_bucket(Bucket="bucket")
        client("secretsmanager", REGION).create_secret(Name="n/training", SecretString=SECRET)
        self.clock = ManualClock()
        settings = Settings(
            bucket_name="bucket",
            table_name="table",
            notify_queue_url=self.queue,
            notify_secret_prefix="n/",
        )
        make: Any = client
        self.app = Application(
            settings, clock=self.clock, make_client=lambda name, **_: make(name, REGION)
        )
        self.sender = ScriptedSender()
        self.deliver = QueuedDeliveries(self.app)
        self.deliver.notifier = replace(
            self.deliver.notifier, sender=self.sender, chance=lambda: 1.0
        )
        declare(self.app.objects, endpoint())

    @property
    def store(self) -> DynamoDeliveries:
        return self.deliver.store

    def send(self, event: AnnouncedEvent) -> None:
        self.sqs.send_message(QueueUrl=self.queue, MessageBody=bus_event(event))

    def call(self, patch: pytest.MonkeyPatch) -> Any:
        """Calls the function as its queue does. Answers None without a message."""
        found = self.sqs.receive_message(QueueUrl=self.queue, VisibilityTimeout=0)
        messages = found.get("Messages", [])
        if not messages:
            return None
        [one] = messages
        record = {"messageId": "m1", "receiptHandle": one["ReceiptHandle"], "body": one["Body"]}
        patch.setattr(notifications, "_deliver", lambda: self.deliver)
        answer = notifications.answer_request({"Records": [record]}, Silent())  # type: ignore[arg-type]
        if not answer["batchItemFailures"]:
            self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=one["ReceiptHandle"])
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


class Silent:
    """An invocation that nobody looks at."""

    def log(self, *_: object) -> None:
        """Logs nothing."""


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
    with mock_aws():
        yield Deployed()


def test_an_event_is_delivered_and_recorded(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed.send(published())
    assert deployed.call(monkeypatch) == []
    [one] = deployed.store.of_project(PROJECT)
    assert (one.state, one.status, one.attempts) == ("delivered", 204, 1)
    assert deployed.sender.ids == [one.id]
    items = deployed.dynamodb.scan(TableName="table")["Items"]
    assert {int(item["expires"]["N"]) for item in items} == {int((NOON + KEPT).timestamp())}


def test_a_purge_erases_the_deliveries_of_its_project(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    services: Any = SimpleNamespace(
        application=deployed.app, connection=SimpleNamespace(local=None)
    )
    deployed.sender.script = [410]
    deployed.send(published())
    assert deployed.call(monkeypatch) == []
    for left in (("other", None), (PROJECT, "yolo"), (PROJECT, None, ["as_1"])):
        purge_traces(services, *left)
    assert deployed.dynamodb.scan(TableName="table")["Count"] == 3
    purge_traces(services, PROJECT, None)
    assert deployed.dynamodb.scan(TableName="table")["Count"] == 0


def test_the_bus_may_bring_an_event_twice(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        deployed.send(published())
        assert deployed.call(monkeypatch) == []
    assert len(deployed.sender.sent) == 1


def test_a_message_comes_again_until_its_delivery_is_settled(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden: list[float] = []
    monkeypatch.setattr(
        type(deployed.deliver.queue), "hide", lambda _, __, seconds: hidden.append(seconds)
    )
    deployed.sender.script = [500, "no answer"]
    deployed.send(published())
    for _ in range(2):
        assert deployed.call(monkeypatch) == ["m1"]
        # Too early: a message may come back before its time.
        assert deployed.call(monkeypatch) == ["m1"]
        deployed.clock.advance(hidden[-1])
    assert deployed.call(monkeypatch) == []
    assert hidden == [5, 5, 10, 10]
    assert len(set(deployed.sender.ids)) == 1
    assert len(deployed.sender.ids) == 3


def test_a_message_is_hidden_until_the_next_attempt(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed.sender.script = [500]
    deployed.send(published())
    assert deployed.call(monkeypatch) == ["m1"]
    assert deployed.call(monkeypatch) is None


def test_an_end_while_an_event_is_recorded_forgets_no_endpoint(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(deployed.app.objects, endpoint(), endpoint(name="second"))
    deployed.send(published())
    update = Table.update
    made: list[Any] = []

    def ends_after_one(table: Table, *given: Any, **named: Any) -> bool:
        if made:
            raise Unavailable("DynamoDB")
        made.append(given)
        return update(table, *given, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Table, "update", ends_after_one)
        with pytest.raises(Unavailable):
            deployed.call(monkeypatch)
    assert deployed.call(monkeypatch) == []
    found = {one.endpoint: one.state for one in deployed.store.of_project(PROJECT)}
    assert found == {"training": "delivered", "second": "delivered"}


def test_an_endpoint_that_is_not_declared_any_more_ends_its_message(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(deployed.deliver.queue), "hide", lambda *_: None)
    deployed.sender.script = [500]
    deployed.send(published())
    assert deployed.call(monkeypatch) == ["m1"]
    declare(deployed.app.objects, endpoint(name="later"))
    deployed.clock.advance(60)
    assert deployed.call(monkeypatch) == []
    [one] = deployed.store.of_project(PROJECT)
    assert (one.endpoint, one.state) == ("training", "failed")
    assert len(deployed.sender.sent) == 1, "who is declared later gets later events"


def test_a_delivery_is_tried_again_when_a_person_asks(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed.sender.script = [410]
    deployed.send(failed())
    assert deployed.call(monkeypatch) == []
    [gone] = deployed.store.of_project(PROJECT)
    assert gone.state == "failed"
    assert set(deployed.store.disabled(PROJECT)) == {"training"}
    retry_delivery(deployed.app, PROJECT, gone.id)
    assert deployed.call(monkeypatch) == []
    [done] = deployed.store.of_project(PROJECT)
    assert (done.id, done.state) == (gone.id, "delivered")
    assert deployed.store.disabled(PROJECT) == {}


@pytest.mark.parametrize("body", ["", "{", "[]", '{"detail-type": 7, "detail": {}, "time": ""}'])
def test_a_message_that_cannot_be_read_comes_again(deployed: Deployed, body: str) -> None:
    records = [{"messageId": "m", "receiptHandle": "r", "body": body}]
    [record] = NotifyRequest.model_validate({"Records": records}).records
    with pytest.raises(ValidationError):
        deployed.deliver(record)


def test_what_is_no_event_for_endpoints_is_passed_over(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    for event in (AnnouncedEvent("Other", {}, "t"), published(project_id="../x")):
        deployed.send(event)
        assert deployed.call(monkeypatch) == []
    assert deployed.sender.sent == []


def test_the_store_keeps_what_is_stored(deployed: Deployed) -> None:
    first = Delivery("msg_1", "p", "e", "Export Failed", "{}", NOON, next_attempt_at=NOON)
    deployed.store.record([first, replace(first, id="msg_2")])
    begun = first.begun(NOON, 0.5)
    assert deployed.store.replace(first, begun)
    assert not deployed.store.replace(first, begun)
    deployed.store.record([first])
    assert deployed.store.get("p", "msg_1") == begun
    assert deployed.store.get("p", "msg_3") is None
    failed_twice = begun.refused("HTTP 500", 500)
    assert deployed.store.replace(begun, failed_twice)
    assert deployed.store.of_event("p", "msg_1") == [failed_twice]
    gone = DisabledEndpoint("f", NOON + timedelta(seconds=1))
    deployed.store.disable("p", "e", gone)
    assert deployed.store.disabled("p") == {"e": gone}
    assert [one.id for one in deployed.store.of_project("p")] == ["msg_1", "msg_2"]


@pytest.mark.parametrize("name", ["event", "retry"])
def test_a_sample_is_read(name: str, deployed: Deployed) -> None:
    request = NotifyRequest.model_validate_json((EVENTS / f"{name}.json").read_bytes())
    [record] = request.records
    assert deployed.deliver(record) == []
    assert json.loads(record.body)
