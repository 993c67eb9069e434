"""Commands reach a deployed stack by its name: what they need to know is in its outputs."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from kili_export.cli.exit_codes import ExitCode
from kili_export.local.main import main
from kili_export.wiring import deployed_stack
from kili_export.wiring.settings import VARIABLES
from tests.support.template_document import functions, template

OUTPUTS = {
    "BucketName": "deployed-bucket",
    "CopiesBucketName": "deployed-copies",
    "TableName": "deployed-table",
    "StateMachineArn": "arn:aws:states:eu-west-1:123456789012:stateMachine:deployed-export",
    "EventBusName": "deployed",
    "KiliApiKeySecretArn": "kili-key",
    "KiliKeyPrefix": "deployed/kili-keys/",
    "WebhookSecretArn": "webhook-secret",
    "NotifyQueueUrl": "https://sqs.example/deliveries",
    "KiliApiEndpoint": "https://kili.example/api/label/v2/graphql",
    "WebhookUrl": "https://api.example/webhooks/kili",
}


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in {
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "y",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "KILI_EXPORT_STATE"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        yield


def _deploy(outputs: dict[str, str], parameters: dict[str, str] | None = None) -> None:
    """A stack with these outputs and parameters, and the resources that they name."""
    given = parameters or {"WindowSeconds": "60"}
    document = {
        "Parameters": {name: {"Type": "String", "Default": value} for name, value in given.items()},
        "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}},
        "Outputs": {name: {"Value": value} for name, value in outputs.items()},
    }
    boto3.client("cloudformation").create_stack(
        StackName="deployed", TemplateBody=json.dumps(document)
    )
    boto3.client("s3").create_bucket(
        Bucket="deployed-bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )


def test_a_deployed_stack_is_reached_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    _deploy(OUTPUTS)
    assert main(["status", "--stack-name", "deployed", "--json"]) == ExitCode.OK
    assert json.loads(capsys.readouterr().out) == {"projects": []}


@pytest.mark.parametrize(
    ("name", "says"), [("nowhere", "cannot be read"), ("deployed", "BucketName")]
)
def test_a_stack_that_is_not_ours_is_told(
    name: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _deploy({"Other": "x"})
    assert main(["status", "--stack-name", name]) == ExitCode.USAGE
    assert says in capsys.readouterr().err


def test_the_template_has_every_output_that_is_read() -> None:
    assert {*deployed_stack.OUTPUTS, "WebhookUrl"} <= template()["Outputs"].keys()


def variables() -> dict[str, Any]:
    """The environment variables of the functions, as the template gives them."""
    given = dict(template()["Globals"]["Function"]["Environment"]["Variables"])
    for function in functions().values():
        given |= function.get("Environment", {}).get("Variables", {})
    return given


def test_every_parameter_that_becomes_a_setting_is_read() -> None:
    """A command that used a default in its place would do what the functions do not."""
    known = {variable.name for variable in VARIABLES}
    parameters = {
        value["Ref"]: name
        for name, value in variables().items()
        if name in known and value.keys() == {"Ref"} and value["Ref"] in template()["Parameters"]
    }
    read = deployed_stack.PARAMETERS | {"KiliApiEndpoint": "KILI_API_ENDPOINT"}
    assert read == parameters


def test_the_values_of_parameters_are_the_settings_of_commands() -> None:
    given = dict.fromkeys(deployed_stack.PARAMETERS, "7") | {"PrivateNetworks": "10.0.0.0/8"}
    _deploy(OUTPUTS, given)
    settings, _ = deployed_stack.deployed_stack("deployed")
    assert settings.private_networks == "10.0.0.0/8"
    assert settings.kili_requests_per_minute == 7
    assert settings.retention_hours == 7
    assert settings.archive_budget_cents == 7
