"""Names of files that no other asset's files can have, and that labels share with their picture.

They come from the asset alone: whatever else comes and goes, they stay. A name that is unique
today may be another asset's tomorrow, so every name bears the asset's id.
"""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from kili_export.core.asset import SelectedAsset
from kili_export.core.file_paths import safe_path
from kili_export.core.pictures.names import usual_extension
from kili_export.formats.common.format import LossCollector
from kili_export.formats.common.label_names import safe_name

_EXTENSION = re.compile(
    r"\.(jpe?g|jpe|jfif?|jif|pjpe?g|pjp|a?png|bmp|dib|gif|webp|ico|tiff?|avif|hei[cf]|jp2|dng|mpo"
    r"|p[bgnp]m|pfm|svg|pdf|txt|json|csv"
    r"|html|md|mp4|mov|avi|mkv|webm|m4v|mpe?g|wmv|wav|mp3|flac|ogg|m4a)",
    re.IGNORECASE,
)
# Leaves room for what labels and frames add, so that no name is cut for one of its files only.
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class UniqueName:
    """`stem` is a safe path with the asset's id at its end; `extension` bears its dot."""

    stem: str
    extension: str

    @property
    def picture(self) -> str:
        """The picture's file, under the extension that loaders look for."""
        return f"{self.stem}{usual_extension(self.extension)}"


def unique_name(asset: SelectedAsset, losses: LossCollector) -> UniqueName:
    """`dir/car.JPG` of the asset `cl1` is `dir/car-cl1` and `.JPG`."""
    stem, extension = _divided(safe_name(asset, losses))
    folder, slash, last = stem.rpartition("/")
    return UniqueName(f"{folder}{slash}{_marked(last, asset.asset_id)}", extension)


def flat_name(asset: SelectedAsset, losses: LossCollector) -> UniqueName:
    """The same without folders, and never hidden: `dir_car-cl1`, `_car-cl1` for `.car.jpg`.

    YOLO's tools find a label by the last folder `images` of its picture's path, which must not
    be one of the customer's, and tools for Pascal VOC look into no folder of a folder. All of them
    pass over files whose names begin with a dot.
    """
    stem, extension = _divided(safe_name(asset, losses))
    flat = stem.replace("/", "_")
    shown = f"_{flat[1:]}" if flat.startswith(".") else flat
    return UniqueName(_marked(shown, asset.asset_id), extension)


def _divided(name: str) -> tuple[str, str]:
    extension = PurePosixPath(name).suffix
    if not _EXTENSION.fullmatch(extension):
        extension = ""
    return name.removesuffix(extension), extension


def _marked(stem: str, asset_id: str) -> str:
    room = max(_LONGEST - len(asset_id.encode()), 0)
    return safe_path(f"{stem.encode()[:room].decode('utf-8', 'ignore')}-{asset_id}")
