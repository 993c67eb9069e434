"""The smaller AWS adapters: workflow, event bus, secrets."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)
from moto import mock_aws

from kili_export.aws.aws_errors import translation
from kili_export.aws.event_bridge import EventBridgePublisher
from kili_export.aws.secrets import StoredSecret
from kili_export.aws.step_functions import StepFunctionsWorkflow
from kili_export.core.clock import SystemClock, SystemRandom
from kili_export.core.errors import (
    AccessDenied,
    ExportError,
    InvalidConfiguration,
    Throttled,
    Unavailable,
)
from tests.support.fakes import ManualClock

REGION = "us-east-1"
ROLE = "arn:aws:iam::123456789012:role/machine"
WAITING = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1, "End": True}}}


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        yield


def workflow() -> StepFunctionsWorkflow:
    client = boto3.client("stepfunctions", region_name=REGION)
    machine = client.create_state_machine(
        name="export", definition=json.dumps(WAITING), roleArn=ROLE
    )
    return StepFunctionsWorkflow(client, machine["stateMachineArn"])


def execution(machine: StepFunctionsWorkflow, name: str) -> str:
    return machine.state_machine_arn.replace(":stateMachine:", ":execution:") + f":{name}"


def test_an_execution_is_started_once_and_known_to_run() -> None:
    machine = workflow()
    assert machine.start("p-1", {"project_id": "p"})
    machine.client.stop_execution(executionArn=execution(machine, "p-1"))
    assert not machine.start("p-1", {"project_id": "q"})
    assert machine.start("p-2", {"project_id": "p"})
    assert machine.is_running(execution(machine, "p-2"))
    assert not machine.is_running(execution(machine, "p-1"))


def test_an_execution_that_nobody_knows_does_not_run() -> None:
    machine = workflow()
    assert not machine.is_running(execution(machine, "never-started"))


def test_a_workflow_that_does_not_exist_is_told_as_a_setting() -> None:
    machine = workflow()
    machine.client.delete_state_machine(stateMachineArn=machine.state_machine_arn)
    with pytest.raises(InvalidConfiguration):
        machine.start("p-1", {})


def test_events_reach_the_rules_of_the_bus() -> None:
    events = boto3.client("events", region_name=REGION)
    queues = boto3.client("sqs", region_name=REGION)
    url = queues.create_queue(QueueName="told")["QueueUrl"]
    arn = f"arn:aws:sqs:{REGION}:123456789012:told"
    events.create_event_bus(Name="bus")
    pattern = json.dumps({"source": ["kili-continuous-export"]})
    events.put_rule(Name="all", EventBusName="bus", EventPattern=pattern)
    events.put_targets(Rule="all", EventBusName="bus", Targets=[{"Id": "q", "Arn": arn}])
    EventBridgePublisher(events, "bus").publish("Export Published", {"generation": 3})
    (message,) = queues.receive_message(QueueUrl=url)["Messages"]
    told = json.loads(message["Body"])
    assert (told["detail-type"], told["detail"]) == ("Export Published", {"generation": 3})


def test_an_entry_that_the_bus_did_not_take_is_an_error() -> None:
    class Refusing:
        def put_events(self, **_: Any) -> dict[str, Any]:
            return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure"}]}

    publisher = EventBridgePublisher(Refusing(), "bus")  # type: ignore[arg-type]
    with pytest.raises(Unavailable, match="InternalFailure"):
        publisher.publish("Export Published", {})


def secret(value: str | None, *, age: timedelta = timedelta(0)) -> StoredSecret:
    client = boto3.client("secretsmanager", region_name=REGION)
    if value is not None:
        client.create_secret(Name="secret", SecretString=value)
    clock = ManualClock(datetime.now(UTC) + age)
    return StoredSecret(client, "secret", clock, timedelta(hours=24))


def test_the_former_secret_is_accepted_for_a_while_after_a_change() -> None:
    stored = secret("old")
    assert stored.accepted() == ("old",)
    stored.client.put_secret_value(SecretId="secret", SecretString="new")
    assert stored.accepted() == ("new", "old")
    assert stored.value() == "new"


def test_the_end_of_a_line_is_no_part_of_a_secret() -> None:
    stored = secret("old\n")
    stored.client.put_secret_value(SecretId="secret", SecretString=" new\r\n")
    assert stored.accepted() == ("new", "old")
    stored.client.put_secret_value(SecretId="secret", SecretString="\n")
    assert stored.accepted() == ("new",)


def test_all_versions_of_a_secret_are_there_while_it_is_changed() -> None:
    stored = secret("old")
    assert list(stored.versions()) == ["old"]
    stored.client.put_secret_value(SecretId="secret", SecretString="new")
    assert list(stored.versions()) == ["new", "old"]
    stored.client.put_secret_value(
        SecretId="secret", SecretString="next", VersionStages=["AWSPENDING"]
    )
    assert list(stored.versions()) == ["new", "next", "old"]


def test_the_former_secret_is_refused_when_the_change_is_long_past() -> None:
    stored = secret("old", age=timedelta(hours=25))
    stored.client.put_secret_value(SecretId="secret", SecretString="new")
    assert stored.accepted() == ("new",)


def test_two_changes_at_once_end_a_leaked_secret() -> None:
    stored = secret("leaked")
    stored.client.put_secret_value(SecretId="secret", SecretString="between")
    stored.client.put_secret_value(SecretId="secret", SecretString="new")
    assert stored.accepted() == ("new", "between")


def test_a_secret_without_a_value_is_told_as_a_setting() -> None:
    with pytest.raises(InvalidConfiguration, match="put one into it"):
        secret(None).accepted()
    with pytest.raises(InvalidConfiguration, match="put one into it"):
        secret(" ").value()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (EndpointConnectionError(endpoint_url="http://x"), Unavailable),
        (ConnectTimeoutError(endpoint_url="http://x"), Unavailable),
        (ReadTimeoutError(endpoint_url="http://x"), Unavailable),
        (NoCredentialsError(), AccessDenied),
        (ClientError({"Error": {"Code": "AccessDeniedException"}}, "op"), AccessDenied),
        (ClientError({"Error": {"Code": "ThrottlingException"}}, "op"), Throttled),
        (ClientError({"Error": {"Code": "ValidationException"}}, "op"), ExportError),
    ],
)
def test_errors_of_aws_have_their_class(error: Exception, expected: type[ExportError]) -> None:
    assert type(translation("Some Service", error)) is expected


def test_the_machines_clock_is_in_utc_and_its_tokens_differ() -> None:
    assert SystemClock().now().tzinfo is UTC
    tokens = {SystemRandom().token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(len(token) == 16 for token in tokens)
