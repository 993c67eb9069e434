"""The entry point of `kili-export`."""

import sys
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from kili_export.aws.aws_errors import NoRegionError
from kili_export.cli.arguments import parser
from kili_export.cli.exit_codes import ExitCode
from kili_export.cli.output import complain
from kili_export.cli.stack_connection import LocalStacks
from kili_export.core.errors import (
    ExportError,
    InvalidConfiguration,
    RemovalsHeld,
    RequestRefused,
    TransientError,
)

if TYPE_CHECKING:
    from kili_export.cli.arguments import Commands

# Imported when they are run: no command needs what all of them do.
_COMMANDS: Mapping[str, str] = {
    "register": "kili_export.cli.commands.register:register",
    "unregister": "kili_export.cli.commands.register:unregister",
    "run": "kili_export.cli.commands.runs:run",
    "wait": "kili_export.cli.commands.runs:wait",
    "reconcile": "kili_export.cli.commands.runs:reconcile",
    "confirm": "kili_export.cli.commands.runs:confirm",
    "retry": "kili_export.cli.commands.runs:retry",
    "status": "kili_export.cli.commands.status:status",
    "cost": "kili_export.cli.commands.cost:cost",
    "pull": "kili_export.cli.commands.pull:pull",
    "report": "kili_export.cli.commands.report:report",
    "snapshot": "kili_export.cli.commands.snapshot:snapshot",
    "sync": "kili_export.cli.commands.sync:sync",
    "purge": "kili_export.cli.commands.purge:purge",
    "assets": "kili_export.cli.commands.rows:assets",
    "labels": "kili_export.cli.commands.rows:labels",
    "webhook install": "kili_export.cli.commands.webhook:install",
    "webhook remove": "kili_export.cli.commands.webhook:remove",
}


@dataclass(frozen=True, slots=True)
class LocalCommands:
    """What the local stack adds: commands by name, their arguments, its stacks."""

    commands: Mapping[str, str]
    add_arguments: "Callable[[Commands], None]"
    stacks: LocalStacks


def main(arguments: Sequence[str] | None = None, local: LocalCommands | None = None) -> int:
    """Runs one command; the exit status."""
    given = parser(local.add_arguments if local else None).parse_args(arguments)
    given.local_stacks = local.stacks if local else None
    known = {**_COMMANDS, **(local.commands if local else {})}
    try:
        return int(_command(known[given.command])(given))
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        return ExitCode.OK
    except ExportError as error:
        complain(str(error))
        return _code(error)
    except NoRegionError:
        complain("No AWS region is set; set AWS_REGION to that of the stack.")
        return ExitCode.USAGE


def _command(place: str) -> Callable[[Namespace], ExitCode]:
    module, _, function = place.partition(":")
    command: Callable[[Namespace], ExitCode] = getattr(import_module(module), function)
    return command


def _code(error: ExportError) -> ExitCode:
    if isinstance(error, InvalidConfiguration | RequestRefused):
        return ExitCode.USAGE
    if isinstance(error, RemovalsHeld):
        return ExitCode.HELD
    if isinstance(error, TransientError):
        return ExitCode.UNAVAILABLE
    return ExitCode.FAILED


if __name__ == "__main__":
    sys.exit(main())
