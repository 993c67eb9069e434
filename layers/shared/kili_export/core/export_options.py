"""How one export is made, by the names of `kili.export_labels`."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import Field, StrictStr

from kili_export.core.asset_filters import FILTERS_BY_PEOPLE
from kili_export.core.document import Document


class Layout(StrEnum):
    """One set of labels, or a folder per job."""

    SPLIT = "split"
    MERGED = "merged"


class ExportType(StrEnum):
    """Which labels of an asset are exported."""

    LATEST = "latest"
    LATEST_FROM_LAST_STEP = "latest_from_last_step"
    LATEST_FROM_ALL_STEPS = "latest_from_all_steps"
    NORMAL = "normal"


class Compatibility(StrEnum):
    """Whether files are as the SDK writes them, or such that other tools read them right."""

    SDK = "sdk"
    CORRECTED = "corrected"


class Authors(StrEnum):
    """How labels' authors are written, in the formats that write them."""

    KEEP = "keep"
    PSEUDONYMOUS = "pseudonymous"
    OMIT = "omit"


@dataclass(frozen=True, slots=True)
class Split:
    """Shares of a dataset, which add up to 1. `group_by` keeps assets together.

    It names a key of their metadata: all assets with one value of it are in one subset.
    """

    train: float
    val: float = 0.0
    test: float = 0.0
    group_by: str | None = None


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """Options of one export. Defaults are those of `kili.export_labels`, but for `with_assets`.

    `asset_ids` and `external_ids` select assets; None selects all, empty selects none.
    `filters` holds the SDK's `asset_filter_kwargs`.
    """

    format: str
    layout: Layout = Layout.SPLIT
    single_file: bool = False
    with_assets: bool = False
    export_type: ExportType = ExportType.LATEST
    label_type_in: tuple[str, ...] = ("DEFAULT", "REVIEW")
    include_sent_back_labels: bool = True
    normalized_coordinates: bool | None = None
    asset_ids: tuple[str, ...] | None = None
    external_ids: tuple[str, ...] | None = None
    filters: Mapping[str, Any] = field(default_factory=dict)
    compatibility: Compatibility = Compatibility.SDK
    split: Split | None = None
    authors: Authors = Authors.KEEP

    def digest(self) -> str:
        """A hash that is equal exactly when the options are.

        Options that came later than exports count where they are set only: an export that does
        not use them must not be made again for their sake.
        """
        values = asdict(self)
        if self.compatibility is Compatibility.SDK:
            del values["compatibility"]
        if self.split is None:
            del values["split"]
        if self.authors is Authors.KEEP:
            del values["authors"]
        canonical = json.dumps(values, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


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


def server_filters(options: ExportOptions) -> dict[str, Any]:
    """The filters of an export that only Kili can apply; empty when it selects all assets.

    The label types go along, as the SDK sends them: Kili applies the filters on labels to the
    labels of these types.
    """
    if not options.filters:
        return {}
    return {**options.filters, "label_type_in": list(options.label_type_in)}


class OptionsDocument(Document):
    """The options of an export, as stored."""

    format: str
    layout: Layout = Layout.SPLIT
    single_file: bool = False
    with_assets: bool = False
    export_type: ExportType = ExportType.LATEST
    label_type_in: tuple[str, ...] = ("DEFAULT", "REVIEW")
    include_sent_back_labels: bool = True
    normalized_coordinates: bool | None = None
    asset_ids: tuple[str, ...] | None = None
    external_ids: tuple[str, ...] | None = None
    filters: dict[str, Any] = Field(default_factory=dict)
    compatibility: Compatibility = Compatibility.SDK
    split: SplitDocument | None = None
    authors: Authors = Authors.KEEP

    @classmethod
    def of(cls, options: ExportOptions) -> "OptionsDocument":
        """The stored form of options."""
        values = {name: getattr(options, name) for name in cls.model_fields}
        split = None if options.split is None else SplitDocument.of(options.split)
        return cls(**{**values, "filters": dict(options.filters), "split": split})

    def without_people(self) -> "OptionsDocument":
        """The same for readers of the exports: filters by people say how many they name."""
        shown = {
            name: f"{len(value)} not shown" if name in FILTERS_BY_PEOPLE else value
            for name, value in self.filters.items()
        }
        return self.model_copy(update={"filters": shown})

    def to_options(self) -> ExportOptions:
        """The options that were stored."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        split = None if self.split is None else self.split.to_split()
        return ExportOptions(**{**values, "split": split})
