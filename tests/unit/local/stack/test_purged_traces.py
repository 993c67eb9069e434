"""A purge leaves no line and no execution that names what was purged, and every other one."""

from datetime import UTC, datetime
from pathlib import Path

from kili_export.core.clock import SystemClock
from kili_export.local.stack.purged_traces import blank_lines
from kili_export.local.workflow.executions import Execution, ExecutionStore
from kili_export.machine.erasure import erase_announcements
from kili_export.machine.state_files import DATABASE, StateFiles


def test_lines_that_name_it_are_blank_and_appending_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    log.write_bytes(b'{"a": "asset1"}\nother asset12\nlast asset1 of all')
    with log.open("ab") as appends:
        blank_lines(log, ["asset1"])
        appends.write(b"\nnext\n")
    assert log.read_bytes().split(b"\n") == [b" " * 15, b"other asset12", b" " * 18, b"next", b""]


def test_an_execution_is_forgotten_with_its_map_runs(tmp_path: Path) -> None:
    store = ExecutionStore(tmp_path)
    for name in ("p-1", "p-12"):
        started = datetime(2026, 1, 1, tzinfo=UTC)
        store.save(Execution(f"arn:{name}", name, {}, started, status="SUCCEEDED"))
        store.append_item(name, "arn:map:1", {"asset": name})
    assert any(b'"asset": "p-1"' in text for text in store.texts("p-1"))
    store.forget("p-1")
    assert [one.name for one in store.load()] == ["p-12"]
    assert store.items("p-1", "arn:map:1") == []
    assert store.items("p-12", "arn:map:1") == [{"asset": "p-12"}]


def test_an_announcement_leaves_the_pages_of_the_database(tmp_path: Path) -> None:
    with StateFiles(tmp_path, SystemClock()) as files:
        for asset in ("purged", "kept"):
            files.announcements.publish("Assets Quarantined", {"assets": [f"asset-{asset}"]})
        erase_announcements(files.database, ["asset-purged"])
        left = [one.detail["assets"] for one in files.announcements.after(0)]
        assert left == [["asset-kept"]]
        stored = b"".join(path.read_bytes() for path in tmp_path.glob(f"{DATABASE}*"))
        assert b"asset-kept" in stored
        assert b"asset-purged" not in stored
