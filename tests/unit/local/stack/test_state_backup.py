"""What a backup of a stopped stack holds, and what is refused."""

import errno
import fcntl
import os
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from kili_export.cli.files import FileFailed
from kili_export.core.clock import SystemClock
from kili_export.core.errors import (
    IntegrityError,
    InvalidConfiguration,
    TransientError,
    Unavailable,
)
from kili_export.local.main import main
from kili_export.local.stack import state_backup, whole_folder
from kili_export.local.stack.server_halts import PID
from kili_export.local.stack.state_backup import CONTENTS, Backup, back_up, restore
from kili_export.local.stack.state_directory import StateDirectory
from kili_export.machine.database import Database, DatabaseDamaged
from kili_export.machine.state_files import DATABASE, SECRETS

VOLUME = os.urandom(3_000_000)


@pytest.fixture
def state(tmp_path: Path) -> StateDirectory:
    """The state of a stack that was stopped."""
    made = StateDirectory(tmp_path / "state")
    made.acquire()
    made.release()
    made.credentials()
    made.keep_secrets({"kili": "key"})
    (made.objects / "filerldb2" / "00").mkdir(parents=True)
    (made.objects / "1.dat").write_bytes(VOLUME)
    (made.objects / "filerldb2" / "00" / "MANIFEST-000001").write_bytes(b"tables")
    (made.objects / "filerldb2" / "00" / "CURRENT").write_bytes(b"MANIFEST-000001")
    made.executions.mkdir()
    (made.executions / "run.json").write_text("{}")
    made.logs.mkdir()
    (made.logs / "webhook-0.log").write_text("a line")
    (made.path / "stack.json").write_text("{}")
    with closing(Database(made.database)) as database:
        database.change("INSERT INTO windows VALUES ('p', 1, 'x')")
    return made


def contents(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_a_backup_and_a_restore_give_the_state_back(state: StateDirectory, tmp_path: Path) -> None:
    made = back_up(state, tmp_path / "backup", SystemClock())
    found = contents(tmp_path / "backup")
    assert set(found) == {*made.files, CONTENTS}
    assert found["s3/1.dat"] == VOLUME
    # Neither logs nor what a running stack says of itself: they mean nothing elsewhere.
    assert "stack.json" not in found
    assert not any(name.startswith("logs") for name in found)

    moved = StateDirectory(tmp_path / "new" / "place" / "moved")
    assert restore(tmp_path / "backup", moved).total_bytes == made.total_bytes
    assert moved.credentials() == state.credentials()
    restored = contents(moved.path)
    assert restored.pop("lock") == b""
    assert restored == {name: data for name, data in found.items() if name != CONTENTS}
    with closing(sqlite3.connect(moved.database)) as database:
        assert database.execute("SELECT project_id FROM windows").fetchall() == [("p",)]
    # A stack starts on it.
    moved.acquire()
    moved.release()


def test_its_owner_alone_can_read_it(state: StateDirectory, tmp_path: Path) -> None:
    umask = os.umask(0)
    try:
        back_up(state, tmp_path / "backup", SystemClock())
        restore(tmp_path / "backup", StateDirectory(tmp_path / "moved"))
    finally:
        os.umask(umask)
    for top in (tmp_path / "backup", tmp_path / "moved"):
        for path in (top, *top.rglob("*")):
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


@pytest.mark.parametrize("make", [Path.mkdir, Path.touch, lambda path: path.symlink_to("none")])
def test_what_is_there_is_never_replaced(
    make: Callable[[Path], None], state: StateDirectory, tmp_path: Path
) -> None:
    back_up(state, tmp_path / "backup", SystemClock())
    make(tmp_path / "taken")
    with pytest.raises(InvalidConfiguration, match="exists already"):
        back_up(state, tmp_path / "taken", SystemClock())
    if not (tmp_path / "taken").is_symlink():
        with pytest.raises(InvalidConfiguration, match="exists already"):
            restore(tmp_path / "backup", StateDirectory(tmp_path / "taken"))


def test_a_backup_within_the_state_is_refused(state: StateDirectory, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(state.path)
    for place in (state.path / "backup", tmp_path / "link" / "s3" / "backup"):
        with pytest.raises(InvalidConfiguration, match="in the state directory"):
            back_up(state, place, SystemClock())


def test_where_no_stack_ever_was_there_is_nothing_to_copy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["backup", str(tmp_path / "b"), "--state", str(tmp_path / "none")]) == 2
    assert "is no stack's state directory" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()
    assert (
        main(["restore", "--backup", str(tmp_path / "none"), "--state", str(tmp_path / "x")]) == 2
    )
    assert "is no backup" in capsys.readouterr().err


def test_one_backup_at_a_time(state: StateDirectory, tmp_path: Path) -> None:
    with (
        state_backup._sole_backup(state.path),
        pytest.raises(InvalidConfiguration, match="Another backup"),
    ):
        back_up(state, tmp_path / "backup", SystemClock())
    assert sorted(one.name for one in tmp_path.iterdir()) == ["state"]


def test_a_server_that_has_not_ended_yet_is_no_moment_for_a_backup(
    state: StateDirectory, tmp_path: Path
) -> None:
    with (state.objects / PID).open("w") as watched:
        watched.write("1")
        watched.flush()
        fcntl.flock(watched, fcntl.LOCK_EX)
        with pytest.raises(Unavailable, match="ends just now; try again"):
            back_up(state, tmp_path / "backup", SystemClock())
    back_up(state, tmp_path / "backup", SystemClock())


def test_a_full_disk_leaves_nothing_and_one_line(
    state: StateDirectory,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    back_up(state, tmp_path / "backup", SystemClock())

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(whole_folder, "_next", full)
    commands = (
        ["backup", str(tmp_path / "b"), "--state", str(state.path)],
        ["restore", "--backup", str(tmp_path / "backup"), "--state", str(tmp_path / "moved")],
    )
    for command in commands:
        assert main(command) == 1
        [line] = capsys.readouterr().err.splitlines()
        assert line.endswith("cannot be written: No space left on device.")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["backup", "state"]


def test_a_failure_to_reach_the_disk_is_no_backup(
    state: StateDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(folder: Path) -> None:
        raise TransientError(f"{folder} cannot be written to disk")

    monkeypatch.setattr(whole_folder, "sync_files", fails)
    with pytest.raises(TransientError):
        back_up(state, tmp_path / "backup", SystemClock())
    assert sorted(one.name for one in tmp_path.iterdir()) == ["state"]


def test_a_damaged_database_is_no_backup(state: StateDirectory, tmp_path: Path) -> None:
    state.database.write_bytes(b"no database" * 1000)
    with pytest.raises(DatabaseDamaged):
        back_up(state, tmp_path / "backup", SystemClock())
    assert sorted(one.name for one in tmp_path.iterdir()) == ["state"]


def test_changes_after_the_moment_are_not_in_the_copy(
    state: StateDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files that grow are copied up to their length at that moment, the database as it was."""
    copy = whole_folder.copy_file

    def later(source: object, target: Path, length: int | None = None) -> object:
        if length is not None and target.name == "1.dat":
            with (state.objects / "1.dat").open("ab") as volume:
                volume.write(b"later")
            # What a compaction does: the file that is copied stays as it was.
            (state.objects / "1.dat").rename(state.objects / "1.old")
        return copy(source, target, length)  # type: ignore[arg-type]

    snapshot = state_backup._copy_snapshot

    def changed(connection: sqlite3.Connection, path: Path, target: Path) -> None:
        with closing(Database(state.database)) as database:
            database.change("DELETE FROM windows")
        snapshot(connection, path, target)

    monkeypatch.setattr(state_backup, "copy_file", later)
    monkeypatch.setattr(state_backup, "_copy_snapshot", changed)
    back_up(state, tmp_path / "backup", SystemClock())
    assert (tmp_path / "backup" / "s3" / "1.dat").read_bytes() == VOLUME
    with closing(sqlite3.connect(tmp_path / "backup" / DATABASE)) as database:
        assert database.execute("SELECT count(*) FROM windows").fetchone() == (1,)


@pytest.mark.parametrize("name", ["s3/1.dat", SECRETS, DATABASE])
@pytest.mark.parametrize("harm", ["changed", "cut", "missing", "link"])
def test_a_damaged_backup_is_refused_and_nothing_is_left(
    name: str, harm: str, state: StateDirectory, tmp_path: Path
) -> None:
    back_up(state, tmp_path / "backup", SystemClock())
    path = tmp_path / "backup" / name
    data = path.read_bytes()
    if harm == "changed":
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    elif harm == "cut":
        path.write_bytes(data[:-1])
    else:
        path.unlink()
    if harm == "link":
        path.symlink_to("/etc/passwd")
    with pytest.raises((IntegrityError, OSError)) as refused:
        restore(tmp_path / "backup", StateDirectory(tmp_path / "moved"))
    assert name in str(refused.value)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["backup", "state"]


@pytest.mark.parametrize("name", ["../out", "/tmp/out", "a/../../out", "a//b", "", ".", "a\0b"])
def test_a_backup_names_no_file_elsewhere(name: str, state: StateDirectory, tmp_path: Path) -> None:
    made = back_up(state, tmp_path / "backup", SystemClock())
    [first, *_] = made.files.values()
    hostile = made.model_copy(update={"files": {name: first}})
    (tmp_path / "backup" / CONTENTS).write_bytes(hostile.to_bytes())
    with pytest.raises(InvalidConfiguration, match="names a file elsewhere"):
        restore(tmp_path / "backup", StateDirectory(tmp_path / "moved"))


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"files": 1}', b"\xff"])
def test_contents_that_cannot_be_read_are_refused(text: bytes, tmp_path: Path) -> None:
    (tmp_path / CONTENTS).write_bytes(text)
    with pytest.raises(InvalidConfiguration, match="cannot be read"):
        restore(tmp_path, StateDirectory(tmp_path / "moved"))


def test_a_backup_of_a_later_form_names_its_version(state: StateDirectory, tmp_path: Path) -> None:
    made = back_up(state, tmp_path / "backup", SystemClock())
    later = Backup(**{**dict(made), "schema_version": 2, "made_by": "9.9"})
    (tmp_path / "backup" / CONTENTS).write_bytes(later.to_bytes())
    with pytest.raises(InvalidConfiguration, match="made by version 9"):
        restore(tmp_path / "backup", StateDirectory(tmp_path / "moved"))


def test_a_place_that_cannot_be_written_is_named(state: StateDirectory, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises((InvalidConfiguration, FileFailed), match="cannot be written"):
        back_up(state, tmp_path / "file" / "backup", SystemClock())
