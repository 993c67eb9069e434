"""The local workflow service as boto3's own client meets it."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.response import StreamingBody
from botocore.stub import Stubber

from kili_export.local.workflow.api import StepFunctionsEndpoint, serve_stepfunctions
from kili_export.local.workflow.errors import FunctionFailed
from kili_export.local.workflow.objects import S3Objects
from kili_export.local.workflow.service import WorkflowService
from tests.artifacts.permission_gate import PermissionGate
from tests.unit.local.workflow.doubles import Bench, Functions, machine, task

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

PATIENCE = 20
NOBODY = "arn:aws:states:us-east-1:000000000000:execution:kili-export:nobody"


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    gate = threading.Event()
    yield gate
    gate.set()


@pytest.fixture
def service(tmp_path: Path, gate: threading.Event) -> WorkflowService:
    def work(payload: dict[str, Any]) -> Any:
        if payload.get("wait"):
            assert gate.wait(PATIENCE), "nobody opened the gate"
        if payload.get("fail"):
            raise FunctionFailed("Broken", "because")
        return payload

    return Bench(tmp_path, functions=Functions(work=work)).service(machine(a=task()))


@pytest.fixture
def endpoint(service: WorkflowService) -> Iterator[StepFunctionsEndpoint]:
    endpoint = serve_stepfunctions(service)
    yield endpoint
    endpoint.close()


@pytest.fixture
def client(endpoint: StepFunctionsEndpoint) -> Iterator["SFNClient"]:
    client = boto3.client(
        "stepfunctions",
        endpoint_url=endpoint.url,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(retries={"total_max_attempts": 1}),
    )
    yield client
    client.close()


def code_of(error: pytest.ExceptionInfo[ClientError]) -> str:
    return error.value.response["Error"]["Code"]


def test_an_execution_is_started_and_described(
    client: "SFNClient", service: WorkflowService
) -> None:
    started = client.start_execution(stateMachineArn=service.arn, name="n", input='{"x": 1}')
    service.join(started["executionArn"])
    found = client.describe_execution(executionArn=started["executionArn"])
    assert (found["status"], found["input"], found["output"]) == ("SUCCEEDED", '{"x":1}', '{"x":1}')
    assert found["startDate"] == started["startDate"]
    assert found["stopDate"] >= found["startDate"]


def test_a_failed_execution_is_described_with_its_error(
    client: "SFNClient", service: WorkflowService
) -> None:
    started = client.start_execution(stateMachineArn=service.arn, input='{"fail": true}')
    service.join(started["executionArn"])
    found = client.describe_execution(executionArn=started["executionArn"])
    assert (found["status"], found["error"], found["cause"]) == ("FAILED", "Broken", "because")
    assert "output" not in found


def test_a_running_execution_is_answered_again_and_can_be_stopped(
    client: "SFNClient", service: WorkflowService
) -> None:
    request = {"stateMachineArn": service.arn, "name": "n", "input": '{"wait": true}'}
    first = client.start_execution(**request)
    assert client.start_execution(**request)["executionArn"] == first["executionArn"]
    client.stop_execution(executionArn=first["executionArn"], error="Enough", cause="waited")
    found = client.describe_execution(executionArn=first["executionArn"])
    assert (found["status"], found["error"], found["cause"]) == ("ABORTED", "Enough", "waited")
    assert "stopDate" in found


def test_a_used_name_is_refused_by_an_exception_of_its_own(
    client: "SFNClient", service: WorkflowService
) -> None:
    client.start_execution(stateMachineArn=service.arn, name="n", input='{"x": 1}')
    with pytest.raises(client.exceptions.ExecutionAlreadyExists):
        client.start_execution(stateMachineArn=service.arn, name="n", input='{"x": 2}')


def test_executions_are_listed_in_pages_and_by_status(
    client: "SFNClient", service: WorkflowService
) -> None:
    for number in range(5):
        text = '{"fail": true}' if number == 2 else "{}"
        started = client.start_execution(stateMachineArn=service.arn, name=f"n{number}", input=text)
        service.join(started["executionArn"])
    pages = client.get_paginator("list_executions").paginate(
        stateMachineArn=service.arn, PaginationConfig={"PageSize": 2}
    )
    names = [[item["name"] for item in page["executions"]] for page in pages]
    assert [len(page) for page in names] == [2, 2, 1]
    assert sorted(name for page in names for name in page) == ["n0", "n1", "n2", "n3", "n4"]
    [failed] = client.list_executions(stateMachineArn=service.arn, statusFilter="FAILED")[
        "executions"
    ]
    assert (failed["name"], failed["stateMachineArn"]) == ("n2", service.arn)


def test_a_refusal_has_the_service_s_code(client: "SFNClient", service: WorkflowService) -> None:
    other = service.arn + "-other"
    refused = {
        "InvalidName": lambda: client.start_execution(stateMachineArn=service.arn, name="a b"),
        "InvalidExecutionInput": lambda: client.start_execution(
            stateMachineArn=service.arn, input="{"
        ),
        "StateMachineDoesNotExist": lambda: client.start_execution(stateMachineArn=other),
        "ExecutionDoesNotExist": lambda: client.describe_execution(executionArn=NOBODY),
        "InvalidToken": lambda: client.list_executions(stateMachineArn=service.arn, nextToken="x"),
        "UnknownOperationException": client.list_activities,
    }
    for code, call in refused.items():
        with pytest.raises(ClientError) as error:
            call()  # type: ignore[no-untyped-call]
        assert code_of(error) == code
        assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_only_loopback_is_served(service: WorkflowService) -> None:
    with pytest.raises(ValueError, match="loopback"):
        serve_stepfunctions(service, "0.0.0.0")


def test_objects_are_read_and_written_through_the_client() -> None:
    client = boto3.client(
        "s3", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    objects = S3Objects(client)
    with Stubber(client) as stub:
        body = StreamingBody(BytesIO(b"data"), 4)
        stub.add_response("get_object", {"Body": body}, {"Bucket": "b", "Key": "k"})
        assert objects.get("b", "k") == b"data"
        stub.add_response("put_object", {}, {"Bucket": "b", "Key": "k", "Body": b"more"})
        objects.put("b", "k", b"more")
        stub.assert_no_pending_responses()


def test_what_the_client_refuses_is_an_os_error() -> None:
    client = boto3.client(
        "s3", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    with Stubber(client) as stub:
        stub.add_client_error("get_object", "NoSuchKey", http_status_code=404)
        with pytest.raises(OSError, match="NoSuchKey"):
            S3Objects(client).get("b", "k")
        stub.add_client_error("put_object", "AccessDenied", http_status_code=403)
        with pytest.raises(OSError, match="AccessDenied"):
            S3Objects(client).put("b", "k", b"")


@pytest.mark.parametrize("path", ["", "/", "/another-token", "/../"])
def test_who_does_not_know_the_token_gets_nothing(
    path: str, endpoint: StepFunctionsEndpoint, service: WorkflowService
) -> None:
    service.start("known", {})
    with requests.Session() as session:
        session.trust_env = False
        answer = session.post(
            endpoint.address + path,
            data=json.dumps({"stateMachineArn": service.arn}),
            headers={"X-Amz-Target": "AWSStepFunctions.ListExecutions"},
            timeout=PATIENCE,
        )
    assert answer.status_code == 403
    assert "known" not in answer.text
    assert answer.headers["Connection"] == "close"


@dataclass(frozen=True)
class Everything:
    """A policy that allows all."""

    def statement_for(self, _: object) -> str:
        return "All"


def test_a_function_behind_its_policy_reaches_the_service(
    endpoint: StepFunctionsEndpoint, service: WorkflowService
) -> None:
    policy: Any = Everything()
    with PermissionGate(policy, {"states": endpoint.url}) as gate:
        client = boto3.client(
            "stepfunctions",
            endpoint_url=gate.url,
            region_name="us-east-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )
        client.start_execution(stateMachineArn=service.arn, name="through", input="{}")
        client.close()
    assert [one.name for one in service.list()] == ["through"]
