"""How the commands reach a stack of this machine."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kili_export.aws.client import forget_credentials
from kili_export.cli.execution_summary import (
    ExecutionSummary,
    finish_answers,
    is_of_project,
    problem_of,
)
from kili_export.cli.loading import command_of
from kili_export.cli.stack_connection import StackConnection
from kili_export.local.stack.state_backup import restore as restore_backup
from kili_export.local.stack.state_directory import RunningStack, StateDirectory, default_state
from kili_export.local.workflow.executions import Execution, ExecutionStore
from kili_export.runs.messages import FinishAnswer
from kili_export.storage.object_store import ObjectStore
from kili_export.wiring.settings import Settings

_AWS_VARIABLES: Final = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_PROFILE")


class StacksOfThisMachine:
    """Implements LocalStacks."""

    def connect(self, state: str | None) -> StackConnection:
        """See LocalStacks."""
        directory = StateDirectory(Path(state) if state else default_state())
        return connection_to(directory.running(), directory)

    def restore(self, backup: str, state: str | None) -> str:
        """See LocalStacks."""
        directory = StateDirectory(Path(state) if state else default_state())
        restore_backup(Path(backup), directory)
        return str(directory.path)


def connection_to(running: RunningStack, state: StateDirectory) -> StackConnection:
    """The connection to a running stack. AWS clients of this process belong to it from now on."""
    for name in _AWS_VARIABLES:
        os.environ.pop(name, None)
    os.environ.update(running.environment)
    # The session before has read the keys of the stack that was connected to before.
    forget_credentials()
    settings = Settings.from_environment(running.environment)
    return StackConnection(settings, running.webhook_url, StackOfThisMachine(state))


@dataclass(frozen=True, slots=True)
class StackOfThisMachine:
    """Implements LocalStack by the files of a state directory."""

    state: StateDirectory

    def latest(self, project_id: str, count: int) -> list[ExecutionSummary]:
        """See LocalStack."""
        store = ExecutionStore(self.state.executions)
        return [_summary(one, store) for one in self._known(project_id, count)]

    def answers(self, project_id: str, count: int) -> list[FinishAnswer]:
        """See LocalStack."""
        known = self._known(project_id, count)
        return finish_answers(one.output for one in known if one.status == "SUCCEEDED")

    def check_it_can_erase(self) -> None:
        """See LocalStack."""
        _eraser()

    def erase_traces(self, objects: ObjectStore, project_id: str, words: Sequence[str]) -> None:
        """See LocalStack."""
        _eraser()(self.state, objects, project_id, words)

    def _known(self, project_id: str, count: int) -> list[Execution]:
        loaded = ExecutionStore(self.state.executions).load()
        known = [one for one in loaded if is_of_project(one.name, project_id)]
        known.sort(key=lambda one: one.started, reverse=True)
        return known[:count]


def _eraser() -> Callable[..., None]:
    return command_of("kili_export.local.stack.purged_traces:erase_traces")


def _summary(execution: Execution, store: ExecutionStore) -> ExecutionSummary:
    return ExecutionSummary(
        name=execution.name,
        arn=execution.arn,
        status=execution.status,
        started=execution.started,
        stopped=execution.stopped,
        error=execution.error,
        cause=execution.cause,
        problem=problem_of(execution.output),
        states=tuple(name for name, _ in execution.states),
        map_runs=tuple(
            {**run, "arn": arn, "results": store.items(execution.name, arn)}
            for arn, run in execution.map_runs.items()
        ),
    )
