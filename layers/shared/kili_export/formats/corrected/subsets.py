"""Which subset of a divided dataset an asset is in, for ever."""

import hashlib
import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from kili_export.core.asset import SelectedAsset
from kili_export.core.export_options import Split


class Subset(StrEnum):
    """Subsets by the names that YOLO's tools know."""

    TRAIN = "train"
    VAL = "val"
    TEST = "test"


def subset_of(asset: SelectedAsset, split: Split | None) -> Subset:
    """The asset's subset: decided by a hash of its id, or of its group, and by the shares alone.

    So an asset stays where it is whatever else comes and goes, and the shares hold for many
    assets or groups, not exactly for a few. An asset without the key that groups are made by is
    a group of its own. Larger shares of `val` and `test` at the cost of `train` move assets out
    of `train` only.
    """
    if split is None:
        return Subset.TRAIN
    digest = hashlib.sha256(_group(asset, split.group_by).encode()).digest()
    place = int.from_bytes(digest[:6], "big") / (1 << 48)
    if place < split.test:
        return Subset.TEST
    # Counted from the other end, so that the size of `test` does not move what is in `val`.
    return Subset.VAL if place >= 1 - split.val else Subset.TRAIN


def _group(asset: SelectedAsset, key: str | None) -> str:
    metadata: Any = asset.fields.get("jsonMetadata")
    value = metadata.get(key) if isinstance(metadata, Mapping) and key is not None else None
    if value is None:
        return f"asset {asset.asset_id}"
    return f"group {json.dumps(value, sort_keys=True)}"
