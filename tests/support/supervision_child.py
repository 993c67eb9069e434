"""Reads a dataset with supervision, in the environment of its own, and prints what it found.

    python supervision_child.py {coco|yolo|obb|pascal_voc} FOLDER [ANNOTATIONS [DESCRIPTION]]

`FOLDER` is where the pictures are. Pictures are decoded: a label that fits none is an error.
"""

import json
import sys

import supervision as sv


def main() -> None:
    kind, folder, *rest = sys.argv[1:]
    if kind == "coco":
        dataset = sv.DetectionDataset.from_coco(folder, rest[0], force_masks=True)
    elif kind == "pascal_voc":
        dataset = sv.DetectionDataset.from_pascal_voc(folder, rest[0])
    else:
        dataset = sv.DetectionDataset.from_yolo(folder, *rest, is_obb=kind == "obb")
    shapes = 0
    for _, picture, detections in dataset:
        assert picture is not None
        shapes += len(detections)
    print(json.dumps({"pictures": len(dataset), "classes": dataset.classes, "shapes": shapes}))


if __name__ == "__main__":
    main()
