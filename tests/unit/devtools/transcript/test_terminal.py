"""What the recorder keeps of a terminal: what is left on the screen, as wide as it is."""

import signal
from pathlib import Path

import pytest

from devtools.transcript.terminal import COLUMNS, Running, Shell, rendered, wide_rows


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path, {"PATH": "/usr/bin:/bin"})


def test_a_line_runs_on_a_terminal_of_its_width(shell: Shell) -> None:
    shown = shell.on_terminal("sh -c 'test -t 1 && stty size; exit 3'")
    assert (shown.text, shown.status) == (f"24 {COLUMNS}", 3)


def test_a_file_is_no_terminal_and_holds_both_outputs(shell: Shell) -> None:
    shown = shell.into_file("test -t 1 || echo none; echo wrong >&2; exit 2")
    assert (shown.text, shown.status) == ("none\nwrong\n", 2)


def test_ctrl_c_and_answers_reach_what_runs(shell: Shell) -> None:
    waiting = "sh -c 'trap \"echo ended; exit 0\" INT; echo ready; while :; do sleep 0.1; done'"
    assert shell.on_terminal(waiting, until="ready").text.splitlines() == ["ready", "ended"]
    asking = 'sh -c \'printf "Name: "; read name; echo "It is $name"\''
    assert shell.on_terminal(asking, until="Name: ", answer="Ada").text.endswith("It is Ada")


def test_ctrl_c_is_heeded_where_this_process_ignores_it(shell: Shell) -> None:
    """As a background job of a shell does, and all that it starts."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        waiting = "sh -c 'echo ready; exec sleep 100'"
        assert shell.on_terminal(waiting, until="ready").status == -signal.SIGINT
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_server_is_read_until_it_is_ready(shell: Shell) -> None:
    running = Running.started(shell, "sh -c 'echo Ready.; exec cat'")
    running.read_until("Ready.")
    running.interrupt()
    assert running.ended().text.startswith("Ready.")


def test_what_was_written_over_and_colours_are_left_out() -> None:
    written = "\r\033[K[##  ] Half\r\033[K[####] Whole\r\033[K\033[1mdone\033[0m   \r\nnext\r\n"
    assert rendered(written) == "done\nnext"


def test_a_bar_that_is_left_on_the_line_shows() -> None:
    assert rendered("\r\033[K[####] Writingdone\r\n") == "[####] Writingdone"


def test_wide_rows_are_found() -> None:
    row = f"  {'a' * 40}  {'b' * 40}"
    assert wide_rows(f"A sentence. {'a ' * 80}\n{row}\n  short  row") == [row]
