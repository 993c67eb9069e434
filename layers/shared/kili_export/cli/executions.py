"""The executions of a project: from Step Functions, or as the local runner keeps them."""

from collections.abc import Iterator, Sequence
from itertools import islice

from kili_export.aws.execution_list import ListedExecution, StepFunctionsExecutions
from kili_export.cli.execution_summary import (
    ExecutionSummary,
    finish_answers,
    is_of_project,
)
from kili_export.cli.stack_connection import Connection
from kili_export.runs.messages import FinishAnswer


class Executions:
    """The executions of one stack."""

    def __init__(self, connection: Connection) -> None:
        arn = connection.settings.required("state_machine_arn")
        self._service = StepFunctionsExecutions.connect(arn)
        self._local = connection.local

    def latest(self, project_id: str, count: int) -> Sequence[ExecutionSummary]:
        """The latest runs of a project, the latest first."""
        if self._local is not None:
            return self._local.latest(project_id, count)
        return [_summary(one) for one in islice(self._listed(project_id), count)]

    def answers(self, project_id: str, count: int) -> Sequence[FinishAnswer]:
        """What the latest runs answered at their end, the latest first."""
        if self._local is not None:
            return self._local.answers(project_id, count)
        return finish_answers(one.output for one in islice(self._listed(project_id), count))

    def is_any_running(self, project_id: str) -> bool:
        """Whether a run of the project is under way, or waits for its window to close."""
        return any(is_of_project(name, project_id) for name in self._service.running())

    def _listed(self, project_id: str) -> Iterator[ListedExecution]:
        return self._service.described(lambda name: is_of_project(name, project_id))


def _summary(one: ListedExecution) -> ExecutionSummary:
    return ExecutionSummary(
        name=one.name,
        arn=one.arn,
        status=one.status,
        started=one.started,
        stopped=one.stopped,
        error=one.error,
        cause=one.cause,
    )
