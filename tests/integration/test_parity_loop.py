"""The comparison with the SDK, on a few small projects; `make parity` is all of it."""

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

COMMAND = (sys.executable, "-m", "devtools.parity")


def test_archives_of_the_whole_loop_are_the_sdks() -> None:
    projects = ("names", "videos as a whole", "namesakes", "classes")
    chosen = [f"--project={name}" for name in projects]
    done = subprocess.run(
        (*COMMAND, "--quick", "--json", *chosen), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    report = json.loads(done.stdout)
    assert report["different"] == 0
    assert report["rows"].keys() == {"14", "16", "20", "22", "23b"}
    compared = {one["project"] for one in report["combinations"] if one["equal"] > 0}
    assert compared == set(projects)
    assert {one["combination"].partition(" ")[0] for one in report["combinations"]} >= {
        "coco",
        "kili",
        "pascal_voc",
        "yolo_v8",
    }


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(("--project", "unknown"), "no project"), (("--part", "3/2"), "N/M")],
)
def test_arguments_without_sense_are_refused(arguments: tuple[str, ...], told: str) -> None:
    done = subprocess.run((*COMMAND, *arguments), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert told in done.stderr
    assert not done.stdout
