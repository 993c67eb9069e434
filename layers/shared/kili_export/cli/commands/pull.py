"""`kili-export pull`: the current archive of an export as a file."""

import os
import tempfile
from argparse import Namespace
from pathlib import Path

from kili_export.archives.manifest import Manifest
from kili_export.cli.exit_codes import ExitCode
from kili_export.cli.output import Output, bytes_text
from kili_export.cli.services import Services
from kili_export.cli.stack_connection import connect
from kili_export.core.errors import InvalidConfiguration
from kili_export.reading.pull import pull_archive


def pull(arguments: Namespace) -> ExitCode:
    """Downloads beside the target and renames: the target is whole, or as it was before."""
    output = Output(as_json=arguments.json)
    services = Services.of(connect(arguments))
    target = Path(arguments.output)
    manifest = download(
        services, arguments.project_id, arguments.export, target, arguments.snapshot
    )
    archive, size = manifest.archive, target.stat().st_size
    answer = {
        "file": str(target),
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
    services: Services, project_id: str, export: str, target: Path, snapshot: str | None = None
) -> Manifest:
    """The current archive, or a snapshot's, in `target`, all or nothing.

    Raises as `pull_archive` does.
    """
    folder = target.parent
    if not folder.is_dir():
        raise InvalidConfiguration(f"{folder} is not a directory")
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=f".{target.name}.", suffix=".part")
    try:
        with os.fdopen(descriptor, "w+b") as file:
            manifest = pull_archive(services.objects, project_id, export, file, snapshot=snapshot)
            file.flush()
            os.fsync(file.fileno())
        # A file that is made for its owner alone becomes one like any other.
        umask = os.umask(0)
        os.umask(umask)
        Path(name).chmod(0o666 & ~umask)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return manifest
