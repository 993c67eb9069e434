"""What counts as lost: accepted, and neither pending nor published."""

import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from devtools.crashes import judgement
from kili_export.local.stack.state_directory import StateDirectory
from kili_export.machine.change_store import SqliteChangeStore
from kili_export.machine.database import Database

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LATER = NOON + timedelta(seconds=1)


def archive_of(**created: datetime) -> zipfile.ZipFile:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr("README.kili.txt", "")
        for asset_id, moment in created.items():
            label = {"createdAt": moment.isoformat()}
            document = {"id": asset_id, "latestLabel": label}
            archive.writestr(f"labels/{asset_id}.json", json.dumps(document))
    return zipfile.ZipFile(written)


@pytest.mark.parametrize(
    ("pending", "published", "lost"),
    [
        ((), {}, ["a", "b"]),
        (("a", "b"), {}, []),
        (("a",), {"b": NOON}, ["b"]),
        (("a",), {"b": LATER}, []),
        ((), {"a": LATER, "b": LATER + timedelta(hours=1)}, []),
    ],
)
def test_an_accepted_label_is_pending_or_published_or_lost(
    pending: tuple[str, ...],
    published: dict[str, datetime],
    lost: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    database = Database(StateDirectory(tmp_path).database)
    changes = SqliteChangeStore(database, lambda: None)
    changes.mark("p", "asset#another", version="v", at=NOON)
    for asset_id in pending:
        changes.mark("p", f"asset#{asset_id}", version="v", at=NOON)
    database.close()
    read = judgement.newest_labels(archive_of(**published))
    monkeypatch.setattr(judgement, "_published", lambda *_: read)
    accepted = {"a": LATER, "b": LATER}
    assert judgement.lost_events(tmp_path, "p", "raw", accepted) == lost
