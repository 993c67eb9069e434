"""What loaders that need PyTorch read in a dataset, in an environment of their own, as JSON.

    python torch_child.py coco FOLDER LABELS_JSON
    python torch_child.py train TASK DATA_YAML

`coco` loads every picture with torchvision's `CocoDetection`. `train` trains one epoch of a model
that begins with random weights, and prints what Ultralytics' own loader gave it.
"""

import contextlib
import json
import math
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

_MODELS = {"detect": "yolov8n.yaml", "segment": "yolov8n-seg.yaml", "obb": "yolov8n-obb.yaml"}


def _torchvision() -> Any:
    """torchvision, also beside a PyTorch that is built for processors alone.

    torchvision's package is built for graphics cards: without these its compiled operators are not
    loaded, and its import fails at the two that it describes. Loading datasets needs neither.
    """
    import torch

    try:
        import torchvision
    except RuntimeError as error:
        if "does not exist" not in str(error):
            raise
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "DEF")
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou) -> Tensor")
        import torchvision
    return torchvision


def read_coco(folder: Path, document: Path) -> dict[str, Any]:
    """Sizes of the pictures, and the boxes by category."""
    read = _torchvision().datasets.CocoDetection(str(folder), str(document))
    sizes: Counter[str] = Counter()
    boxes: dict[str, list[list[float]]] = {}
    for picture, annotations in read:
        sizes["x".join(map(str, picture.size))] += 1
        for one in annotations:
            [category] = read.coco.loadCats(one["category_id"])
            boxes.setdefault(category["name"], []).append(one["bbox"])
    return {"sizes": sizes, "boxes": boxes}


class _OneEpochIsEnoughError(Exception):
    """What follows an epoch measures how good the model is, with torchvision's operators."""


def train(task: str, description: Path) -> dict[str, Any]:
    """What an epoch was trained with: pictures, shapes by class, and whether its loss is finite."""
    found: dict[str, Any] = {}

    def look(trainer: Any) -> None:
        labels = trainer.train_loader.dataset.labels
        names = trainer.data["names"]
        shapes = Counter(names[int(number)] for one in labels for number in one["cls"].ravel())
        finite = math.isfinite(float(trainer.loss.detach()))
        found.update(pictures=len(labels), shapes=shapes, finite=finite)
        raise _OneEpochIsEnoughError

    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"YOLO_CONFIG_DIR": folder, "YOLO_OFFLINE": "true"}
        _torchvision()
        from ultralytics import YOLO

        model = YOLO(_MODELS[task], task=task)
        model.add_callback("on_train_epoch_end", look)
        with contextlib.suppress(_OneEpochIsEnoughError):
            model.train(
                data=str(description),
                epochs=1,
                imgsz=64,
                batch=2,
                device="cpu",
                workers=0,
                amp=False,
                plots=False,
                val=False,
                project=folder,
            )
    return found


def main(kind: str, *arguments: str) -> None:
    """Prints what the loader found, as the last line."""
    if kind == "coco":
        found = read_coco(*map(Path, arguments))
    else:
        found = train(arguments[0], Path(arguments[1]))
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
