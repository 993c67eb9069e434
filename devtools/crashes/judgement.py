"""Whether a state directory, as a crash left it, holds everything that was accepted."""

import json
import zipfile
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryFile

from kili_export.aws.s3 import S3ObjectStore
from kili_export.changes.events.pending_changes import asset_subject
from kili_export.local.stack.resources import ResourceNames
from kili_export.local.stack.seaweed import SeaweedServer
from kili_export.local.stack.state_directory import StateDirectory
from kili_export.machine.change_store import SqliteChangeStore
from kili_export.machine.database import Database
from kili_export.reading.pull import pull_archive

PRECISION = timedelta(milliseconds=1)
"""Of the times that archives hold."""


def lost_events(
    state: Path, project_id: str, export: str, accepted: Mapping[str, datetime]
) -> list[str]:
    """The assets with a label that was accepted and is neither pending nor published there.

    No stack may run on the directory. `accepted` has, for each asset, the creation time of the
    newest label whose event was accepted. `export` has the format `kili`.
    """
    pending = _pending(state, project_id)
    waited_for = {one for one in accepted if asset_subject(one) not in pending}
    if not waited_for:
        return []
    published = _published(state, project_id, export)
    return [
        one
        for one in sorted(waited_for)
        if one not in published or published[one] < accepted[one] - PRECISION
    ]


def _pending(state: Path, project_id: str) -> set[str]:
    database = Database(StateDirectory(state).database)
    with closing(database):
        store = SqliteChangeStore(database, lambda: None)
        return {mark.subject for mark in store.marks(project_id)}


def _published(state: Path, project_id: str, export: str) -> dict[str, datetime]:
    """By asset, when the label that is published of it was created."""
    directory = StateDirectory(state)
    credentials = directory.credentials()
    bucket = ResourceNames().bucket
    server = SeaweedServer(
        directory.objects,
        bucket=bucket,
        access_key_id=credentials.access_key_id,
        secret_access_key=credentials.secret_access_key,
    )
    server.start()
    try:
        with TemporaryFile() as file:
            pull_archive(S3ObjectStore(server.client(), bucket), project_id, export, file)
            return newest_labels(zipfile.ZipFile(file))
    finally:
        server.stop()


def newest_labels(archive: zipfile.ZipFile) -> dict[str, datetime]:
    """By asset, when the newest label that is in an archive of format `kili` was created."""
    found = {}
    with archive:
        for name in archive.namelist():
            if name.startswith("labels/") and name.endswith(".json"):
                asset = json.loads(archive.read(name))
                created = asset["latestLabel"]["createdAt"]
                found[str(asset["id"])] = datetime.fromisoformat(created)
    return found
