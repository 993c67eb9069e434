"""A process and its descendants are halted and killed together."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from devtools.crashes.process_family import StackFamily, _family

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="it has no /proc")

PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
print(child.pid, flush=True)
time.sleep(1000)
"""


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[tuple[StackFamily, int]]:
    """A family that is no stack, and its child."""
    family = StackFamily(tmp_path / "state", {})
    process = subprocess.Popen((sys.executable, "-c", PARENT), stdout=subprocess.PIPE)
    family._process = process
    assert process.stdout is not None
    yield family, int(process.stdout.readline())
    family.kill()


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_children_are_halted_with_their_parent(stack: tuple[StackFamily, int]) -> None:
    family, child = stack
    assert family._process is not None
    parent = family._process.pid
    with family.halted():
        assert (state_of(parent), state_of(child)) == ("T", "T")


def test_children_are_killed_with_their_parent(stack: tuple[StackFamily, int]) -> None:
    family, child = stack
    assert family._process is not None
    parent = family._process.pid
    assert _family(parent) == {parent, child}
    family.kill()
    assert not Path(f"/proc/{parent}").exists()
    # Its entry stays until the process that took it over asks for it.
    assert not Path(f"/proc/{child}").exists() or state_of(child) in "ZX"
