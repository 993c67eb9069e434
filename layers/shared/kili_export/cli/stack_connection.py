"""How a command reaches its stack: a local one by its state directory, a deployed one by name."""

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from kili_export.cli.execution_summary import ExecutionSummary
from kili_export.core.errors import InvalidConfiguration
from kili_export.runs.messages import FinishAnswer
from kili_export.storage.object_store import ObjectStore
from kili_export.wiring.deployed_stack import deployed_stack
from kili_export.wiring.settings import Settings


class StackNotRunning(InvalidConfiguration):
    """No stack runs on this state directory."""


class LocalStack(Protocol):
    """What a stack of this machine knows besides the services that a deployed one has."""

    def latest(self, project_id: str, count: int) -> Sequence[ExecutionSummary]:
        """The latest runs of a project, the latest first, with their states."""

    def answers(self, project_id: str, count: int) -> Sequence[FinishAnswer]:
        """What the latest runs answered at their end, the latest first."""

    def check_it_can_erase(self) -> None:
        """Raises InvalidConfiguration where what the server is administered with is missing."""

    def erase_traces(self, objects: ObjectStore, project_id: str, words: Sequence[str]) -> None:
        """Erases what the machine keeps, besides objects, that holds one of some ids.

        Raises Unavailable when bytes of deleted objects stay on the disk.
        """


@dataclass(frozen=True, slots=True)
class StackConnection:
    """A stack that a command works on. `local` is None for a deployed one."""

    settings: Settings
    webhook_url: str
    local: LocalStack | None = None


class LocalStacks(Protocol):
    """The stacks of this machine, where they are installed."""

    def connect(self, state: str | None) -> StackConnection:
        """The stack that runs on a state directory, None for the usual one.

        AWS clients of this process belong to it from now on. Raises StackNotRunning.
        """

    def restore(self, backup: str, state: str | None) -> str:
        """Makes a state directory, None for the usual one, out of a backup. Answers its path."""


def connect(arguments: Namespace) -> StackConnection:
    """The stack that the arguments name. AWS clients of this process belong to it from now on.

    Raises StackNotRunning, InvalidConfiguration or Unavailable.
    """
    if arguments.stack_name:
        return StackConnection(*deployed_stack(arguments.stack_name))
    return connect_local(arguments)


def connect_local(arguments: Namespace) -> StackConnection:
    """The stack of this machine that the arguments name. Raises StackNotRunning."""
    return local_stacks(arguments).connect(arguments.state)


def local_stacks(arguments: Namespace) -> LocalStacks:
    """The stacks of this machine. Raises StackNotRunning where they are not installed."""
    stacks: LocalStacks | None = getattr(arguments, "local_stacks", None)
    if stacks is None:
        raise StackNotRunning(
            "The local stack is not installed here; name a deployed stack with --stack-name."
        )
    return stacks
