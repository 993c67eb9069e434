"""Branches of a play, each in a process of its own."""

import json
import subprocess
import sys
from typing import Any

SCRIPT = """
import json, os, sys
from devtools.faults.branching import Branches
told = []
branches = Branches(2, lambda name, outcome: told.append([name, str(outcome)]))
common = ["before"]
for name in ("one", "two", "dies", "three"):
    if branches.fork(name):
        common.append(name)
        if name == "dies":
            os._exit(7)
        branches.tell(common * (50_000 if name == "three" else 1))
branches.finish()
print(json.dumps(sorted(told)))
"""


def outcomes() -> dict[str, Any]:
    done = subprocess.run(
        (sys.executable, "-c", SCRIPT), capture_output=True, check=True, text=True, timeout=60
    )
    return dict(json.loads(done.stdout))


def test_each_branch_goes_on_from_what_was_there_and_tells_its_outcome() -> None:
    told = outcomes()
    assert told["one"] == "['before', 'one']"
    assert told["two"] == "['before', 'two']"
    assert told["three"].count("three") == 50_000


def test_a_branch_that_dies_is_told_apart() -> None:
    assert outcomes()["dies"] == "its process ended with 7"
