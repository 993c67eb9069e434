"""How many objects of each class an export has: updated as assets change, never recounted."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Self

from pydantic import Field

from kili_export.archives.ledger.asset_ledger import AssetRecord
from kili_export.core.document import Document, is_none, is_zero

_NUMBERS: Final = ("objects", "assets", "small", "medium", "large")
_Class = tuple[str, str, str | None]


class ClassStatistics(Document):
    """Objects of a class, and the assets that have some, in a subset if the dataset is divided.

    `key` is the category's. `small`, `medium` and `large` are objects whose bounding box covers
    less than a hundredth of the picture, less than a tenth, or more; others have no size. In a
    difference numbers may be below 0.
    """

    job: str
    key: str
    subset: str | None = Field(default=None, exclude_if=is_none)
    objects: int
    assets: int
    small: int = Field(default=0, exclude_if=is_zero)
    medium: int = Field(default=0, exclude_if=is_zero)
    large: int = Field(default=0, exclude_if=is_zero)


class Statistics(Document):
    """The classes that have objects, by job and key, and the assets with files by subset."""

    classes: tuple[ClassStatistics, ...] = ()
    subsets: dict[str, int] = Field(default_factory=dict, exclude_if=is_zero)


@dataclass(slots=True)
class StatisticsTally:
    """Counts assets that come and go. `is_known` ends with one that nobody counted."""

    is_known: bool = True
    _classes: dict[_Class, Counter[str]] = field(default_factory=dict)
    _subsets: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, statistics: Statistics | None) -> Self:
        """Goes on from these; None are those of a former version, which counted nothing."""
        tally = cls(is_known=statistics is not None)
        if statistics is not None:
            tally.add_classes(statistics.classes)
            tally._subsets.update(statistics.subsets)
        return tally

    def add(self, record: AssetRecord, sign: int = 1) -> None:
        """Takes an asset in, or out with the sign -1."""
        if not record.exported:
            return
        if record.objects is None:
            self.is_known = False
            return
        subset = record.objects.subset
        if subset is not None:
            self._subsets[subset] += sign
        for one in record.objects.classes:
            found = self._classes.setdefault((one.job, one.category, subset), Counter())
            found["assets"] += sign
            for name in ("objects", "small", "medium", "large"):
                found[name] += sign * getattr(one, name)

    def add_classes(self, rows: Iterable[ClassStatistics], sign: int = 1) -> None:
        """Takes numbers of classes in, or out with the sign -1."""
        for row in rows:
            found = self._classes.setdefault((row.job, row.key, row.subset), Counter())
            for name in _NUMBERS:
                found[name] += sign * getattr(row, name)

    def classes(self) -> tuple[ClassStatistics, ...]:
        """The classes of which there are any, or of which there are more or fewer."""
        return tuple(
            ClassStatistics(job=job, key=key, subset=subset, **found)
            for (job, key, subset), found in sorted(
                self._classes.items(), key=lambda one: (*one[0][:2], one[0][2] or "")
            )
            if any(found.values())
        )

    def result(self) -> Statistics | None:
        """The numbers; None where not all assets were counted."""
        if not self.is_known:
            return None
        subsets = {name: count for name, count in sorted(self._subsets.items()) if count}
        return Statistics(classes=self.classes(), subsets=subsets)


def differences(
    before: Statistics | None, after: Statistics | None
) -> tuple[ClassStatistics, ...] | None:
    """What became of the numbers of classes; None where one side is not known."""
    if before is None or after is None:
        return None
    tally = StatisticsTally.of(after)
    tally.add_classes(before.classes, -1)
    return tally.classes()


def reversed_differences(rows: Iterable[ClassStatistics]) -> tuple[ClassStatistics, ...]:
    """The way back."""
    tally = StatisticsTally()
    tally.add_classes(rows, -1)
    return tally.classes()
