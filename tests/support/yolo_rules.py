"""How Ultralytics finds and reads a dataset, from its documentation, for archives under test.

https://docs.ultralytics.com/datasets/detect/, /obb/ and /segment/: `train`, `val` and `test` of
`data.yaml` are folders relative to its own where it has no `path`, every picture below them is
taken, its label is the `.txt` file of its name with the last folder `images` of its path replaced
by `labels`, and a line is a class number and as many fractions between 0 and 1 as the task has. Of
an oriented box its loader looks at the upright box around the corners: its middle must be in the
picture, and its sides no longer than the picture's.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

import yaml

_PICTURES = {".bmp", ".dng", ".jpeg", ".jpg", ".mpo", ".png", ".tif", ".tiff", ".webp", ".pfm"}


@dataclass(frozen=True, slots=True)
class Subset:
    """Shapes by picture: class name and coordinates; a picture without any is background."""

    pictures: Mapping[str, list[tuple[str, list[float]]]]

    @property
    def shapes(self) -> int:
        return sum(map(len, self.pictures.values()))


def read_dataset(files: Mapping[str, bytes], folder: str) -> dict[str, Subset]:
    """The dataset in a folder of an archive, whose pictures are there, as a trainer sees it."""
    described = yaml.safe_load(files[f"{folder}/data.yaml"])
    assert {"train", "val", "nc", "names"} <= set(described), described
    assert "path" not in described, described
    names = described["names"]
    assert len(names) == described["nc"] == len(set(names))
    assert all(isinstance(name, str) for name in names), names
    root = PurePosixPath(folder)
    task = folder.rpartition("/")[2]
    return {
        subset: Subset(dict(_pictures(files, str(root / described[subset]), names, task)))
        for subset in ("train", "val", "test")
        if subset in described
    }


def read_pictures(
    files: Mapping[str, bytes], folder: str, names: list[str], task: str | None
) -> dict[str, list[tuple[str, list[float]]]]:
    """The shapes of the pictures in a folder; without a task, lines of any of them."""
    return dict(_pictures(files, folder, names, task))


def _pictures(
    files: Mapping[str, bytes], folder: str, names: list[str], task: str | None
) -> Iterator[tuple[str, list[tuple[str, list[float]]]]]:
    for path in files:
        if path.startswith(f"{folder}/") and PurePosixPath(path).suffix.lower() in _PICTURES:
            before, _, after = f"/{path}".rpartition("/images/")
            label = f"{before}/labels/{after}"[1:].rpartition(".")[0] + ".txt"
            assert label in files, f"{path} has no label {label}"
            yield path, [_shape(line, names, task) for line in files[label].decode().splitlines()]


def _around(corners: list[float]) -> list[float]:
    """The middle, the width and the height of the upright box around corners."""
    xs, ys = corners[::2], corners[1::2]
    left, top, right, bottom = min(xs), min(ys), max(xs), max(ys)
    return [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top]


def _shape(line: str, names: list[str], task: str | None) -> tuple[str, list[float]]:
    number, *rest = line.split()
    numbers = [float(one) for one in rest]
    checked = _around(numbers) if task == "obb" else numbers
    assert all(0 <= one <= 1 for one in checked), line
    fits = {
        "detect": len(numbers) == 4,
        "obb": len(numbers) == 8,
        "segment": len(numbers) >= 6 and len(numbers) % 2 == 0,
    }
    assert fits[task] if task else any(fits.values()), f"{line!r} is no line to {task}"
    if task == "detect":
        assert numbers[2] > 0, line
        assert numbers[3] > 0, line
    return names[int(number)], numbers
