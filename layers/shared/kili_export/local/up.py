"""`kili-export up`: the whole system on this machine, until a signal ends it."""

import json
import os
import shlex
import signal
import sys
import threading
from argparse import Namespace
from pathlib import Path

from kili_export.cli.exit_codes import ExitCode
from kili_export.cli.output import complain
from kili_export.core.errors import (
    AccessDenied,
    InvalidConfiguration,
    RequestRefused,
    TransientError,
)
from kili_export.local.stack.child import ServerDidNotStart
from kili_export.local.stack.environment import direct_loopback
from kili_export.local.stack.private_files import UMASK
from kili_export.local.stack.state_directory import RunningStack, default_state
from kili_export.local.stack.supervisor import LocalStack, StackOptions, announcement
from kili_export.local.stack.workers import WorkerDidNotStart
from kili_export.wiring.application import kili_with_key
from kili_export.wiring.settings import VARIABLES, Settings

# What the wiring decides is not for the caller's environment to change.
_WIRING = (
    "_NAME",
    "_ARN",
    "_SECRET_ID",
    "_ENDPOINT",
    "_PREFIX",
    "WINDOW_SECONDS",
    "SETTLE_SECONDS",
)
_KEY = "KILI_API_KEY"
_PROJECT_KEY = "KILI_PROJECT_KEY_"
"""Begins the names of variables with the keys of single projects; their secret's name follows."""
_NOTIFY_SECRET = "KILI_EXPORT_NOTIFY_SECRET_"  # noqa: S105 a name
"""Begins those with what deliveries are signed with, likewise."""


def up(arguments: Namespace) -> ExitCode:
    """Runs the stack until SIGINT or SIGTERM."""
    options = _options(arguments)
    os.environ.update(direct_loopback())
    check_keys(options)
    os.umask(UMASK)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        with (stack := LocalStack(options, _tell)) as running:
            print(json.dumps(announcement(running)), flush=True)
            _tell(f"Ready. Kili may call {running.webhook_url}; stop with Ctrl+C.")
            _tell(where_to_look(running))
            ended = stack.watch(stop)
    except (ServerDidNotStart, WorkerDidNotStart) as error:
        complain(f"{error}. The logs are in {options.state}/logs.")
        return ExitCode.FAILED
    if ended:
        complain(
            f"{ended} ended by itself; its log is in {options.state}/logs. Nothing that was "
            "accepted is lost: start the stack again."
        )
        return ExitCode.FAILED
    return ExitCode.OK


def where_to_look(running: RunningStack) -> str:
    """Where the page of all exports is, which is no secret of who looks at this terminal.

    A log, which others may read, does not get its token.
    """
    if sys.stderr.isatty():
        return f"Look at the exports: {running.page_url}"
    return (
        "To look at the exports, open page_url of: kili-export credentials --state "
        f"{shlex.quote(running.state_dir)}"
    )


def check_keys(options: StackOptions) -> None:
    """Raises InvalidConfiguration when Kili refuses a key.

    A Kili that does not answer is no reason not to start: runs wait until it does.
    """
    settings = Settings.from_environment()
    named = {f"{_PROJECT_KEY}{name}": key for name, key in options.project_keys.items()}
    for variable, key in {_KEY: options.kili_api_key, **named}.items():
        try:
            kili_with_key(settings, key, patience_seconds=0).check_key()
        except AccessDenied as error:
            raise InvalidConfiguration(
                f"Kili refuses the key of {variable}: {error}. Make another one in Kili"
                " (My profile, API keys) and export it."
            ) from error
        except (TransientError, RequestRefused) as error:
            _tell(f"The key of {variable} could not be checked: {error}.")


def _options(arguments: Namespace) -> StackOptions:
    if arguments.subscribe and not arguments.follow_every:
        raise InvalidConfiguration(
            "--subscribe wakes who follows events; leave out --follow-every 0."
        )
    key = os.environ.get(_KEY, "").strip()
    if not key:
        raise InvalidConfiguration(
            "KILI_API_KEY is not set. Make a key in Kili (My profile, API keys) and export it, "
            "or see the whole system without Kili: kili-export demo"
        )
    return StackOptions(
        state=Path(arguments.state) if arguments.state else default_state(),
        kili_api_endpoint=Settings.from_environment().kili_api_endpoint,
        kili_api_key=key,
        project_keys=_named(_PROJECT_KEY),
        notify_secrets=_named(_NOTIFY_SECRET),
        host=arguments.host,
        port=arguments.port,
        window=arguments.window,
        settle=arguments.settle,
        reconcile_every=arguments.reconcile_every,
        follow_every=arguments.follow_every,
        subscribe=arguments.subscribe,
        s3_door=arguments.s3_door,
        tuning={
            one.name: os.environ[one.name]
            for one in VARIABLES
            if one.name in os.environ and not one.name.endswith(_WIRING)
        },
    )


def _named(beginning: str) -> dict[str, str]:
    """The variables whose names begin so, by the rest of their names."""
    return {
        name.removeprefix(beginning): value.strip()
        for name, value in os.environ.items()
        if name.startswith(beginning) and value.strip()
    }


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
