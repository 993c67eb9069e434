"""The state directory: one stack at a time, secrets for the owner alone."""

from pathlib import Path

import pytest

from kili_export.cli.stack_connection import StackNotRunning
from local.stack.state_directory import (
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
