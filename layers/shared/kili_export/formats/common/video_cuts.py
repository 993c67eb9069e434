"""Videos without frames of their own: which series of frames the SDK cuts them into.

Frames bear the numbers from 1, with as many digits as the count of a label's keys has; so labels
of one video may need several series of the same frames.
"""

import math
from collections.abc import Iterator
from typing import Any

from kili_export.core.asset import SelectedAsset
from kili_export.core.export_options import ExportOptions, ExportType
from kili_export.core.media import FrameCut
from kili_export.formats.common.jobs import response_of
from kili_export.formats.common.label_names import numbered_labels
from kili_export.formats.shapes.geometry import ROTATION_JOB

_FASTEST = 1000.0
Series = tuple[str, int]
"""What follows the asset's name, and the digits of the numbers."""


def series_of_kili(asset: SelectedAsset, options: ExportOptions) -> Iterator[Series]:
    """One, for the first label, whose rotation was taken out before its keys are counted.

    None when it has no keys, and in exports of all labels, for which the SDK cuts nothing.
    """
    if options.export_type in {ExportType.NORMAL, ExportType.LATEST_FROM_ALL_STEPS}:
        return
    keys = len(response_of(asset.labels[0]).keys() - {ROTATION_JOB})
    if keys:
        yield "", len(str(keys))


def series_of_yolo(asset: SelectedAsset) -> Iterator[Series]:
    """One, for the first label; its numbers are not padded when it is not about frames."""
    response = response_of(asset.labels[0])
    framewise = any(str(number) in response for number in range(len(response)))
    yield "", len(str(len(response))) if framewise else 0


def series_of_pascal_voc(asset: SelectedAsset) -> Iterator[Series]:
    """One for each number of digits; none for labels without keys."""
    counts = [len(response_of(label)) for label in asset.labels]
    for digits in dict.fromkeys(len(str(keys)) for keys in counts if keys):
        yield "", digits


def series_of_coco(asset: SelectedAsset) -> Iterator[Series]:
    """One for each label, called like it."""
    for _, suffix, label in numbered_labels(asset):
        yield suffix, len(str(len(response_of(label))))


def frame_cut(metadata: Any, digits: int) -> FrameCut:
    """How to cut a video, by the parameters that it was imported with (`jsonMetadata`)."""
    parameters = metadata.get("processingParameters") if isinstance(metadata, dict) else None
    if not isinstance(parameters, dict) or parameters.get("shouldKeepNativeFrameRate", True):
        return FrameCut(digits)
    rate = parameters.get("framesPlayedPerSecond")
    if isinstance(rate, int | float) and math.isfinite(rate) and 0 < rate <= _FASTEST:
        return FrameCut(digits, str(rate))
    return FrameCut(digits, FrameCut.AS_STORED)
