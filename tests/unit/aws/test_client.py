"""Every client is in the region that AWS_REGION names, as with AWS's other tools."""

import re
from pathlib import Path
from typing import Any

import boto3
import pytest

import kili_export
from kili_export.aws.client import aws_client, forget_credentials
from kili_export.aws.execution_list import StepFunctionsExecutions
from kili_export.core.errors import ExportError
from kili_export.wiring.application import Application
from kili_export.wiring.deployed_stack import deployed_stack
from kili_export.wiring.settings import Settings

PACKAGE = Path(kili_export.__file__).parent


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "y")
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")


@pytest.mark.parametrize(
    ("given", "region"),
    [
        ({"AWS_REGION": "eu-west-3"}, "eu-west-3"),
        ({"AWS_DEFAULT_REGION": "eu-west-2"}, "eu-west-2"),
        ({"AWS_REGION": "eu-west-3", "AWS_DEFAULT_REGION": "eu-west-2"}, "eu-west-3"),
    ],
)
def test_a_client_is_in_the_region_of_the_environment(
    given: dict[str, str], region: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert aws_client("dynamodb").meta.region_name == region


def test_the_region_is_read_again_with_the_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    aws_client("s3")
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    forget_credentials()
    assert aws_client("s3").meta.region_name == "eu-north-1"


def test_the_command_line_s_clients_are_in_that_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    application = Application(Settings(bucket_name="b", state_machine_arn="a"))
    workflow: Any = application.workflow
    made: list[Any] = [StepFunctionsExecutions.connect("arn").client, workflow.client]
    assert {client.meta.region_name for client in made} == {"eu-west-3"}


def test_a_stack_is_looked_for_in_that_region(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def describe(self: Any, operation: str, _arguments: Any) -> Any:
        asked.append(f"{operation} in {self.meta.region_name}")
        return {"Stacks": [{}]}

    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", describe)
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    with pytest.raises(ExportError, match="BucketName"):
        deployed_stack("ours")
    assert asked == ["DescribeStacks in eu-west-3"]


def test_no_other_module_makes_a_client() -> None:
    made = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if re.search(
            r"boto3\.(client|resource|Session|session|setup_default_session)\b", path.read_text()
        )
    }
    # The stack's own server is nobody's AWS: its client names address and credentials.
    assert made == {"aws/client.py", "local/stack/seaweed.py"}
