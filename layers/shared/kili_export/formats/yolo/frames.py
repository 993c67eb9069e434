"""Which label files an asset's labels make in a folder: one per label, or one per video frame."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from kili_export.formats.common.format import LossCollector
from kili_export.formats.common.frame_pictures import frame_number
from kili_export.formats.common.jobs import annotations_of

_PICTURES = frozenset({".jpeg", ".jpg", ".png", ".bmp", ".gif", ".webp", ".ico"})
_LOST_FRAME = "frames whose number is not below the count of a label's keys are left out"
_NOT_A_FRAME = "a frame's answers cannot be read"


@dataclass(frozen=True, slots=True)
class LabelFile:
    """One label file: its path in `labels/`, what it is made of, and the frame's number.

    `index` counts frames from 0; it is -1 where the file is not a frame's. `frame` is the name
    that a video's list of frames bears it under, None where there are no frames.
    """

    path: str
    response: Mapping[str, Any]
    index: int = -1
    frame: str | None = None


def label_files(
    name: str,
    suffix: str,
    response: Mapping[str, Any],
    jobs: Mapping[str, object],
    losses: LossCollector,
) -> Iterator[LabelFile]:
    """The label files of a label whose folder holds `jobs`.

    A frame without a shape has no file. A video without any shape has one, numbered 0. Frames are
    looked for among the numbers below the count of the response's keys, and numbered with as many
    digits as that count has: a label that leaves frames out loses some. All of this is what the
    SDK does.
    """
    count = len(response)
    numbers = [number for number in range(count) if str(number) in response]
    if not numbers:
        yield LabelFile(label_path(name + suffix), response)
        return
    if any((frame_number(key) or 0) >= count for key in response):
        losses.add(_LOST_FRAME)
    digits = len(str(count))
    shown = [number for number in numbers if _has_shapes(response[str(number)], jobs, losses)]
    for number in shown or [-1]:
        frame = f"{name}_{str(number + 1).zfill(digits)}"
        yield LabelFile(
            path=label_path(frame + suffix),
            response=response if number < 0 else response[str(number)],
            index=number,
            frame=frame,
        )


def label_path(name: str) -> str:
    """The label file's path: the picture's extension goes only if it is a lower-case one."""
    stem, _, extension = name.rpartition(".")
    if f".{extension}" not in _PICTURES:
        return f"{name}.txt"
    # A name that begins with its only dot has no extension, and dots in a row stay distinct.
    is_plain = stem[-1:].isalnum() and "//" not in stem
    return f"{stem if is_plain else _without_extension(PurePosixPath(name))}.txt"


def _without_extension(path: PurePosixPath) -> PurePosixPath:
    return path.with_suffix("") if path.suffix else path


def _has_shapes(frame: Any, jobs: Mapping[str, object], losses: LossCollector) -> bool:
    if not isinstance(frame, Mapping):
        losses.add(_NOT_A_FRAME)
        return False
    return any(annotations_of(frame, job) for job, classes in jobs.items() if classes)
