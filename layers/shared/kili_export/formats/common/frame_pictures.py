"""Videos in formats of pictures: each frame that a label mentions is a picture of its own."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from kili_export.core.asset import SelectedAsset
from kili_export.core.errors import IncompatibleProject
from kili_export.core.export_options import ExportOptions
from kili_export.core.project import Project
from kili_export.formats.common.format import LossCollector

_NOT_A_FRAME = "a frame's answers cannot be read"
_NO_FRAMES = "the video has no frames, so the asset is left out"


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame that a label mentions: its number from 0, as it is shown, and its answers."""

    number: int
    shown: str
    response: Mapping[str, Any]


def is_video(project: Project) -> bool:
    """Whether the project's assets are videos."""
    return project.input_type == "VIDEO"


def refuse_videos_without_media(project: Project, options: ExportOptions) -> None:
    """Raises IncompatibleProject for videos whose frames would not be in the archive.

    The SDK gives them up as well, even where their size is known.
    """
    if is_video(project) and not options.with_assets:
        raise IncompatibleProject(
            f"Videos can be exported as {options.format} only with their media; set with_assets to"
            " true, or use the format kili or yolo_v8."
        )


def frames_of(response: Mapping[str, Any], losses: LossCollector) -> Iterator[Frame]:
    """The frames of a label in its order, also those without a shape.

    They are shown from 1 on, with as many digits as the count of the label's keys has, which is
    what the SDK does, whatever the pictures in the archive are called.
    """
    digits = len(str(len(response)))
    for key, answers in response.items():
        number = frame_number(key)
        if number is None:
            continue
        if not isinstance(answers, Mapping):
            losses.add(_NOT_A_FRAME, key)
            answers = {}
        yield Frame(number, str(number + 1).zfill(digits), answers)


def frame_extension(asset: SelectedAsset, losses: LossCollector) -> str | None:
    """The extension of the video's pictures; None, with a loss, when it has none in the archive."""
    if not asset.media:
        losses.add(_NO_FRAMES)
        return None
    return PurePosixPath(asset.media[0]).suffix


# No video has more frames than that; Python itself refuses to read numbers of thousands of digits.
_MOST_DIGITS = 18


def frame_number(key: str) -> int | None:
    """The frame, counted from 0, that a key of a label stands for; None when it is no number."""
    return int(key) if key.isdecimal() and len(key) <= _MOST_DIGITS else None
