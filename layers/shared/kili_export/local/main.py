"""The entry point of `kili-export` with the local stack: all commands, and the stack's own."""

from __future__ import annotations

import sys
from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError
from typing import TYPE_CHECKING, Final

from kili_export.cli import arguments as arguments_of_every_stack
from kili_export.cli import main as commands_of_every_stack
from kili_export.cli.numbers import positive_number, seconds, whole_number
from kili_export.local.stack.cli_connection import StacksOfThisMachine

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kili_export.cli.arguments import Commands

# Imported when they are run: they bring much that the other commands do not need.
_COMMANDS: Final[Mapping[str, str]] = {
    "up": "kili_export.local.up:up",
    "credentials": "kili_export.local.credentials:credentials",
    "backup": "kili_export.local.backup:backup",
    "demo": "kili_export.local.demo.command:demo",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; the exit status."""
    local = commands_of_every_stack.LocalCommands(_COMMANDS, _add_commands, StacksOfThisMachine())
    return commands_of_every_stack.main(arguments, local)


def parser() -> ArgumentParser:
    """The parser of all commands."""
    return arguments_of_every_stack.parser(_add_commands)


def _add_commands(commands: Commands) -> None:
    _add_up(commands)
    _add_credentials(commands)
    _add_backup(commands)
    _add_demo(commands)


def _add_up(commands: Commands) -> None:
    up = commands.add_parser(
        "up",
        help="run the whole system on this machine",
        description="Runs the whole system on this machine until Ctrl+C. Talks to the Kili of "
        "KILI_API_ENDPOINT with KILI_API_KEY. When it is ready it prints one JSON line.",
    )
    up.set_defaults(command="up")
    up.add_argument("--host", default="127.0.0.1", help="where the webhook listens (%(default)s)")
    up.add_argument("--port", type=_port, default=8080, help="0 takes a free one (%(default)s)")
    _add_state(up)
    _add_timing(up)
    up.add_argument(
        "--reconcile-every",
        type=seconds,
        default=300,
        metavar="SECONDS",
        help="how often every project is compared with Kili (%(default)s)",
    )
    up.add_argument(
        "--follow-every",
        type=whole_number,
        default=10,
        metavar="SECONDS",
        help="how often Kili's list of events is read, for what no webhook tells (%(default)s; 0:"
        " never)",
    )
    up.add_argument(
        "--subscribe",
        action="store_true",
        help="have Kili tell over a websocket when that list is worth reading",
    )
    # For measurements: a port by which everybody reaches S3, of a proxy that counts.
    up.add_argument("--s3-door", type=_port, help=SUPPRESS)


def _add_credentials(commands: Commands) -> None:
    credentials = commands.add_parser(
        "credentials",
        help="print the secrets of a stack of this machine",
        description="Prints the webhook's secret, the address and keys of the bucket, and the"
        " address of the page that shows all exports, of the stack that runs on this machine. They"
        " let anybody send events and read and change all archives.",
    )
    credentials.set_defaults(command="credentials")
    _add_state(credentials)
    form = credentials.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print one JSON object")
    form.add_argument(
        "--shell", action="store_true", help="print what a shell sets for boto3 and AWS's tools"
    )


def _add_backup(commands: Commands) -> None:
    backup = commands.add_parser(
        "backup",
        help="copy the state of a stack of this machine, while it runs",
        description="Copies everything that a stack of this machine needs to go on elsewhere, as it"
        " is at one moment: exports, archives, accepted events and secrets. `restore --backup`"
        " makes a state directory of it.",
    )
    backup.set_defaults(command="backup")
    backup.add_argument("destination", metavar="DIRECTORY", help="it is made")
    _add_state(backup)
    backup.add_argument("--json", action="store_true", help="print JSON")


def _add_demo(commands: Commands) -> None:
    demo = commands.add_parser(
        "demo",
        help="see the whole system work, without Kili",
        description="Runs the whole system against a stand-in of Kili with a sample project, "
        "changes labels, and checks every archive. Status 0 only if all checks held.",
    )
    demo.set_defaults(command="demo")
    demo.add_argument("--state", help="keep everything in this directory")
    demo.add_argument("--keep", action="store_true", help="keep the temporary directory")
    demo.add_argument("--json", action="store_true", help="one JSON object per line")
    demo.add_argument(
        "--view",
        action="store_true",
        help="go on until Ctrl+C, with a page that shows the exports and their pictures",
    )


def _add_state(command: ArgumentParser) -> None:
    command.add_argument(
        "--state", help="directory for what must survive ($KILI_EXPORT_STATE, else a default)"
    )


def _add_timing(command: ArgumentParser) -> None:
    command.add_argument(
        "--window",
        type=positive_number,
        default=10,
        metavar="SECONDS",
        help="changes that come within it are published together (%(default)s)",
    )
    command.add_argument(
        "--settle",
        type=whole_number,
        default=3,
        metavar="SECONDS",
        help="wait after a window for labels to become readable (%(default)s)",
    )


def _port(text: str) -> int:
    port = whole_number(text)
    if port > 65535:
        raise ArgumentTypeError(f"{text} is no port")
    return port


if __name__ == "__main__":
    sys.exit(main())
