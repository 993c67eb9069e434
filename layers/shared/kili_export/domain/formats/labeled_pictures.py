"""Pictures as labels see them: what formats of pictures write of an asset, one by one."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kili_export.domain.asset import SelectedAsset
from kili_export.domain.formats.base import ExportContext, LossCollector


@dataclass(frozen=True, slots=True)
class LabeledPicture:
    """A picture, or a frame of a video, with what one label answers of it.

    `key` names it among the asset's own. `name` is the path of its file in the folder of media,
    `stem` that of its label without an ending, where a format has a file for each. `rotation`
    is what the shapes must be turned back by. `frame` counts from 0; None where the picture is
    no frame.
    """

    key: str
    stem: str
    name: str
    response: Mapping[str, Any]
    rotation: Any = None
    frame: int | None = None


PictureLister = Callable[[SelectedAsset, ExportContext, LossCollector], Iterable[LabeledPicture]]
"""Lists the pictures of an asset that an export holds, noting what it leaves out."""
