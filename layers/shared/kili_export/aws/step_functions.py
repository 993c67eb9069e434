"""Starts and watches executions of the workflow."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from kili_export.aws.aws_errors import error_code, translation

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

_SERVICE = "Step Functions"
# A redrive makes an execution run again under the same name.
AT_WORK: Final = frozenset({"RUNNING", "PENDING_REDRIVE"})
UNKNOWN_EXECUTION: Final = frozenset({"ExecutionDoesNotExist", "InvalidArn"})
"""What DescribeExecution answers for one that it does not know."""


@dataclass(frozen=True, slots=True)
class StepFunctionsWorkflow:
    """The state machine, by its ARN."""

    client: "SFNClient"
    state_machine_arn: str

    def start(self, name: str, execution_input: Mapping[str, Any]) -> bool:
        """Starts an execution. False when that name was already used (running or ended).

        Source: StartExecution answers ExecutionAlreadyExists for a used name, unless that
        execution still runs with the very same input: then it answers as if it had started it,
        with a start date in the past.
        """
        try:
            self.client.start_execution(
                stateMachineArn=self.state_machine_arn,
                name=name,
                input=json.dumps(execution_input, separators=(",", ":")),
            )
        except ClientError as error:
            if error_code(error) == "ExecutionAlreadyExists":
                return False
            raise translation(_SERVICE, error) from error
        except BotoCoreError as error:
            raise translation(_SERVICE, error) from error
        return True

    def is_running(self, execution_arn: str) -> bool:
        """Whether that execution still runs. False too when it is not known."""
        try:
            answer = self.client.describe_execution(executionArn=execution_arn)
        except ClientError as error:
            if error_code(error) in UNKNOWN_EXECUTION:
                return False
            raise translation(_SERVICE, error) from error
        except BotoCoreError as error:
            raise translation(_SERVICE, error) from error
        return answer["status"] in AT_WORK
