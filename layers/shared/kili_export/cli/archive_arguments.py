"""The arguments of the commands that read, keep and erase what was published."""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError, Namespace
from typing import TYPE_CHECKING, Any, Final

from kili_export.core.errors import InvalidConfiguration
from kili_export.reading.export_address import SCHEME, ExportAddress

if TYPE_CHECKING:
    from argparse import _SubParsersAction
    from collections.abc import Callable, Sequence

    Commands = _SubParsersAction[ArgumentParser]
_LAST_PORT: Final = 65535
_ADDRESS_HELP = "or, in place of it and of EXPORT, s3://BUCKET/exports/PROJECT_ID/EXPORT"


class CommandParser(ArgumentParser):
    """The parser of one command; `takes_address` where an address may name the export."""

    takes_address = False

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Namespace | None = None
    ) -> tuple[Namespace, list[str]]:
        """Takes an address at the first place for a project, an export and a bucket."""
        words = list(args or ())
        at = self._first_place(words) if self.takes_address else None
        if at is not None and words[at].startswith(SCHEME):
            try:
                address = ExportAddress.parse(words[at])
            except InvalidConfiguration as error:
                self.error(str(error))
            words[at : at + 1] = [address.project_id, address.export, "--bucket", address.bucket]
        return super().parse_known_args(words, namespace)

    def _first_place(self, words: Sequence[str]) -> int | None:
        """Where the first word is that is no option, nor the value of one."""
        at = 0
        while at < len(words):
            word = words[at]
            if not word.startswith("-") or word == "-":
                return at
            at += 2 if self._takes_value(word) else 1
        return None

    def _takes_value(self, word: str) -> bool:
        """Whether the next word belongs to an option, which may be written short."""
        meant = [
            action
            for option, action in self._option_string_actions.items()
            if option == word or (option.startswith(word) and word.startswith("--"))
        ]
        return bool(meant) and meant[0].nargs is None


def add_archives(commands: Commands, add_target: Callable[[ArgumentParser], None]) -> None:
    """Adds what readers use, and `snapshot` and `purge`."""
    readers = (
        _add_pull,
        _add_sync,
        _add_report,
        _add_diff,
        _add_history,
        _add_snapshots,
        _add_view,
    )
    for add in readers:
        command = add(commands)
        add_target(command)
        _add_access(command)
    for add in (_add_snapshot, _add_purge):
        add_target(add(commands))


def _add_access(command: ArgumentParser) -> None:
    """How S3 is reached where an address names the export."""
    access = command.add_argument_group(
        "readers' access",
        "With an address nothing but exports/ is read, with the credentials of AWS's tools.",
    )
    access.add_argument("--endpoint-url", metavar="URL", help="another S3 than that of AWS")
    access.add_argument("--profile", metavar="NAME", help="a profile of AWS's configuration")
    access.add_argument("--region", metavar="NAME", help="the region of the bucket")
    access.add_argument("--bucket", help=SUPPRESS)


def _reader(
    commands: Commands, name: str, help_text: str, *, of_all: bool = False, **more: Any
) -> ArgumentParser:
    """A command that reads one export; `of_all`: or all of a project, when none is named."""
    command = commands.add_parser(name, help=help_text, **more)
    command.set_defaults(command=name)
    command.add_argument("project_id", metavar="PROJECT_ID", help=_ADDRESS_HELP)
    command.add_argument(
        "export",
        metavar="EXPORT",
        nargs="?" if of_all else None,
        help="all of the project if none is named" if of_all else None,
    )
    if isinstance(command, CommandParser):
        command.takes_address = True
    return command


def _add_pull(commands: Commands) -> ArgumentParser:
    pull = _reader(commands, "pull", "download the current archive of an export")
    pull.add_argument("--output", required=True, metavar="FILE")
    pull.add_argument("--snapshot", metavar="NAME", help="a snapshot's archive instead")
    return pull


def _add_report(commands: Commands) -> ArgumentParser:
    return _reader(
        commands,
        "report",
        "what an export's format could not hold, and why",
        description="Shows, asset by asset, what the format of an export could not hold or what "
        "was left out. With --json, the report as it is in the bucket.",
    )


def _add_diff(commands: Commands) -> ArgumentParser:
    diff = _reader(
        commands,
        "diff",
        "what changed between two generations or snapshots",
        description="Shows the files and assets that came, changed and went from FROM to TO. "
        "Numbers name generations, other words snapshots. Without TO it is what is current.",
    )
    diff.add_argument("before", metavar="FROM")
    diff.add_argument("after", metavar="TO", nargs="?")
    return diff


def _add_history(commands: Commands) -> ArgumentParser:
    return _reader(
        commands,
        "history",
        "the generations of an export, and what each changed",
        of_all=True,
        description="Shows the generations that the deltas of an export lead back to: when they "
        "were published, how many files came, changed and went, and the bytes of their deltas.",
    )


def _add_snapshots(commands: Commands) -> ArgumentParser:
    return _reader(commands, "snapshots", "the snapshots of an export")


def _add_view(commands: Commands) -> ArgumentParser:
    view = _reader(
        commands,
        "view",
        "a page that shows an export: its classes, pictures, history and losses",
        description="Serves a page on this machine alone until Ctrl+C: what the export is and how "
        "fresh, its classes, its history, pictures with their labels drawn over them, and what "
        "could not be exported. Prints the address to open, which holds a token.",
    )
    view.add_argument(
        "--port", type=_port, default=0, metavar="PORT", help="where it listens (a free one)"
    )
    return view


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > _LAST_PORT:
        raise ArgumentTypeError(f"{text!r} is no port")
    return int(text)


def _add_snapshot(commands: Commands) -> ArgumentParser:
    snapshot = commands.add_parser(
        "snapshot",
        help="name the current generation of an export, so that it is kept",
        description="Gives the current generation of an export a name. Nothing is copied; its "
        "archive is kept until the name is deleted. A name is given once.",
    )
    snapshot.set_defaults(command="snapshot")
    snapshot.add_argument("project_id", metavar="PROJECT_ID")
    snapshot.add_argument("export", metavar="EXPORT")
    snapshot.add_argument("name", metavar="NAME", nargs="?")
    action = snapshot.add_mutually_exclusive_group()
    action.add_argument("--list", action="store_true", help="show the snapshots that there are")
    action.add_argument("--delete", action="store_true", help="take the name away again")
    return snapshot


def _add_sync(commands: Commands) -> ArgumentParser:
    sync = _reader(
        commands,
        "sync",
        "keep a folder equal to an export, fetching only what changed",
        description="Brings a folder up to date with an export. Everything is fetched and "
        "verified before the first file changes; an interrupted sync goes on where it was. "
        "DIRECTORY/.kili-export/state.json tells which generation the folder holds. With "
        "s3://BUCKET/PREFIX for DIRECTORY each file is an object below that prefix, replaced as "
        "a whole, one after another.",
    )
    sync.add_argument(
        "directory", metavar="DIRECTORY", help="a folder, or s3://BUCKET/PREFIX of a bucket"
    )
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
