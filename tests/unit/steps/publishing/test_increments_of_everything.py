"""Increments equal full exports for every format, kind of project and option.

`make properties` follows many more histories than this share of them.
"""

import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.increments.followed import Tally, follow
from tests.increments.kinds import KINDS
from tests.increments.sequences import histories

_MANY = {"pictures": 8, "oddly named jobs": 8, "videos": 8}


@pytest.mark.parametrize("kind", KINDS)
def test_increments_equal_full_exports(kind: str) -> None:
    tally = Tally()

    @settings(max_examples=_MANY.get(kind, 4), suppress_health_check=list(HealthCheck))
    @given(st.data())
    def holds(data: st.DataObject) -> None:
        follow(KINDS[kind], data.draw(histories(kind)), tally)

    holds()
    assert all(tally.archives.values()), "nothing was compared"


def test_the_command_counts_what_it_compared() -> None:
    command = (sys.executable, "-m", "tests.increments", "--histories=1", "--kind=grids")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["format", "sequences", "archives", "files", "failures"]
    assert [line.split()[0] for line in lines[1:]] == ["jsonl", "kili", "raw"]
    for line in lines[1:]:
        sequences, archives, files, failures = map(int, line.split()[1:])
        assert sequences == 1
        assert archives > 1
        assert files > archives
        assert failures == 0
