"""Every command ends with one line and a documented status, whatever its paths and names are.

Commands are taken from the parser, so that a new one is tried as well. What needs a running stack
is tried in the integration tests with the same cases.
"""

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kili_export.cli import main as entry
from kili_export.cli.exit_codes import ExitCode
from kili_export.local import main as local_entry
from kili_export.local.main import main
from tests.support.every_command import (
    ALL,
    OF_A_STACK,
    WRITTEN_PATHS,
    Command,
    read_paths,
    written_paths,
)

Run = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs a command; its status and the lines on standard error."""
    monkeypatch.setenv("KILI_API_KEY", "key")

    def run_command(*arguments: str) -> tuple[int, list[str]]:
        capfd.readouterr()
        status = main(arguments)
        return status, capfd.readouterr().err.splitlines()

    return run_command


def test_the_commands_are_those_of_the_parser() -> None:
    assert {command.name for command in ALL} == {*entry._COMMANDS, *local_entry._COMMANDS}


@pytest.mark.parametrize("command", OF_A_STACK, ids=str)
def test_a_state_directory_that_is_none(command: Command, run: Run, tmp_path: Path) -> None:
    for name, path in read_paths(tmp_path).items():
        status, lines = run(*command.words, "--state", path)
        assert (status, len(lines)) == (ExitCode.USAGE, 1), f"{command} --state {name}: {lines}"
        assert path in lines[0] or path.startswith("/proc/")
    assert not (tmp_path / "missing").exists(), "a command that only looks made the directory"


@pytest.mark.parametrize("name", ["up", "demo"])
def test_a_state_directory_that_cannot_be_made(name: str, run: Run, tmp_path: Path) -> None:
    for kind, path in written_paths(tmp_path).items():
        if kind != "directory":
            status, lines = run(name, "--state", path)
            told = [line for line in lines if line.startswith("kili-export: ")]
            assert (status, len(told)) == (ExitCode.USAGE, 1), f"{name} --state {kind}: {lines}"
            assert not any("Traceback" in line for line in lines)


@pytest.mark.parametrize(
    "words", [("register", "P", "--file"), ("cost", "P", "--prices")], ids=" ".join
)
def test_a_file_to_read_that_cannot_be_read(
    words: tuple[str, ...], run: Run, tmp_path: Path
) -> None:
    for name, path in {**read_paths(tmp_path), "not YAML": _file(tmp_path, "a: [\nb: {")}.items():
        status, lines = run(*words, path)
        expected = ExitCode.FAILED if name == "unreadable" else ExitCode.USAGE
        assert (status, len(lines)) == (expected, 1), f"{words} {name}: {lines}"
        assert path in lines[0]


@pytest.mark.parametrize(
    "text",
    [
        *("a: 2026-13-45", "a: \t- b\n\tc", "&a [*a, *b]", "\x00", "- 1", ""),
        # More than the interpreter's own limit; what reads it needs the square of it in time.
        pytest.param("a: " + "[" * 1000, id="deep"),
    ],
)
def test_a_registration_that_is_not_one_is_told_in_a_line(
    text: str, run: Run, tmp_path: Path
) -> None:
    status, lines = run("register", "P", "--file", _file(tmp_path, text))
    assert (status, len(lines)) == (ExitCode.USAGE, 1), lines


def test_standard_input_that_is_closed_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    status, lines = run("register", "P", "--file", "-")
    assert (status, lines) == (
        ExitCode.USAGE,
        ["kili-export: Standard input is closed; name a file."],
    )


@pytest.mark.parametrize("words", WRITTEN_PATHS, ids=" ".join)
def test_a_target_that_cannot_be_written(words: tuple[str, ...], run: Run, tmp_path: Path) -> None:
    """Before anything is asked of a stack or of Kili, where the command can know it."""
    if words[0] not in ("pull", "export"):
        pytest.skip("what it needs is tried against a whole stack")
    for name, path in written_paths(tmp_path).items():
        if name == "without rights":
            continue
        status, lines = run(*words, path)
        assert (status, len(lines)) == (ExitCode.USAGE, 1), f"{words} {name}: {lines}"


@pytest.mark.parametrize("command", ALL, ids=str)
@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_argument_is_refused(command: Command, empty: str, run: Run) -> None:
    for words in command.with_each_value_as(empty):
        status, lines = run(*words)
        assert (status, len(lines)) == (ExitCode.USAGE, 1), f"{words}: {lines}"
        assert "is empty" in lines[0], f"{words}: {lines}"


@pytest.mark.parametrize("command", OF_A_STACK, ids=str)
def test_what_cannot_be_a_name_is_refused(command: Command, run: Run) -> None:
    for place in ("project_id", "export"):
        words = command.with_value(place, "a/b")
        if words is not None:
            status, lines = run(*words)
            assert (status, len(lines)) == (ExitCode.USAGE, 1), f"{words}: {lines}"
            assert "'a/b' cannot be the" in lines[0]


def _file(folder: Path, text: str) -> str:
    path = folder / "given.yaml"
    path.write_text(text)
    return str(path)


# ---------------------------------------------------------------------- standard output


def _printing(monkeypatch: pytest.MonkeyPatch, *, status: ExitCode, line: str = "x" * 80) -> None:
    def command(_: object) -> ExitCode:
        for _number in range(1000):
            print(line)
        return status

    monkeypatch.setattr(entry, "command_of", lambda _: command)


@pytest.mark.parametrize("status", [ExitCode.OK, ExitCode.QUARANTINED])
def test_a_reader_that_has_seen_enough_does_not_change_the_status(
    monkeypatch: pytest.MonkeyPatch, status: ExitCode
) -> None:
    _printing(monkeypatch, status=status)
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        assert main(["status"]) == status
        stream.flush()  # what the interpreter does at its end


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_standard_output_on_a_full_disk_is_a_failure_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _printing(monkeypatch, status=ExitCode.OK)
    with Path("/dev/full").open("w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        assert main(["status"]) == ExitCode.FAILED
        stream.flush()
    assert capsys.readouterr().err == (
        "kili-export: Standard output cannot be written: No space left on device.\n"
    )


def test_standard_output_that_is_closed_is_a_failure_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _printing(monkeypatch, status=ExitCode.OK)
    monkeypatch.setattr(sys, "stdout", None)
    assert main(["status"]) == ExitCode.FAILED
    assert capsys.readouterr().err == "kili-export: Standard output is closed.\n"


def test_what_the_terminal_cannot_show_is_written_as_an_escape(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _printing(monkeypatch, status=ExitCode.OK, line="é … \udcff")
    held = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(held, encoding="ascii"))
    assert main(["status"]) == ExitCode.OK
    assert held.getvalue().startswith(b"\\xe9 \\u2026 \\udcff\n")


def test_standard_error_that_nobody_reads_breaks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", buffering=1) as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        assert main(["status", "--state", "/dev/null"]) == ExitCode.USAGE
        monkeypatch.setattr(sys, "stderr", None)
        assert main(["status", "--state", "/dev/null"]) == ExitCode.USAGE
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
