"""Which labels of an asset an export holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from kili_export.core.asset import FetchedAsset, JsonObject, SelectedAsset
from kili_export.core.export_options import ExportOptions, ExportType
from kili_export.core.file_dates import Moments, moments_of, newest_moments

_DEFAULT_TYPES = ("DEFAULT", "REVIEW")


def select_labels(
    asset: FetchedAsset, options: ExportOptions, *, honours_sent_back: bool
) -> SelectedAsset | None:
    """The asset with the labels that the options ask for, None when none is left.

    Whether the asset itself is asked for is not looked at: see AskedFor.

    An asset without a matching label is in no archive; one with an empty answer is. Formats that
    do not honour `include_sent_back_labels` write labels that were sent back as well, which is
    what the SDK does for them.
    """
    types = options.label_type_in or _DEFAULT_TYPES
    labels = [label for label in _source(asset, options) if label.get("labelType") in types]
    if honours_sent_back and not options.include_sent_back_labels:
        # Null counts as sent back.
        labels = [label for label in labels if label.get("isSentBackToQueue") is False]
    if options.export_type in (ExportType.NORMAL, ExportType.LATEST_FROM_ALL_STEPS):
        labels = [label for label in labels if label.get("labelType") != "AUTOSAVE"] or labels
    if not labels:
        return None
    return SelectedAsset(
        asset_id=asset.asset_id,
        external_id=asset.external_id,
        order_key=asset.order_key,
        fields=asset.fields,
        labels=tuple(labels),
        json_content=asset.json_content,
    )


@dataclass(frozen=True, slots=True)
class AskedFor:
    """Which assets an export names, by id or by external id; None of a kind names all."""

    asset_ids: frozenset[str] | None
    external_ids: frozenset[str] | None

    @classmethod
    def by(cls, options: ExportOptions) -> Self:
        """Those that the options name. To be made once for many assets."""
        return cls(_set(options.asset_ids), _set(options.external_ids))

    def includes(self, asset: FetchedAsset) -> bool:
        """Whether the asset is one of them."""
        if self.asset_ids is not None and asset.asset_id not in self.asset_ids:
            return False
        return self.external_ids is None or asset.external_id in self.external_ids


def moments_of_labels(
    asset: FetchedAsset, selected: SelectedAsset, options: ExportOptions
) -> Moments:
    """The moments that files of these labels are dated by.

    Those of the labels themselves and of the ones before, as far as the export may have held them.
    """
    types = options.label_type_in or _DEFAULT_TYPES
    known = {one.label_id: one for one in asset.label_dates}
    shown: set[int] = set()
    for label in selected.labels:
        dates = known.get(str(label.get("id")))
        dated = (label.get("createdAt"), None) if dates is None else dates[2:]
        shown.update(moments_of(*dated))
    newest = max(shown, default=0)
    before = (
        moment
        for dates in asset.label_dates
        if dates.label_type in types
        for moment in moments_of(dates.created_at, dates.updated_at)
        if moment < newest
    )
    return newest_moments((*shown, *before))


def _set(ids: tuple[str, ...] | None) -> frozenset[str] | None:
    return None if ids is None else frozenset(ids)


def _source(asset: FetchedAsset, options: ExportOptions) -> Sequence[JsonObject]:
    if options.export_type is ExportType.LATEST:
        return () if asset.latest_label is None else (asset.latest_label,)
    if options.export_type is ExportType.LATEST_FROM_LAST_STEP:
        return [label for label in asset.latest_labels or () if label is not None]
    if options.export_type is ExportType.LATEST_FROM_ALL_STEPS:
        return [label for label in asset.labels or () if label.get("isLastForStep")]
    return asset.labels or ()
