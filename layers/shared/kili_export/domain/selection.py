"""Which labels of an asset an export holds."""

from collections.abc import Sequence

from kili_export.domain.asset import FetchedAsset, JsonObject, SelectedAsset
from kili_export.domain.options import ExportOptions, ExportType

_DEFAULT_TYPES = ("DEFAULT", "REVIEW")


def select_labels(
    asset: FetchedAsset, options: ExportOptions, *, honours_sent_back: bool
) -> SelectedAsset | None:
    """The asset with the labels that the options ask for, None when none is left.

    An asset without a matching label is in no archive; one with an empty answer is. Formats that
    do not honour `include_sent_back_labels` write labels that were sent back as well, which is
    what the SDK does for them.
    """
    if not _is_asked_for(asset, options):
        return None
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


def _is_asked_for(asset: FetchedAsset, options: ExportOptions) -> bool:
    if options.asset_ids is not None and asset.asset_id not in options.asset_ids:
        return False
    return options.external_ids is None or asset.external_id in options.external_ids


def _source(asset: FetchedAsset, options: ExportOptions) -> Sequence[JsonObject]:
    if options.export_type is ExportType.LATEST:
        return () if asset.latest_label is None else (asset.latest_label,)
    if options.export_type is ExportType.LATEST_FROM_LAST_STEP:
        return [label for label in asset.latest_labels or () if label is not None]
    if options.export_type is ExportType.LATEST_FROM_ALL_STEPS:
        return [label for label in asset.labels or () if label.get("isLastForStep")]
    return asset.labels or ()
