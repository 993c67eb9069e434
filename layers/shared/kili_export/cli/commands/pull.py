"""`kili-export pull`: the current archive of an export as a file."""

from argparse import Namespace
from pathlib import Path

from kili_export.archives.manifest import Manifest
from kili_export.cli.exit_codes import ExitCode
from kili_export.cli.files import STANDARD, check_target, whole_file
from kili_export.cli.output import Output, bytes_text
from kili_export.cli.progress import ProgressDisplay
from kili_export.cli.reading_source import ReadingSource
from kili_export.cli.services import StackServices
from kili_export.core.progress import Tell
from kili_export.reading.pull import pull_archive
from kili_export.storage.object_store import ObjectStore


def pull(arguments: Namespace) -> ExitCode:
    """Downloads beside the target and renames: the target is whole, or as it was before."""
    output = Output(as_json=arguments.json)
    target: str = arguments.output
    check_target(target)
    objects = ReadingSource.of(arguments).objects
    place = (arguments.project_id, arguments.export, target, arguments.snapshot)
    # Standard output is for the archive, where that goes there.
    with ProgressDisplay.choose(as_json=output.as_json and target != STANDARD) as display:
        manifest, size = _download(objects, *place, display)
    if target != STANDARD:
        archive = manifest.archive
        answer = {
            "file": target,
            "bytes": size,
            "generation": manifest.generation,
            "archive_key": archive.key,
            "etag": archive.etag,
            "deltas_after_archive": len(manifest.deltas),
            "published_at": manifest.published_at.isoformat(),
            "quarantined": len(manifest.quarantined),
        }
        text = f"{target}: generation {manifest.generation}, {bytes_text(size)}"
        output.result(answer, text)
    return ExitCode.QUARANTINED if manifest.quarantined else ExitCode.OK


def download(
    services: StackServices, project_id: str, export: str, target: Path, snapshot: str | None = None
) -> Manifest:
    """The current archive, or a snapshot's, in `target`, all or nothing.

    Raises as `pull_archive` and `whole_file` do.
    """
    return _download(services.objects, project_id, export, str(target), snapshot)[0]


def _download(
    objects: ObjectStore,
    project_id: str,
    export: str,
    target: str,
    snapshot: str | None,
    tell: Tell = lambda _: None,
) -> tuple[Manifest, int]:
    with whole_file(target) as file:
        manifest = pull_archive(objects, project_id, export, file, snapshot=snapshot, tell=tell)
        return manifest, file.tell()
