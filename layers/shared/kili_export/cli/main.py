"""The entry point of `kili-export`."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kili_export.aws.aws_errors import BotoCoreError, NoRegionError, translation
from kili_export.cli.arguments import check_names, parser
from kili_export.cli.exit_codes import ExitCode
from kili_export.cli.files import file_error
from kili_export.cli.loading import command_of
from kili_export.cli.output import complain
from kili_export.cli.stack_connection import LocalStacks
from kili_export.cli.streams import OutputFailed, ReaderGone, guarded_streams
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
    "export": "kili_export.cli.commands.export:export",
    "register": "kili_export.cli.commands.register:register",
    "unregister": "kili_export.cli.commands.register:unregister",
    "run": "kili_export.cli.commands.runs:run",
    "wait": "kili_export.cli.commands.runs:wait",
    "reconcile": "kili_export.cli.commands.runs:reconcile",
    "confirm": "kili_export.cli.commands.runs:confirm",
    "release": "kili_export.cli.commands.runs:release",
    "retry": "kili_export.cli.commands.runs:retry",
    "status": "kili_export.cli.commands.status:status",
    "deliveries": "kili_export.cli.commands.deliveries:deliveries",
    "doctor": "kili_export.cli.commands.doctor:doctor",
    "cost": "kili_export.cli.commands.cost:cost",
    "pull": "kili_export.cli.commands.pull:pull",
    "report": "kili_export.cli.commands.report:report",
    "snapshot": "kili_export.cli.commands.snapshot:snapshot",
    "diff": "kili_export.cli.commands.generations:diff",
    "history": "kili_export.cli.commands.generations:history",
    "snapshots": "kili_export.cli.commands.snapshot:snapshots",
    "view": "kili_export.cli.commands.view:view",
    "sync": "kili_export.cli.commands.sync:sync",
    "purge": "kili_export.cli.commands.purge:purge",
    "assets": "kili_export.cli.commands.rows:assets",
    "labels": "kili_export.cli.commands.rows:labels",
    "restore": "kili_export.cli.commands.restore:restore",
    "teardown": "kili_export.cli.commands.teardown:teardown",
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
    """Runs one command; the exit status. What goes wrong is one line on standard error."""
    commands = {**_COMMANDS, **(local.commands if local else {})}
    try:
        with guarded_streams():
            given = _parsed(parser(local.add_arguments if local else None), arguments)
            if given is None:
                return ExitCode.OK
            given.local_stacks = local.stacks if local else None
            return _run(given, commands[given.command])
    except OutputFailed as error:
        complain(str(error))
        return ExitCode.FAILED


def _parsed(accepted: ArgumentParser, arguments: Sequence[str] | None) -> Namespace | None:
    """What was given; None after a text that was asked for, or the list of commands for nothing."""
    try:
        given = accepted.parse_args(arguments)
    except SystemExit as ended:
        if ended.code:
            raise
        return None
    if "command" not in given:
        accepted.print_help()
        return None
    return given


def _run(given: Namespace, place: str) -> int:
    try:
        check_names(given)
        return int(command_of(place)(given))
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except ReaderGone:
        return ExitCode.OK
    except ExportError as error:
        complain(str(error))
        return _code(error)
    except OSError as error:
        failure = file_error(error)
        complain(str(failure))
        return _code(failure)
    except NoRegionError:
        complain("No AWS region is set; set AWS_REGION to that of the stack.")
        return ExitCode.USAGE
    except BotoCoreError as error:
        failure = translation("AWS", error)
        complain(str(failure))
        return _code(failure)


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
