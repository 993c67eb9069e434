"""`kili-export purge`: erases what was published."""

import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Sequence
from typing import Final

from kili_export.cli.exit_codes import ExitCode
from kili_export.cli.output import Output, bytes_text
from kili_export.cli.services import StackServices
from kili_export.cli.stack_connection import connect
from kili_export.core.counted import counted
from kili_export.core.errors import InvalidConfiguration
from kili_export.maintenance.retention.eraser import Erased
from kili_export.maintenance.retention.purge_asset import PurgeAsset
from kili_export.maintenance.retention.purge_export import PurgeExports
from kili_export.registration.copies import erase_copies, keep_copies
from kili_export.wiring import operating


def purge(arguments: Namespace) -> ExitCode:
    """Shows what would go, asks, and erases it."""
    output = Output(as_json=arguments.json)
    services = StackServices.of(connect(arguments))
    application = services.application
    eraser = operating.eraser(application)
    if services.connection.local is not None:
        services.connection.local.check_it_can_erase()
    if arguments.asset:
        return _purge_asset(PurgeAsset(eraser), services, arguments, output)
    use_case = PurgeExports(eraser, application.changes, application.project_state)
    wanted = (arguments.project_id, arguments.export)
    try:
        found = use_case.find(*wanted)
    except InvalidConfiguration:
        # A purge before this one may have come no further than the objects.
        purge_traces(services, *wanted)
        raise
    size = bytes_text(sum(stored.size for stored in found))
    what = f"{_kinds([stored.key for stored in found])} ({size})"
    if not _agreed(arguments, what):
        return _left(arguments, output)
    erased = use_case(*wanted)
    purge_copies(services, *wanted)
    purge_traces(services, *wanted)
    _tell(arguments, services, output, erased)
    return ExitCode.OK


def purge_copies(services: StackServices, project_id: str, export: str | None) -> None:
    """Erases the copies of a purged project, or follows what an export's purge changed."""
    if services.copies is None:
        return
    if export is None:
        erase_copies(services.copies, project_id)
    else:
        keep_copies(services.objects, services.copies, project_id)


def purge_traces(
    services: StackServices, project_id: str, export: str | None, asset_ids: Sequence[str] = ()
) -> None:
    """Erases what a stack keeps besides objects. AWS keeps what `_KEPT` says."""
    if export is None and not asset_ids:
        services.application.deliveries.erase(project_id)
    local = services.connection.local
    if local is None:
        return
    words = asset_ids or ((project_id,) if export is None else ())
    local.erase_traces(services.objects, project_id, words)


def _purge_asset(
    use_case: PurgeAsset, services: StackServices, arguments: Namespace, output: Output
) -> ExitCode:
    wanted = (arguments.project_id, arguments.export, arguments.asset)
    keys = [key for traces in use_case.find(*wanted) for key in traces.keys]
    what = f"{_kinds(keys)}, everything that runs left, and former versions"
    if not _agreed(arguments, what):
        return _left(arguments, output)
    erased = use_case(*wanted)
    purge_traces(services, *wanted[:2], (arguments.asset,))
    _tell(arguments, services, output, erased)
    return ExitCode.OK


def _agreed(arguments: Namespace, what: str) -> bool:
    if arguments.yes:
        return True
    if sys.stdin is None or not sys.stdin.isatty():
        raise InvalidConfiguration(
            f"This erases for good: {what}. There is no terminal to ask on: confirm with --yes."
        )
    print(f"This erases for good: {what}.", file=sys.stderr)
    print(f"Type the project's id, {arguments.project_id}, to go on: ", end="", file=sys.stderr)
    sys.stderr.flush()
    return sys.stdin.readline().strip() == str(arguments.project_id)


def _left(arguments: Namespace, output: Output) -> ExitCode:
    answer = {"project_id": arguments.project_id, "purged": False}
    output.result(answer, "Nothing was erased.")
    return ExitCode.FAILED


def _tell(arguments: Namespace, services: StackServices, output: Output, erased: Erased) -> None:
    kept = () if services.connection.local is not None else _KEPT
    answer = {
        "project_id": arguments.project_id,
        "export": arguments.export,
        "asset_id": arguments.asset,
        "purged": True,
        "objects": sorted(erased.keys),
        "versions": erased.versions,
        "kept": kept,
    }
    text = f"Erased {_kinds(list(erased.keys))}, {counted(erased.versions, 'former version')}."
    keys = sorted(erased.keys)
    lines = [text, *(f"  {key}" for key in keys[:_SHOWN])]
    if len(keys) > _SHOWN:
        lines.append(f"  … and {len(keys) - _SHOWN} more; --json lists all.")
    lines.extend(f"AWS keeps for a while: {what}." for what in kept)
    output.result(answer, "\n".join(lines))


_SHOWN: Final = 20
_KEPT: Final = (
    "histories of executions, 90 days",
    "logs of functions, as long as LogRetentionDays says",
    "the table's point-in-time recovery, 35 days",
    "deliveries of events, which may name assets, 7 days; those of a purged project are erased",
)
"""What AWS keeps of a purged project. It offers no way to erase single histories or log lines."""
_KINDS = {
    "archives": "archive",
    "deltas": "delta",
    "files": "files table",
    "snapshots": "snapshot",
    "ledgers": "ledger",
    "runs": "run object",
    "registrations": "registration",
}
_OTHER = "other object"


def _kinds(keys: list[str]) -> str:
    """How many objects of which kind, in words."""
    counts = Counter(
        next((kind for place, kind in _KINDS.items() if place in key.split("/")[:-1]), _OTHER)
        for key in keys
    )
    found = [counted(count, kind) for kind, count in counts.most_common()]
    return ", ".join(found) or counted(0, "object")
