"""Lists executions of the workflow, for the command line."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Self

from botocore.exceptions import ClientError

from kili_export.aws.aws_errors import error_code, translated
from kili_export.aws.client import aws_client
from kili_export.aws.step_functions import UNKNOWN_EXECUTION
from kili_export.core.errors import ExportError

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

_SERVICE: Final = "Step Functions"
_PAGES: Final = 20


@dataclass(frozen=True, slots=True)
class ListedExecution:
    """One execution. `output` is None while there is none."""

    name: str
    arn: str
    status: str
    started: datetime
    stopped: datetime | None
    error: str | None
    cause: str | None
    output: Any


@dataclass(frozen=True, slots=True)
class StepFunctionsExecutions:
    """The executions of one state machine. All methods raise what `translated` does."""

    client: "SFNClient"
    state_machine_arn: str

    @classmethod
    def connect(cls, state_machine_arn: str) -> Self:
        """Those of the state machine with this ARN."""
        with translated(_SERVICE):
            return cls(aws_client("stepfunctions"), state_machine_arn)

    def running(self) -> Iterator[str]:
        """The names of the executions that are under way."""
        pages = self.client.get_paginator("list_executions").paginate(
            stateMachineArn=self.state_machine_arn, statusFilter="RUNNING"
        )
        with translated(_SERVICE):
            for page in pages:
                yield from (one["name"] for one in page["executions"])

    def described(self, chosen: Callable[[str], bool]) -> Iterator[ListedExecution]:
        """The latest executions whose names are chosen, the latest first."""
        pages = self.client.get_paginator("list_executions").paginate(
            stateMachineArn=self.state_machine_arn
        )
        with translated(_SERVICE):
            for page in islice(pages, _PAGES):
                for one in page["executions"]:
                    if chosen(one["name"]):
                        yield self._describe(one["executionArn"])

    def named(self, name: str) -> ListedExecution | None:
        """The execution of this name. None while the service does not know it, or no more.

        DescribeExecution is eventually consistent: one that was just started may be unknown.
        https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html
        """
        machine = self.state_machine_arn.replace(":stateMachine:", ":execution:", 1)
        try:
            with translated(_SERVICE):
                return self._describe(f"{machine}:{name}")
        except ExportError as error:
            cause = error.__cause__
            if isinstance(cause, ClientError) and error_code(cause) in UNKNOWN_EXECUTION:
                return None
            raise

    def _describe(self, arn: str) -> ListedExecution:
        detail = self.client.describe_execution(executionArn=arn)
        return ListedExecution(
            name=detail["name"],
            arn=arn,
            status=detail["status"],
            started=detail["startDate"],
            stopped=detail.get("stopDate"),
            error=detail.get("error"),
            cause=detail.get("cause"),
            output=json.loads(detail["output"]) if "output" in detail else None,
        )
