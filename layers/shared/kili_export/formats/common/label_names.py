"""What the files of an asset and of its labels are called."""

from collections.abc import Iterator

from kili_export.core.asset import JsonObject, SelectedAsset
from kili_export.core.file_paths import safe_path
from kili_export.formats.common.format import LossCollector

_RENAMED = "the external id is not a safe path, so its files bear another name"


def numbered_labels(asset: SelectedAsset) -> Iterator[tuple[int, str, JsonObject]]:
    """Each label with its ordinal from 1 and its suffix, which is empty for an only label."""
    several = len(asset.labels) > 1
    for ordinal, label in enumerate(asset.labels, start=1):
        yield ordinal, f"_label{ordinal}" if several else "", label


def safe_name(asset: SelectedAsset, losses: LossCollector) -> str:
    """The asset's name as a path, noting when it is not the one that it was given."""
    name = safe_path(asset.external_id)
    if name != asset.external_id:
        losses.add(_RENAMED)
    return name
