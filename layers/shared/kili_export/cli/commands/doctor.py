"""`kili-export doctor`: whether what a stack needs is there, and the way out where it is not."""

import os
import platform
import shutil
from argparse import Namespace
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from kili_export.cli.about_itself import own_version
from kili_export.cli.commands.webhook import checked_url, is_out_of_reach
from kili_export.cli.exit_codes import ExitCode
from kili_export.cli.kili_source import KEY
from kili_export.cli.output import Output, bytes_text
from kili_export.cli.services import StackServices
from kili_export.cli.stack_connection import StackConnection, StackNotRunning, connect
from kili_export.core.errors import AccessDenied, ExportError
from kili_export.wiring.application import kili_with_key
from kili_export.wiring.settings import Settings

if TYPE_CHECKING:
    from kili_export.kili.client import KiliClient

_PATIENCE_SECONDS: Final = 5.0
_SOON: Final = timedelta(days=30)
_APART: Final = timedelta(seconds=60)
"""How far the clocks may differ: leases are compared with the clock, signatures allow minutes."""
_ROOM: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. `way_out` says what to do; empty where nothing has to be done."""

    check: str
    found: str
    way_out: str = ""


def doctor(arguments: Namespace) -> ExitCode:
    """Checks everything. OK only if nothing has to be done."""
    output = Output(as_json=arguments.json)
    findings = list(_findings(arguments))
    wrong = [one for one in findings if one.way_out]
    rows = [("wrong" if one.way_out else "right", one.check, one.found) for one in findings]
    if output.as_json:
        output.result({"ok": not wrong, "checks": [asdict(one) for one in findings]}, "")
    else:
        output.table("What a stack needs", ("", "Check", "Found"), rows)
        for one in wrong:
            output.line(f"{one.check}: {one.way_out}")
    return ExitCode.FAILED if wrong else ExitCode.OK


def _findings(arguments: Namespace) -> Iterator[Finding]:
    yield Finding("version", f"kili-export {own_version()}, Python {platform.python_version()}")
    connection = None
    try:
        connection = connect(arguments)
    except StackNotRunning as error:
        yield Finding("stack", str(error), "Start it: kili-export up")
    except ExportError as error:
        yield Finding("stack", str(error), "Correct the name, the region or the credentials.")
    yield from _kili(arguments, connection)
    if connection is not None:
        yield _bucket(connection)
        yield _webhook(arguments.url, connection)
        if connection.settings.state_directory:
            yield _disk(connection.settings.state_directory)


def _kili(arguments: Namespace, connection: StackConnection | None) -> Iterator[Finding]:
    settings = connection.settings if connection else Settings.from_environment()
    another = "Make another key in Kili (My profile, API keys)"
    try:
        kili = _client(arguments, connection, settings)
        if kili is None:
            yield Finding("key", f"{KEY} is not set", f"{another} and export it as {KEY}.")
            return
        checked = kili.check_key()
    except AccessDenied as error:
        yield Finding("key", str(error), f"{another}, and give it to the stack.")
        return
    except ExportError as error:
        yield Finding("endpoint", str(error), "Correct KILI_API_ENDPOINT, or let traffic through.")
        return
    yield Finding("endpoint", f"{settings.kili_api_endpoint} answers")
    left = checked.expires - datetime.now(UTC) if checked.expires else None
    until = f", until {checked.expires:%Y-%m-%d}" if checked.expires else ""
    renew = f"It expires soon. {another}." if left is not None and left < _SOON else ""
    yield Finding("key", f"Kili takes it{until}", renew)
    if checked.kili_time:
        apart = datetime.now(UTC) - checked.kili_time
        way_out = "Set this machine's clock, by NTP." if abs(apart) > _APART else ""
        yield Finding("clock", f"{apart.total_seconds():+.0f} s from Kili's", way_out)
    if arguments.project_id:
        yield _project(kili, arguments.project_id)


def _client(
    arguments: Namespace, connection: StackConnection | None, settings: Settings
) -> "KiliClient | None":
    if connection is not None:
        application = StackServices.of(connection).application
        return application.kili(arguments.project_id, patience=_PATIENCE_SECONDS)
    key = os.environ.get(KEY, "").strip()
    return kili_with_key(settings, key, patience_seconds=_PATIENCE_SECONDS) if key else None


def _project(kili: "KiliClient", project_id: str) -> Finding:
    try:
        project = kili.project(project_id)
        found = f"{project.title!r}, {kili.count_assets(project_id)} assets"
    except ExportError as error:
        way_out = "Correct its id, or let the key's user see the project and its labels in Kili."
        return Finding("project", str(error), way_out)
    return Finding("project", found)


def _bucket(connection: StackConnection) -> Finding:
    try:
        projects = StackServices.of(connection).status.projects()
    except ExportError as error:
        return Finding("bucket", str(error), "Use credentials with the stack's OperatorPolicyArn.")
    return Finding("bucket", f"can be read, projects with exports: {len(projects)}")


def _webhook(given: str | None, connection: StackConnection) -> Finding:
    url = checked_url(given or connection.webhook_url)
    if is_out_of_reach(url, connection):
        way_out = (
            "Kili cannot call it: give `doctor` and `webhook install` a public --url. Without,"
            " the comparison finds changes on its schedule."
        )
        return Finding("webhook", f"{url} is this machine's own address", way_out)
    try:
        status = _status_of(url)
    except (OSError, HTTPException) as error:
        reason = str(error) or type(error).__name__
        return Finding("webhook", f"{url}: {reason}", "Let Kili's calls through to the stack.")
    way_out = "" if status < 500 else "What is in front of the stack does not reach it."
    return Finding("webhook", f"{url} answers {status} from here", way_out)


def _status_of(url: str) -> int:
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    with closing(kind(parts.hostname or "", parts.port, timeout=_PATIENCE_SECONDS)) as line:
        line.request("GET", parts.path or "/")
        return line.getresponse().status


def _disk(folder: str) -> Finding:
    free = shutil.disk_usage(folder).free
    way_out = f"Make room: {bytes_text(_ROOM)} at least." if free < _ROOM else ""
    return Finding("disk", f"{bytes_text(free)} free at {folder}", way_out)
