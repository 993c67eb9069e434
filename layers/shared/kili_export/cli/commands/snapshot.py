"""`kili-export snapshot`: names that keep a generation."""

from argparse import Namespace
from typing import Any

from kili_export.archives.known_exports import require_export
from kili_export.archives.manifest import Manifest
from kili_export.archives.snapshots import iter_snapshots
from kili_export.cli.exit_codes import ExitCode
from kili_export.cli.output import Output, bytes_text, moment_text
from kili_export.cli.reading_source import ReadingSource
from kili_export.cli.services import StackServices
from kili_export.cli.stack_connection import connect
from kili_export.core.errors import InvalidConfiguration
from kili_export.reading.take_snapshot import delete_snapshot, take_snapshot
from kili_export.storage.object_store import ObjectStore


def snapshot(arguments: Namespace) -> ExitCode:
    """Takes a snapshot, lists those that there are, or deletes one."""
    if (arguments.name is None) != arguments.list:
        raise InvalidConfiguration(
            "Give the snapshot a name: kili-export snapshot PROJECT_ID EXPORT NAME; or ask for "
            "all that there are: --list, without a name"
        )
    output = Output(as_json=arguments.json)
    services = StackServices.of(connect(arguments))
    if arguments.list:
        require_export(services.objects, arguments.project_id, arguments.export)
        _list(services.objects, arguments, output)
        return ExitCode.OK
    act = delete_snapshot if arguments.delete else take_snapshot
    manifest = act(services.objects, arguments.project_id, arguments.export, arguments.name)
    done = "deleted" if arguments.delete else "taken"
    answer = {**_described(arguments.name, manifest), done: True}
    text = f"Snapshot {arguments.name} of generation {manifest.generation} is {done}."
    output.result(answer, text)
    return ExitCode.OK


def snapshots(arguments: Namespace) -> ExitCode:
    """Lists the snapshots that there are; needs `exports/` alone."""
    source = ReadingSource.of(arguments)
    source.export(arguments)
    _list(source.objects, arguments, Output(as_json=arguments.json))
    return ExitCode.OK


def _list(objects: ObjectStore, arguments: Namespace, output: Output) -> None:
    found = list(iter_snapshots(objects, arguments.project_id, arguments.export))
    if output.as_json:
        output.result({"snapshots": [_described(*one) for one in found]}, "")
    elif not found:
        output.line(f"Export {arguments.export} has no snapshots.")
    else:
        rows = [
            (
                name,
                manifest.generation,
                bytes_text(manifest.archive.size),
                moment_text(manifest.published_at),
            )
            for name, manifest in found
        ]
        columns = ("Snapshot", "Generation", "Size", "Published")
        output.table(f"Snapshots of {arguments.export}", columns, rows)


def _described(name: str, manifest: Manifest) -> dict[str, Any]:
    return {
        "name": name,
        "project_id": manifest.project_id,
        "export": manifest.export_name,
        "generation": manifest.generation,
        "archive_key": manifest.archive.key,
        "etag": manifest.archive.etag,
        "size": manifest.archive.size,
        "published_at": manifest.published_at.isoformat(),
    }
