"""The entry point of `kili-export`."""

import sys
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module

from botocore.exceptions import NoRegionError

from kili_export.domain.errors import (
    ExportError,
    InvalidConfiguration,
    RemovalsHeld,
    RequestRefused,
    TransientError,
)
from local.cli.arguments import parser
from local.cli.exit_codes import ExitCode
from local.cli.output import complain

# Imported when they are run: `up` and `demo` bring much that the others do not need.
_COMMANDS: Mapping[str, str] = {
    "up": "local.cli.up:up",
    "demo": "local.demo.command:demo",
    "register": "local.cli.register:register",
    "unregister": "local.cli.register:unregister",
    "run": "local.cli.runs:run",
    "wait": "local.cli.runs:wait",
    "reconcile": "local.cli.runs:reconcile",
    "confirm": "local.cli.runs:confirm",
    "retry": "local.cli.runs:retry",
    "status": "local.cli.status:status",
    "cost": "local.cli.cost:cost",
    "pull": "local.cli.pull:pull",
    "report": "local.cli.report:report",
    "snapshot": "local.cli.snapshot:snapshot",
    "sync": "local.cli.sync:sync",
    "purge": "local.cli.purge:purge",
    "assets": "local.cli.rows:assets",
    "labels": "local.cli.rows:labels",
    "webhook install": "local.cli.webhook:install",
    "webhook remove": "local.cli.webhook:remove",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; the exit status."""
    given = parser().parse_args(arguments)
    try:
        return int(_command(given.command)(given))
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


def _command(name: str) -> Callable[[Namespace], ExitCode]:
    module, _, function = _COMMANDS[name].partition(":")
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
