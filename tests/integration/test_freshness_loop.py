"""The measurement of freshness measures: each label is seen once it is published, both ways."""

import re
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("local_stack")]

COMMAND = (sys.executable, "-m", "devtools.freshness")
FEW = ("--submits", "2", "--rest", "0.1", "--idle", "1", "--follow-every", "1")


def test_every_label_is_measured_both_ways() -> None:
    # Status 1 says that a label was late, which depends on the machine.
    done = subprocess.run((*COMMAND, *FEW), capture_output=True, text=True, check=False)
    assert done.returncode in {0, 1}, done.stderr
    ways = re.findall(r"by the (list of events|subscription): 2 labels  p50 (\S+) s", done.stdout)
    assert [way for way, _ in ways] == ["list of events", "subscription"], done.stdout
    assert all(float(seconds) > 0 for _, seconds in ways)
    calls = re.findall(r"calls of Kili in an idle hour: (\d+)", done.stdout)
    assert len(calls) == 2
    assert all(int(one) > 0 for one in calls)
