"""The state directory: one stack at a time, secrets for the owner alone."""

from pathlib import Path

import pytest

from kili_export.cli.stack_connection import StackNotRunning
from kili_export.core.errors import InvalidConfiguration
from kili_export.local.stack import private_files
from kili_export.local.stack.state_directory import (
    RunningStack,
    StateDirectory,
    StateInUse,
    default_state,
)


def _stack(state: StateDirectory) -> RunningStack:
    texts = dict.fromkeys(set(RunningStack.__dataclass_fields__) - {"pid", "environment"}, "x")
    return RunningStack(**{**texts, "state_dir": str(state.path)}, pid=1, environment={"A": "b"})


def test_a_second_stack_on_the_same_directory_is_refused(tmp_path: Path) -> None:
    first, second = StateDirectory(tmp_path), StateDirectory(tmp_path)
    first.acquire()
    with pytest.raises(StateInUse, match="already running"):
        second.acquire()
    first.release()
    second.acquire()
    second.release()


def test_files_that_a_running_stack_removes_meanwhile_are_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = StateDirectory(tmp_path), StateDirectory(tmp_path)
    first.acquire()

    def restrict(path: Path, mode: int) -> None:
        raise FileNotFoundError(2, f"{path} was replaced before it got {mode:o}")

    (tmp_path / ".record-1").touch()
    monkeypatch.setattr(private_files, "_restrict", restrict)
    with pytest.raises(StateInUse, match="already running"):
        second.acquire()
    first.release()
    with pytest.raises(InvalidConfiguration, match="cannot be kept"):
        second.acquire()
    monkeypatch.undo()
    first.acquire()
    first.release()


def test_commands_find_the_stack_that_runs(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path)
    state.acquire()
    stack = _stack(state)
    state.announce(stack)
    assert StateDirectory(tmp_path).running() == stack
    state.release()


def test_a_stack_that_was_killed_is_not_running(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path)
    state.acquire()
    state.announce(_stack(state))
    left = (tmp_path / "stack.json").read_bytes()
    state.release()
    (tmp_path / "stack.json").write_bytes(left)  # as after kill -9: the file stays, the lock goes
    with pytest.raises(StackNotRunning, match="kili-export up"):
        StateDirectory(tmp_path).running()


def test_no_stack_at_all_names_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(StackNotRunning, match="--stack-name"):
        StateDirectory(tmp_path / "never").running()


def test_credentials_are_made_once_and_are_private(tmp_path: Path) -> None:
    first = StateDirectory(tmp_path).credentials()
    assert StateDirectory(tmp_path).credentials() == first
    assert (tmp_path / "credentials.json").stat().st_mode & 0o777 == 0o600
    assert len(first.webhook_secret) >= 32


def test_the_directory_is_private(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path / "state")
    state.acquire()
    state.announce(_stack(state))
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "state" / "stack.json").stat().st_mode & 0o777 == 0o600
    state.release()


def test_the_environment_names_the_default_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KILI_EXPORT_STATE", "/given/place")
    assert default_state() == Path("/given/place")
    monkeypatch.delenv("KILI_EXPORT_STATE")
    monkeypatch.setenv("XDG_STATE_HOME", "/xdg")
    assert default_state() == Path("/xdg/kili-export")


def test_whatever_was_open_to_others_is_closed(tmp_path: Path) -> None:
    folder = tmp_path / "s3"
    folder.mkdir()
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.write_bytes(b"another's")
    outside.chmod(0o644)
    (folder / "link").symlink_to(outside)
    for path in (tmp_path / "lock", tmp_path / "credentials.json", folder / "1.dat"):
        path.write_bytes(b"")
        path.chmod(0o666)
    for path in (tmp_path, folder):
        path.chmod(0o777)
    state = StateDirectory(tmp_path)
    state.acquire()
    state.release()
    modes = {path.name: path.lstat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    del modes["link"]
    assert modes == {"lock": 0o600, "credentials.json": 0o600, "s3": 0o700, "1.dat": 0o600}
    assert tmp_path.stat().st_mode & 0o777 == 0o700
    assert outside.stat().st_mode & 0o777 == 0o644


def test_a_directory_with_files_of_other_programs_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    (tmp_path / "thesis.tex").chmod(0o644)
    with pytest.raises(InvalidConfiguration, match="give an empty directory"):
        StateDirectory(tmp_path).acquire()
    assert (tmp_path / "thesis.tex").stat().st_mode & 0o777 == 0o644
    assert [one.name for one in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_directory_of_another_user_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(InvalidConfiguration, match="belongs to another user"):
        StateDirectory(tmp_path).acquire()


def test_nothing_that_lies_at_a_temporary_name_is_written_to(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("as before")
    for name in ("credentials.new", "credentials.json.new", ".credentials.json"):
        (tmp_path / name).symlink_to(victim)
    StateDirectory(tmp_path).credentials()
    assert victim.read_text() == "as before"
    assert not (tmp_path / "credentials.json").is_symlink()
