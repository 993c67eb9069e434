"""`metadata.jsonl`: each picture with its objects, for loaders that list folders of pictures.

The ImageFolder of Hugging Face's `datasets` reads it out of an archive while streaming it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from kili_export.core.asset import SelectedAsset
from kili_export.formats.coco.shapes import Shape
from kili_export.formats.common.encoding import json_line
from kili_export.formats.common.format import Fragment, FragmentStream, SpanningDocument

METADATA: Final = "data/metadata.jsonl"


@dataclass(slots=True)
class DescribedPicture:
    """The objects of a picture, one after another, whichever documents they are in.

    `file_name` is the path of its file beside `metadata.jsonl`.
    """

    file_name: str
    _boxes: list[list[float]] = field(default_factory=list)
    _areas: list[float] = field(default_factory=list)
    _jobs: list[str] = field(default_factory=list)
    _categories: list[str] = field(default_factory=list)

    def add(self, job: str, category: str, shape: Shape) -> None:
        """Takes an object in, by the keys of its job and its category."""
        # Loaders infer types from the first lines: a number without a fraction would be of another.
        self._boxes.append([float(side) for side in shape.bbox])
        self._areas.append(float(shape.area))
        self._jobs.append(job)
        self._categories.append(category)

    def line(self, asset: SelectedAsset) -> bytes:
        """The picture as JSON."""
        objects = {
            "bbox": self._boxes,
            "area": self._areas,
            "job": self._jobs,
            "category": self._categories,
        }
        return json_line(
            {
                "file_name": self.file_name,
                "asset_id": asset.asset_id,
                "external_id": asset.external_id,
                "objects": objects,
            }
        )


def metadata_of(pictures: Iterable[DescribedPicture], asset: SelectedAsset) -> Fragment:
    """The asset's lines; it has one picture at least."""
    return Fragment(METADATA, (b"\n".join(picture.line(asset) for picture in pictures),))


def metadata_document() -> SpanningDocument:
    """The file, its lines still to come; none where there is no picture."""
    return SpanningDocument(METADATA, (FragmentStream(METADATA, b"\n"), b"\n"), True)
