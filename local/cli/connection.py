"""How a command reaches its stack: a local one by its state directory, a deployed one by name."""

import os
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from kili_export.domain.errors import InvalidConfiguration, Unavailable
from kili_export.settings import Settings
from local.stack.journal import Entry, Journal
from local.stack.state_directory import RunningStack, StateDirectory, default_state

# Outputs and parameters of the template, under the names that the functions know them by.
_OUTPUTS = {
    "BucketName": "BUCKET_NAME",
    "TableName": "TABLE_NAME",
    "StateMachineArn": "STATE_MACHINE_ARN",
    "EventBusName": "EVENT_BUS_NAME",
    "KiliApiKeySecretArn": "KILI_API_KEY_SECRET_ID",
    "KiliKeyPrefix": "KILI_KEY_PREFIX",
    "WebhookSecretArn": "WEBHOOK_SECRET_ID",
    "KiliApiEndpoint": "KILI_API_ENDPOINT",
}
_PARAMETERS = {"WindowSeconds": "WINDOW_SECONDS", "SettleSeconds": "SETTLE_SECONDS"}
_AWS_VARIABLES = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_PROFILE")


@dataclass(frozen=True, slots=True)
class Connection:
    """A stack that a command works on. `running` and `state` are None for a deployed one."""

    settings: Settings
    webhook_url: str
    running: RunningStack | None = None
    state: StateDirectory | None = None

    @classmethod
    def local(cls, running: RunningStack, state: StateDirectory) -> "Connection":
        """The connection to a local stack. AWS clients of this process belong to it from now on."""
        for name in _AWS_VARIABLES:
            os.environ.pop(name, None)
        os.environ.update(running.environment)
        # The one before has read the keys of the stack that was connected to before.
        boto3.setup_default_session()
        settings = Settings.from_environment(running.environment)
        return cls(settings, running.webhook_url, running, state)

    def remember(self, entry: Entry) -> None:
        """Makes a request survive a crash of a local stack; a deployed one keeps it anyway.

        Called after the request was stored, and before its success is told.
        """
        if self.state is not None:
            Journal(self.state.journal).append(entry)


def connect(arguments: Namespace) -> Connection:
    """The stack that the arguments name. AWS clients of this process belong to it from now on.

    Raises StackNotRunning, InvalidConfiguration or Unavailable.
    """
    if arguments.stack_name:
        return _deployed(arguments.stack_name)
    state = StateDirectory(Path(arguments.state) if arguments.state else default_state())
    return Connection.local(state.running(), state)


def _deployed(name: str) -> Connection:
    stack = _describe(name)
    outputs = {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", ())}
    parameters = {one["ParameterKey"]: one["ParameterValue"] for one in stack.get("Parameters", ())}
    missing = sorted(_OUTPUTS.keys() - outputs.keys())
    if missing:
        raise InvalidConfiguration(
            f"The stack {name} has no output {missing[0]}: it is not one of this application's."
        )
    environment = {variable: outputs[output] for output, variable in _OUTPUTS.items()}
    environment |= {
        variable: parameters[parameter]
        for parameter, variable in _PARAMETERS.items()
        if parameter in parameters
    }
    return Connection(Settings.from_environment(environment), outputs.get("WebhookUrl", ""))


def _describe(name: str) -> Mapping[str, Any]:
    try:
        answer = boto3.client("cloudformation").describe_stacks(StackName=name)
    except ClientError as error:
        raise InvalidConfiguration(
            f"The stack {name} cannot be read: {error.response['Error']['Message']}. Its region "
            "and the credentials come from the usual AWS environment (AWS_PROFILE, AWS_REGION)."
        ) from error
    except BotoCoreError as error:
        raise Unavailable(f"CloudFormation cannot be asked about {name}: {error}") from error
    stack: Mapping[str, Any] = answer["Stacks"][0]
    return stack
