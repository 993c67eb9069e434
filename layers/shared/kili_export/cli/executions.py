"""The executions of a project: from Step Functions, or as the local runner keeps them."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from kili_export.aws.execution_list import ListedExecution, StepFunctionsExecutions
from kili_export.aws.step_functions import AT_WORK
from kili_export.cli.execution_summary import (
    ExecutionSummary,
    finish_answers,
    is_of_project,
)
from kili_export.cli.stack_connection import StackConnection
from kili_export.runs.messages import FinishAnswer

_UNKNOWN_FOR: Final = 10
"""So many times in a row an execution that was started may be unknown before it counts as ended."""


class Executions:
    """The executions of one stack."""

    def __init__(self, connection: StackConnection) -> None:
        arn = connection.settings.required("state_machine_arn")
        self._service = StepFunctionsExecutions.connect(arn)
        self._local = connection.local
        # The ones that are waited for, and how many times in a row each was unknown.
        self._followed: dict[str, int] = {}

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

    def follow(self, name: str) -> None:
        """Lets `is_any_running` ask for this execution, and then for the one that it starts."""
        self._followed.setdefault(name, 0)

    def is_any_running(self, project_id: str) -> bool:
        """Whether a run of the project is under way, or waits for its window to close.

        Asks for the executions that are followed. Only when all of them have ended are those of
        all projects listed, for another one of this project to follow.
        """
        for name in tuple(self._followed):
            if self._is_under_way(name):
                return True
        for name in self._service.running():
            if is_of_project(name, project_id):
                self.follow(name)
        return bool(self._followed)

    def _is_under_way(self, name: str) -> bool:
        found = self._service.named(name)
        if found is None:
            self._followed[name] += 1
            if self._followed[name] < _UNKNOWN_FOR:
                return True
        elif found.status in AT_WORK:
            self._followed[name] = 0
            return True
        del self._followed[name]
        following = [one.follow_up for one in finish_answers([found.output if found else None])]
        for one in filter(None, following):
            self.follow(one)
        return any(self._is_under_way(one) for one in filter(None, following))

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
