"""The arguments of `kili-export`."""

from __future__ import annotations

from argparse import Action, ArgumentError, ArgumentParser, Namespace, RawDescriptionHelpFormatter
from difflib import get_close_matches
from textwrap import fill
from typing import TYPE_CHECKING, Any, cast

from kili_export.cli.about_itself import add_about_itself
from kili_export.cli.archive_arguments import CommandParser, add_archives
from kili_export.cli.exit_codes import MEANINGS
from kili_export.cli.export_arguments import add_export
from kili_export.cli.numbers import positive_number, seconds
from kili_export.cli.row_arguments import add_rows
from kili_export.core.errors import InvalidConfiguration
from kili_export.core.project import PROJECT_ID
from kili_export.registration.declaration import EXPORT_NAME

if TYPE_CHECKING:
    from argparse import _SubParsersAction
    from collections.abc import Callable

    Commands = _SubParsersAction[ArgumentParser]
_EPILOG = "exit status:\n" + "\n".join(
    fill(meaning, 78, initial_indent=f"  {int(code):<4} ", subsequent_indent=" " * 7)
    for code, meaning in MEANINGS.items()
)


class _AllCommands(ArgumentParser):
    """Names one command that may be meant, where argparse would list all of them."""

    def _check_value(self, action: Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            close = get_close_matches(str(value), map(str, action.choices), n=1)
            hint = f"did you mean {close[0]!r}?" if close else "`kili-export` lists the commands."
            raise ArgumentError(None, f"there is no command {value!r}; {hint}")


def parser(local: Callable[[Commands], None] | None = None) -> ArgumentParser:
    """The parser; its result has `command`, the words that name the command.

    `local` adds the commands of the local stack, where that is installed.
    """
    top = _AllCommands(
        prog="kili-export",
        description="Keeps dataset archives in S3 equal to what a Kili project holds.",
        epilog=_EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    add_about_itself(top)
    kind = cast("type[ArgumentParser]", CommandParser)
    commands = top.add_subparsers(metavar="COMMAND", parser_class=kind)
    if local is not None:
        local(commands)
    add_export(commands)
    _add_registration(commands)
    _add_runs(commands)
    _add_reading(commands)
    _add_doctor(commands)
    add_rows(commands)
    add_archives(commands, _add_target)
    _add_webhook(commands)
    _add_restore(commands)
    _add_teardown(commands)
    return top


def check_names(given: Namespace) -> None:
    """Raises InvalidConfiguration for an argument that is empty or cannot be a name.

    An empty one comes from a variable without a value, and must never mean "everything" or "here".
    """
    for name, value in vars(given).items():
        values = value if isinstance(value, list) else [value]
        if any(isinstance(one, str) and not one.strip() for one in values):
            raise InvalidConfiguration(f"{name.upper()} is empty; give it a value or leave it out.")
    project_id = getattr(given, "project_id", None)
    if project_id is not None and not PROJECT_ID.fullmatch(project_id):
        raise InvalidConfiguration(f"{project_id[:120]!r} cannot be the id of a Kili project.")
    export = getattr(given, "export", None)
    if isinstance(export, str) and not EXPORT_NAME.fullmatch(export):
        raise InvalidConfiguration(f"{export[:120]!r} cannot be the name of an export.")


def _add_registration(commands: Commands) -> None:
    register = commands.add_parser(
        "register", help="declare the exports of a project, in place of the former ones"
    )
    register.set_defaults(command="register")
    register.add_argument("project_id", metavar="PROJECT_ID")
    source = register.add_mutually_exclusive_group(required=True)
    source.add_argument("--file", metavar="FILE", help="YAML or JSON; - reads standard input")
    source.add_argument(
        "--export",
        action="append",
        metavar="NAME=FORMAT",
        help="an export with default options; may be given several times",
    )
    register.add_argument(
        "--key-secret",
        metavar="NAME",
        help="read the project with the API key in this secret, named without the stack's prefix",
    )
    register.add_argument(
        "--yes", action="store_true", help="hide authors in some exports though others name them"
    )
    register.add_argument("--wait", action="store_true", help="wait until all is exported")
    _add_timeout(register)
    _add_target(register)
    unregister = commands.add_parser(
        "unregister", help="end the exports of a project; what was published stays"
    )
    unregister.set_defaults(command="unregister")
    unregister.add_argument("project_id", metavar="PROJECT_ID")
    _add_target(unregister)


def _add_runs(commands: Commands) -> None:
    run = commands.add_parser("run", help="bring the exports of a project up to date now")
    run.add_argument("--full", action="store_true", help="rebuild everything from Kili")
    run.add_argument("--wait", action="store_true", help="wait until it is done")
    wait = commands.add_parser("wait", help="wait until nothing is pending or running")
    reconcile = commands.add_parser("reconcile", help="compare a project with Kili")
    confirm = commands.add_parser("confirm", help="allow the removals that were held")
    release = commands.add_parser("release", help="let latest.zip out that a gate holds back")
    retry = commands.add_parser("retry", help="try assets again that could not be exported")
    named = {
        "run": run,
        "wait": wait,
        "reconcile": reconcile,
        "retry": retry,
        "confirm": confirm,
        "release": release,
    }
    for name, command in named.items():
        command.set_defaults(command=name)
        command.add_argument("project_id", metavar="PROJECT_ID")
        _add_target(command)
    release.add_argument("export", metavar="EXPORT")
    retry.add_argument(
        "asset_ids",
        metavar="ASSET_ID",
        nargs="*",
        help="assets that `status` lists; all of them if none is named",
    )
    for command in (run, wait):
        _add_timeout(command)


def _add_timeout(command: ArgumentParser) -> None:
    command.add_argument(
        "--timeout",
        type=seconds,
        default=600,
        metavar="SECONDS",
        help="how long to wait at most (%(default)s)",
    )


def _add_reading(commands: Commands) -> None:
    status = commands.add_parser("status", help="how projects and their exports stand")
    status.set_defaults(command="status")
    status.add_argument("project_id", metavar="PROJECT_ID", nargs="?")
    status.add_argument(
        "--executions", type=int, default=5, metavar="N", help="how many to show (%(default)s)"
    )
    status.add_argument(
        "--assets", action="store_true", help="name each asset that could not be exported"
    )
    _add_target(status)
    _add_deliveries(commands)
    _add_cost(commands)


def _add_deliveries(commands: Commands) -> None:
    deliveries = commands.add_parser(
        "deliveries", help="which events went to the endpoints that projects declare"
    )
    deliveries.set_defaults(command="deliveries")
    deliveries.add_argument("project_id", metavar="PROJECT_ID", nargs="?")
    chosen = deliveries.add_mutually_exclusive_group()
    chosen.add_argument(
        "--failed", action="store_true", help="only those whose last attempt failed"
    )
    chosen.add_argument("--retry", metavar="ID", help="try a delivery again, for another day")
    _add_target(deliveries)


def _add_cost(commands: Commands) -> None:
    cost = commands.add_parser(
        "cost",
        help="what a project's changes and full exports cost, by list price",
        description="Estimates what a million label events, a full export and a month cost by list "
        "price, from what this project's runs used. It prints its assumptions.",
    )
    cost.set_defaults(command="cost")
    cost.add_argument("project_id", metavar="PROJECT_ID")
    cost.add_argument(
        "--events-per-window",
        type=positive_number,
        default=10,
        metavar="N",
        help="label events that are published together (%(default)s)",
    )
    cost.add_argument(
        "--window", type=positive_number, metavar="SECONDS", help="another than the stack's"
    )
    cost.add_argument(
        "--assets", type=positive_number, metavar="N", help="of the full export (all)"
    )
    cost.add_argument(
        "--projects",
        type=positive_number,
        default=1,
        metavar="N",
        help="projects in the month in which nothing changes (%(default)s)",
    )
    cost.add_argument(
        "--dashboard", action="store_true", help="count a dashboard of CloudWatch into that month"
    )
    cost.add_argument("--prices", metavar="FILE", help="YAML: your dollars for one of some units")
    _add_target(cost)


def _add_webhook(commands: Commands) -> None:
    webhook = commands.add_parser("webhook", help="make Kili call this stack")
    actions = webhook.add_subparsers(metavar="ACTION", required=True)
    for name, text in (("install", "create and activate it"), ("remove", "undo install")):
        action = actions.add_parser(name, help=text)
        action.set_defaults(command=f"webhook {name}")
        action.add_argument("project_id", metavar="PROJECT_ID")
        action.add_argument("--name", help="its name in Kili, unique in the organization")
        _add_target(action)
        if name == "install":
            action.add_argument(
                "--url", help="where Kili reaches this stack's webhook from outside"
            )


def _add_restore(commands: Commands) -> None:
    restore = commands.add_parser(
        "restore",
        help="put back what a bucket has lost, or a backup",
        description="Puts back registrations and keys of pseudonyms that the bucket of a deployed"
        " stack has lost. With --backup it makes the state directory of a stack of this machine out"
        " of what `kili-export backup` made, and compares every file.",
    )
    restore.set_defaults(command="restore")
    restore.add_argument("--backup", metavar="DIRECTORY", help="the backup; --state is made of it")
    _add_target(restore)


def _add_doctor(commands: Commands) -> None:
    doctor = commands.add_parser(
        "doctor",
        help="check what a stack needs, and say what to do",
        description="Checks the stack, Kili's endpoint, the API key, the clock, the bucket, the"
        " webhook and the disk. Without a stack it takes KILI_API_KEY. Status 0 only if nothing"
        " has to be done.",
    )
    doctor.set_defaults(command="doctor")
    doctor.add_argument(
        "project_id", metavar="PROJECT_ID", nargs="?", help="check that its labels can be read too"
    )
    doctor.add_argument("--url", help="where Kili calls the stack, if not at its own address")
    _add_target(doctor)


def _add_teardown(commands: Commands) -> None:
    teardown = commands.add_parser(
        "teardown",
        help="remove the webhooks of all projects before a stack is deleted",
        description="Removes the webhook of every project in Kili, erases all data with --purge, "
        "and says what is kept when the stack is deleted. Doing it again completes it.",
    )
    teardown.set_defaults(command="teardown")
    teardown.add_argument(
        "--purge", action="store_true", help="erase the data of all projects for good"
    )
    teardown.add_argument("--yes", action="store_true", help="needed with --purge")
    _add_target(teardown)


def _add_target(command: ArgumentParser) -> None:
    target = command.add_mutually_exclusive_group()
    target.add_argument("--state", help="state directory of a local stack ($KILI_EXPORT_STATE)")
    target.add_argument("--stack-name", help="a deployed stack, in the usual AWS environment")
    command.add_argument("--json", action="store_true", help="print JSON")
