"""`up` does not say that it is ready while Kili refuses a key."""

import sys
from pathlib import Path

import pytest

from kili_export.cli.exit_codes import ExitCode
from kili_export.local import up
from kili_export.local.kili_standin import KiliWorld, StandIn, start_standin
from kili_export.local.main import main
from kili_export.local.stack.child import ServerDidNotStart
from kili_export.local.stack.supervisor import StackOptions
from tests.unit.local.test_credentials import stack


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was started; nothing really is."""
    begun: list[str] = []

    class Nothing:
        def __init__(self, options: StackOptions, _: object) -> None:
            begun.append(options.kili_api_key)
            raise ServerDidNotStart("this is a test")

    monkeypatch.setattr(up, "LocalStack", Nothing)
    return begun


def attempt(
    standin: StandIn, folder: Path, patch: pytest.MonkeyPatch, **variables: str
) -> ExitCode:
    patch.setenv("KILI_API_ENDPOINT", standin.endpoint)
    patch.setenv("KILI_API_KEY", "good")
    for name, value in variables.items():
        patch.setenv(name, value)
    return ExitCode(main(["up", "--port", "0", "--state", str(folder / "state")]))


@pytest.mark.parametrize("variable", ["KILI_API_KEY", "KILI_PROJECT_KEY_team"])
def test_a_refused_key_is_named_before_anything_starts(
    variable: str,
    started: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with start_standin(KiliWorld(api_key="good")) as standin:
        code = attempt(standin, tmp_path, monkeypatch, **{variable: "bad"})
    assert (code, started) == (ExitCode.USAGE, [])
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"kili-export: Kili refuses the key of {variable}: ")
    assert "bad" not in line


def test_keys_that_kili_takes_let_the_stack_start(
    started: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with start_standin(KiliWorld(api_key="good")) as standin:
        attempt(standin, tmp_path, monkeypatch, KILI_PROJECT_KEY_team="good")
    assert started == ["good"]


def test_a_kili_that_does_not_answer_is_no_reason_not_to_start(
    started: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with start_standin(KiliWorld(api_key="good")) as standin:
        pass
    attempt(standin, tmp_path, monkeypatch)
    assert started == ["good"]
    assert "The key of KILI_API_KEY could not be checked: " in capsys.readouterr().err


@pytest.mark.parametrize("is_terminal", [True, False])
def test_the_address_of_the_page_is_printed_for_who_sits_there_and_into_no_log(
    is_terminal: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = stack(tmp_path / "a state")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal, raising=False)
    line = up.where_to_look(running)
    assert (running.page_url in line) is is_terminal
    assert (f"kili-export credentials --state '{tmp_path}/a state'" in line) is not is_terminal
