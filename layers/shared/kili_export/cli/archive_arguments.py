"""The arguments of the commands that keep, follow and erase what was published."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    Commands = _SubParsersAction[ArgumentParser]


def add_archives(commands: Commands, add_target: Callable[[ArgumentParser], None]) -> None:
    """Adds `report`, `snapshot`, `sync` and `purge`."""
    for add in (_add_report, _add_snapshot, _add_sync, _add_purge):
        add_target(add(commands))


def _add_report(commands: Commands) -> ArgumentParser:
    report = commands.add_parser(
        "report",
        help="what an export's format could not hold, and why",
        description="Shows, asset by asset, what the format of an export could not hold or what "
        "was left out. With --json, the report as it is in the bucket.",
    )
    report.set_defaults(command="report")
    _add_export(report)
    return report


def _add_snapshot(commands: Commands) -> ArgumentParser:
    snapshot = commands.add_parser(
        "snapshot",
        help="name the current generation of an export, so that it is kept",
        description="Gives the current generation of an export a name. Nothing is copied; its "
        "archive is kept until the name is deleted. A name is given once.",
    )
    snapshot.set_defaults(command="snapshot")
    _add_export(snapshot)
    snapshot.add_argument("name", metavar="NAME", nargs="?")
    action = snapshot.add_mutually_exclusive_group()
    action.add_argument("--list", action="store_true", help="show the snapshots that there are")
    action.add_argument("--delete", action="store_true", help="take the name away again")
    return snapshot


def _add_sync(commands: Commands) -> ArgumentParser:
    sync = commands.add_parser(
        "sync",
        help="keep a folder equal to an export, fetching only what changed",
        description="Brings a folder up to date with an export. Everything is fetched and "
        "verified before the first file changes; an interrupted sync goes on where it was. "
        "DIRECTORY/.kili-export/state.json tells which generation the folder holds.",
    )
    sync.set_defaults(command="sync")
    _add_export(sync)
    sync.add_argument("directory", metavar="DIRECTORY")
    sync.add_argument("--snapshot", metavar="NAME", help="a snapshot instead of what is current")
    sync.add_argument(
        "--delete", action="store_true", help="remove files that sync did not write, too"
    )
    sync.add_argument("--verify", action="store_true", help="read every file and mend what differs")
    sync.add_argument(
        "--yes", action="store_true", help="take over a folder that is not empty without asking"
    )
    return sync


def _add_purge(commands: Commands) -> ArgumentParser:
    purge = commands.add_parser(
        "purge",
        help="erase what was published, or one deleted asset from all that was",
        description="Erases archives, deltas, snapshots, ledgers, what runs left, registrations "
        "and old object versions of a project, or of one export of it. With --asset, erases "
        "everything that still holds an asset that is not in the current archives any more.",
    )
    purge.set_defaults(command="purge")
    purge.add_argument("project_id", metavar="PROJECT_ID")
    purge.add_argument("export", metavar="EXPORT", nargs="?", help="all of the project's")
    purge.add_argument("--asset", metavar="ASSET_ID", help="this asset alone")
    purge.add_argument("--yes", action="store_true", help="do not ask")
    return purge


def _add_export(command: ArgumentParser) -> None:
    command.add_argument("project_id", metavar="PROJECT_ID")
    command.add_argument("export", metavar="EXPORT")
