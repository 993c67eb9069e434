"""The declared shares of a dataset: `split: {train: 0.8, val: 0.1, test: 0.1, group_by: site}`."""

from typing import Annotated, Self

from pydantic import Field, StrictStr

from kili_export.contracts.base import Document
from kili_export.domain.options import Compatibility, Split

_TOLERANCE = 1e-9
_WITH_SUBSETS = "yolo_"

Share = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]


class SplitDocument(Document):
    """The shares as declared and as stored; what is left out is 0."""

    train: Share
    val: Share = 0.0
    test: Share = 0.0
    group_by: Annotated[StrictStr, Field(min_length=1)] | None = None

    @classmethod
    def of(cls, split: Split) -> Self:
        """The stored form of a split."""
        return cls(train=split.train, val=split.val, test=split.test, group_by=split.group_by)

    def to_split(self) -> Split:
        """The split that was declared."""
        return Split(self.train, self.val, self.test, self.group_by)


def checked_split(split: SplitDocument, format_name: str, compatibility: Compatibility) -> None:
    """Raises ValueError with the way out when no dataset can be divided like that."""
    if not format_name.startswith(_WITH_SUBSETS):
        raise ValueError(
            f"split: {format_name[:64]} has no subsets; leave split out, or use yolo_v8 with"
            " compatibility corrected"
        )
    if compatibility is not Compatibility.CORRECTED:
        raise ValueError(
            "split: the SDK's datasets have no subsets; set compatibility to corrected, or leave"
            " split out"
        )
    total = split.train + split.val + split.test
    if abs(total - 1) > _TOLERANCE:
        raise ValueError(
            f"split: train, val and test add up to {total:g}; they must add up to 1, such as"
            " 0.8, 0.1 and 0.1"
        )
    if split.train == 0:
        raise ValueError("split: train must not be 0; a dataset without it trains nothing")
