"""Finds a dataset as Ultralytics does, in the environment of its own, and prints what it found.

    python ultralytics_child.py DATA_YAML

The functions that look for pictures and check labels are taken out of the installed package and
run as they are: the package itself cannot be imported without PyTorch. Paths are resolved in the
folder that this is started in, as when training starts there.
"""

import ast
import glob
import importlib.util
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import yaml
from PIL import Image, ImageOps

_DATA = {
    "IMG_FORMATS",
    "FORMATS_HELP_MSG",
    "VID_FORMATS",
    "DATASET_KEY_TYPES",
    "check_det_dataset",
    "check_image",
    "exif_size",
    "img2label_paths",
    "verify_image_label",
}


def source_of(module: str) -> ast.Module:
    """The source of a module of Ultralytics."""
    package = importlib.util.find_spec("ultralytics")
    assert package is not None
    assert package.origin is not None
    path = Path(package.origin).parent / f"{module}.py"
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def named(node: ast.AST) -> str | None:
    """What a statement defines."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return node.name
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id
    return None


def taken(tree: ast.AST, names: set[str], scope: dict[str, Any]) -> None:
    """Runs these definitions in the scope; all of them must be there."""
    found = [node for node in ast.walk(tree) if named(node) in names]
    assert {named(node) for node in found} >= names, "Ultralytics has other functions than expected"
    future = ast.ImportFrom("__future__", [ast.alias("annotations")], 0)
    module = ast.Module([future, *found], [])  # type: ignore[list-item]
    exec(compile(ast.fix_missing_locations(module), "ultralytics", "exec"), scope)


def loaded_yaml(file: Path, *, append_filename: bool) -> dict[str, Any]:
    """As Ultralytics' own reader."""
    data: dict[str, Any] = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
    return {**data, "yaml_file": str(file)} if append_filename else data


def checked_names(names: Any) -> dict[int, str]:
    """As `check_class_names`."""
    numbered = dict(enumerate(names)) if isinstance(names, list) else names
    assert all(isinstance(name, str) for name in numbered.values())
    return {int(number): name for number, name in numbered.items()}


def segments_as_boxes(segments: list[Any]) -> Any:
    """As `segments2boxes`: the boxes around outlines."""
    edges = [(*one.min(axis=0), *one.max(axis=0)) for one in segments]
    return np.array(
        [((l + r) / 2, (t + b) / 2, r - l, b - t) for l, t, r, b in edges]  # noqa: E741
    )


def ultralytics() -> dict[str, Any]:
    """A scope with the functions, and with what they call that needs PyTorch."""
    scope: dict[str, Any] = {
        "check_class_names": checked_names,
        "check_file": lambda file, **_: str(file),
        "check_font": lambda *_: None,
        "check_file_speeds": lambda *_, **__: None,
        "find_dataset_yaml": None,
        "is_ascii": lambda text: str(text).isascii(),
        "is_tarfile": lambda _: False,
        "segments2boxes": segments_as_boxes,
        "zipfile": SimpleNamespace(is_zipfile=lambda _: False),
        "DATASETS_DIR": Path("/nonexistent/datasets"),
        "HELP_URL": "",
        "LOGGER": SimpleNamespace(info=print, warning=print),
        "SETTINGS_FILE": "",
        "YAML": SimpleNamespace(load=loaded_yaml),
        "clean_url": str,
        "emojis": str,
        "Image": Image,
        "ImageOps": ImageOps,
        "Path": Path,
        "glob": glob,
        "np": np,
        "os": os,
    }
    taken(source_of("data/utils"), _DATA, scope)
    taken(source_of("data/base"), {"get_img_files"}, scope)
    return scope


def main() -> None:
    scope = ultralytics()
    data = scope["check_det_dataset"](sys.argv[1])
    found: dict[str, Any] = {}
    for subset in ("train", "val", "test"):
        if subset not in data:
            continue
        reader = SimpleNamespace(fraction=1.0, prefix="")
        pictures = scope["get_img_files"](reader, data[subset])
        labels = scope["img2label_paths"](pictures)
        shapes, refused = 0, []
        for picture, label in zip(pictures, labels, strict=True):
            asked = (picture, label, "", False, len(data["names"]), 0, 0, False)
            answer = scope["verify_image_label"](asked)
            if answer[0] is None or answer[5]:
                refused.append(answer[-1] or f"{label} is missing")
            else:
                shapes += len(answer[1])
        found[subset] = {
            "pictures": sorted(Path(picture).name for picture in pictures),
            "refused": refused,
            "shapes": shapes,
        }
    print(json.dumps({"names": list(data["names"].values()), "subsets": found}))


if __name__ == "__main__":
    main()
