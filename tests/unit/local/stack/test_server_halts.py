"""A server is halted while a block runs, and never for good."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kili_export.core.errors import Unavailable
from kili_export.local.stack import server_halts
from kili_export.local.stack.server_halts import HALTED, PID, halted

WATCHER = """
import subprocess, sys
from pathlib import Path
from kili_export.local.stack.server_halts import ServerHalts
folder = Path(sys.argv[1])
server = subprocess.Popen([sys.executable, "-c", sys.argv[3], str(folder / "beats")])
ServerHalts(folder, server, float(sys.argv[2])).listen()
print("listens", flush=True)
sys.stdin.read()
server.kill()
"""
SERVER = """
import sys, time
count = 0
while True:
    count += 1
    open(sys.argv[1], "w").write(str(count))
    time.sleep(0.001)
"""


@pytest.fixture
def longest() -> float:
    return 60.0


@pytest.fixture
def server(tmp_path: Path, longest: float) -> Iterator["subprocess.Popen[bytes]"]:
    """A server that writes a file again and again, and who watches it."""
    command = (sys.executable, "-c", WATCHER, str(tmp_path), str(longest), SERVER)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"listens\n"
        yield process
        process.communicate()


def wait_for_beats(folder: Path) -> None:
    """Returns when the server has written again."""
    beats = folder / "beats"
    beats.write_text("before")
    while beats.read_text() in {"before", ""}:
        pass


def test_a_halted_server_writes_nothing(server: "subprocess.Popen[bytes]", tmp_path: Path) -> None:
    assert server.poll() is None
    wait_for_beats(tmp_path)
    for _ in range(3):
        with halted(tmp_path):
            (tmp_path / "beats").write_text("ours")
            state = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text()
            assert state.split(), "the watcher goes on"
            child = state.split()[0]
            assert Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] == "T"
            assert (tmp_path / "beats").read_text() == "ours"
        wait_for_beats(tmp_path)


def test_the_halt_of_a_backup_that_was_killed_is_not_taken_for_the_next_ones(
    server: "subprocess.Popen[bytes]", tmp_path: Path
) -> None:
    os.kill(server.pid, signal.SIGUSR1)
    server_halts._await(tmp_path / HALTED)
    # It would end while the next backup reads.
    abandoned = (tmp_path / HALTED).stat().st_mtime_ns
    with halted(tmp_path):
        assert (tmp_path / HALTED).stat().st_mtime_ns != abandoned
    wait_for_beats(tmp_path)


@pytest.mark.parametrize("longest", [2.0])
def test_it_goes_on_by_itself_and_who_was_too_slow_hears_it(
    server: "subprocess.Popen[bytes]", tmp_path: Path
) -> None:
    assert server.poll() is None
    with pytest.raises(Unavailable, match="could not be read within"), halted(tmp_path):
        wait_for_beats(tmp_path)


def test_a_server_that_does_not_run_is_not_signalled(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="starts or ends just now"), halted(tmp_path):
        pass
    # The number of a process that ended long ago may be anybody's now.
    (tmp_path / PID).write_text("1")
    with pytest.raises(Unavailable, match="starts or ends just now"), halted(tmp_path):
        pass


def test_one_that_is_not_halted_in_time_is_named(
    server: "subprocess.Popen[bytes]", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert server.poll() is None
    monkeypatch.setattr(server_halts, "_PATIENCE_SECONDS", -1.0)
    with pytest.raises(Unavailable, match="cannot be halted"):
        server_halts._await(tmp_path / HALTED)
