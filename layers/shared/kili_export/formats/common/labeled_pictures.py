"""Pictures as labels see them: what formats of pictures write of an asset, one by one."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from kili_export.core.asset import SelectedAsset
from kili_export.core.export_options import ExportType
from kili_export.formats.common.format import ExportContext, LossCollector

ONLY: Final = "1"
"""The key of the picture of an asset that is one picture."""


@dataclass(frozen=True, slots=True)
class LabeledPicture:
    """A picture, or a frame of a video, with what one label answers of it.

    `key` names it among those of its label, and `label_names` the label among the asset's, the
    closest name first; none where an export holds one label of an asset. `name` is the path of
    its file in the folder of media, `stem` that of its label without an ending, where a format
    has a file for each. `rotation` is what the shapes must be turned back by. `frame` counts
    from 0; None where the picture is no frame.
    """

    key: str
    stem: str
    name: str
    response: Mapping[str, Any]
    rotation: Any = None
    frame: int | None = None
    label_names: tuple[str, ...] = ()

    def keys(self, of: str = "") -> tuple[str, ...]:
        """What the picture, or something of it, is known by: within its label, and at all."""
        known = of or self.key
        return (*(f"{name} {known}" for name in self.label_names), known)


def label_names(asset: SelectedAsset, context: ExportContext) -> list[tuple[str, ...]]:
    """By what each label is known: its id, and which of its author's it is.

    A label that somebody corrects is another one in Kili. Where an export holds one label of an
    asset, that is the same to its readers, from any author: there are no names.
    """
    if context.options.export_type is ExportType.LATEST and len(asset.labels) == 1:
        return [() for _ in asset.labels]
    count: Counter[str] = Counter()
    names: list[tuple[str, ...]] = []
    seen: set[str] = set()
    for label in asset.labels:
        author = label.get("author")
        who = str(author.get("id") or author.get("email")) if isinstance(author, Mapping) else ""
        count[who] += 1
        closest = f"label {label.get('id')}"
        known = () if closest in seen else (closest,)
        seen.add(closest)
        names.append((*known, f"author {who} {count[who]}"))
    return names


PictureLister = Callable[[SelectedAsset, ExportContext, LossCollector], Iterable[LabeledPicture]]
"""Lists the pictures of an asset that an export holds, noting what it leaves out."""
