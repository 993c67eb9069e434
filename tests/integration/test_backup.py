"""A stack is backed up while events come, and another one goes on from the backup."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from devtools.crashes.accepted_events import Sender
from devtools.crashes.judgement import lost_events
from kili_export.local.demo.agreement import differences
from kili_export.local.kili_standin import KiliWorld, generate_project, start_standin
from kili_export.local.stack.server_halts import HALTED
from tests.support.local_stack import StackProcess

pytestmark = pytest.mark.slow

BACKUPS = 3


@pytest.fixture
def world() -> KiliWorld:
    return KiliWorld(api_key="backup-key")


@pytest.fixture
def stack(tmp_path: Path, world: KiliWorld) -> Iterator[StackProcess]:
    with start_standin(world) as kili:
        stack = StackProcess(tmp_path / "a" / "state", kili, world.api_key)
        stack.state.parent.mkdir()
        stack.start()
        try:
            yield stack
        finally:
            stack.discard()


def test_a_restored_backup_has_all_that_was_accepted_and_ends_equal(
    stack: StackProcess, world: KiliWorld, tmp_path: Path
) -> None:
    project = world.add_project(generate_project(seed=5, assets=24))
    stack.answer("register", project.id, "--export", "raw=kili", "--export", "yolo=yolo_v8")
    stack.answer("wait", project.id)
    sender = Sender(world, project.id, stack.ready["webhook_secret"], stack.said["webhook_url"])
    backups = []
    with sender:
        for number in range(BACKUPS):
            before = len(sender.accepted())
            while len(sender.accepted()) < min(before + 4, 20):
                time.sleep(0.01)
            accepted = sender.accepted()
            folder = tmp_path / f"backup-{number}"
            made = stack.answer("backup", str(folder))
            assert made["files"] == len(json.loads((folder / "backup.json").read_bytes())["files"])
            backups.append((folder, accepted))
    assert not (stack.state / "s3" / HALTED).exists()
    stack.answer("wait", project.id)

    for folder, accepted in backups:
        assert accepted
        moved = tmp_path / f"{folder.name}-moved"
        restored = stack.command_alone("restore", "--backup", str(folder), "--state", str(moved))
        assert restored.returncode == 0, restored.stderr
        assert lost_events(moved, project.id, "raw", accepted) == []
    # The last one goes on, beside the first stack; a full export by that one is the measure.
    other = StackProcess(moved, stack.kili, world.api_key)
    try:
        other.start()
        other.answer("run", project.id, "--wait")
        stack.answer("run", project.id, "--full", "--wait")
        for export in ("raw", "yolo"):
            ours, theirs = (tmp_path / f"{name}-{export}.zip" for name in ("ours", "theirs"))
            other.answer("pull", project.id, export, "--output", str(ours))
            stack.answer("pull", project.id, export, "--output", str(theirs))
            assert differences(ours, theirs) == []
    finally:
        other.discard()
