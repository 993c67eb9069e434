"""How many objects of each class there are: of one asset, and of a dataset."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, Self


class ObjectCount(NamedTuple):
    """Objects of one class of an asset. `category` is its key.

    `small`, `medium` and `large` are those of a known size: of how much of the picture their
    bounding box covers (`formats/common/object_counts.py`).
    """

    job: str
    category: str
    objects: int
    small: int = 0
    medium: int = 0
    large: int = 0


@dataclass(frozen=True, slots=True)
class AssetObjects:
    """The objects that an export counts of one asset, and the subset that it is in, if any."""

    subset: str | None = None
    classes: tuple[ObjectCount, ...] = ()

    def to_row(self) -> list[Any]:
        """As JSON values."""
        return [self.subset, *map(list, self.classes)]

    @classmethod
    def from_row(cls, row: Iterable[Any] | None) -> Self | None:
        """Reads what `to_row` wrote; None where nobody counted. Raises TypeError or ValueError."""
        if row is None:
            return None
        subset, *classes = row
        return cls(subset, tuple(ObjectCount(*one) for one in classes))
