"""What torchvision and an epoch of Ultralytics' own training read in our archives.

PyTorch is too large for an environment that is set up on the way: `KILI_EXPORT_TORCH` names a
Python that has `torch`, `torchvision`, `ultralytics` and `pycocotools`.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from kili_export.core.export_options import Compatibility
from tests.contract.test_outside_judges import HEIGHT, WIDTH, exported, options, written

CHILD = Path(__file__).parents[1] / "support" / "torch_child.py"
ONE = [WIDTH / 4, HEIGHT / 4, WIDTH / 2, HEIGHT / 4]


def asked(*arguments: str | Path) -> Any:
    """What the child prints last."""
    python = os.environ.get("KILI_EXPORT_TORCH")
    if python is None:
        pytest.skip("`make judges TORCH=/path/to/python` names a Python that has PyTorch")
    done = subprocess.run(
        [python, "-W", "ignore", CHILD, *arguments], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("compatibility", Compatibility)
def test_torchvision_loads_every_picture_with_its_boxes(
    compatibility: Compatibility, tmp_path: Path
) -> None:
    folder = written(exported(options("coco", compatibility)), tmp_path)
    found = asked("coco", folder, folder / "labels.json")
    assert found["sizes"] == {f"{WIDTH}x{HEIGHT}": 5}
    boxes = {name: sorted(boxes) for name, boxes in found["boxes"].items()}
    assert boxes["BOXES/BUS"] == [[0, 0, WIDTH / 2, HEIGHT / 2]] * 4
    assert boxes["BOXES/CAR"] == sorted(
        [ONE] * 5 + [[WIDTH / 2, HEIGHT / 2, WIDTH / 2, HEIGHT / 2]]
    )
    assert len(boxes["MASKS/SKY"]) == 10


@pytest.mark.parametrize("version", ["yolo_v5", "yolo_v8"])
def test_ultralytics_trains_an_epoch_of_every_task(version: str, tmp_path: Path) -> None:
    folder = written(exported(options(version, Compatibility.CORRECTED)), tmp_path)
    drawn = {"BOXES/CAR": 6, "BOXES/BUS": 4}
    expected = {"detect": drawn, "obb": drawn, "segment": {"MASKS/SKY": 10}}
    for task, shapes in expected.items():
        found = asked("train", task, folder / task / "data.yaml")
        assert found == {"pictures": 5, "shapes": shapes, "finite": True}
