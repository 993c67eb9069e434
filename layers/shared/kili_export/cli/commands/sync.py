"""`kili-export sync`: a folder that follows an export."""

import sys
from argparse import Namespace
from contextlib import AbstractContextManager
from typing import Any

from kili_export.cli.exit_codes import ExitCode
from kili_export.cli.files import using
from kili_export.cli.output import Output, bytes_text
from kili_export.cli.reading_source import ReadingSource
from kili_export.core.counted import counted
from kili_export.reading.export_address import is_address, parse_prefix
from kili_export.reading.folder import FolderOnDisk
from kili_export.reading.followed_prefix import FollowedPrefix
from kili_export.reading.following_folder import FollowingFolder
from kili_export.reading.sync import SyncRequest, SyncResult, sync_folder

_OTHER_CLASSES = (
    "The project's classes changed since: a class's number may mean another one than before."
)


def sync(arguments: Namespace) -> ExitCode:
    """Brings a folder up to date."""
    output = Output(as_json=arguments.json)
    source = ReadingSource.of(arguments)
    begun = source.traffic.snapshot()
    with using(arguments.directory), _opened(arguments.directory, source) as folder:
        wish = SyncRequest(
            arguments.project_id,
            arguments.export,
            snapshot=arguments.snapshot,
            delete=arguments.delete,
            verify=arguments.verify,
            take_over=arguments.yes or _agreed(folder, arguments),
        )
        synced = sync_folder(source.objects, folder, wish)
    moved = source.traffic.snapshot().bytes_down - begun.bytes_down
    output.result(_answer(arguments, synced, moved), _summary(arguments.directory, synced, moved))
    return ExitCode.QUARANTINED if synced.manifest.quarantined else ExitCode.OK


def _opened(directory: str, source: ReadingSource) -> AbstractContextManager[FollowingFolder]:
    """The folder, or the prefix of a bucket. Raises InvalidConfiguration."""
    if not is_address(directory):
        return FolderOnDisk.open(directory)
    bucket, prefix = parse_prefix(directory)
    return FollowedPrefix.open(source.target(bucket), prefix)


def _agreed(folder: FollowingFolder, arguments: Namespace) -> bool:
    """Asks, where there is somebody to ask, whether a folder that is not empty may be taken."""
    if sys.stdin is None or not sys.stdin.isatty() or not folder.is_foreign():
        return False
    deletes = " Files in it that are not of the export are removed." if arguments.delete else ""
    print(
        f"{arguments.directory} is not empty and did not follow an export before.{deletes}",
        file=sys.stderr,
    )
    print("Type yes to go on: ", end="", file=sys.stderr)
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() == "yes"


def _answer(arguments: Namespace, synced: SyncResult, moved: int) -> dict[str, Any]:
    manifest = synced.manifest
    return {
        "project_id": manifest.project_id,
        "export": manifest.export_name,
        "directory": arguments.directory,
        "generation": manifest.generation,
        "from_generation": synced.from_generation,
        "lineage": manifest.lineage,
        "published_at": manifest.published_at.isoformat(),
        "ended_at": manifest.ended_at.isoformat() if manifest.ended_at else None,
        "method": synced.method,
        "written": synced.written,
        "removed": synced.removed,
        "fetched": synced.fetched,
        "resumed": synced.resumed,
        "files": synced.files,
        "bytes_down": moved,
        "quarantined": len(manifest.quarantined),
        "classes_changed": synced.classes_changed,
    }


def _summary(directory: str, synced: SyncResult, moved: int) -> str:
    files = counted(synced.files, "file")
    generation = f"{directory}: generation {synced.manifest.generation}, {files}"
    done = f"{generation}, nothing to do"
    if synced.written or synced.removed:
        done = (
            f"{generation}; {synced.written} written, {synced.removed} removed, "
            f"{bytes_text(moved)} fetched from the {synced.method}"
        )
    ended = synced.manifest.ended_at
    notes = (
        _OTHER_CLASSES if synced.classes_changed else "",
        f"The export ended on {ended:%Y-%m-%d %H:%M} UTC: it follows the project no more."
        if ended
        else "",
    )
    return "\n".join([done, *filter(None, notes)])
