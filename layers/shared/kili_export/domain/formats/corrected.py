"""The formats with their flaws corrected, made of those that write what the SDK writes."""

from collections.abc import Sequence
from dataclasses import replace

from kili_export.domain.asset import FetchedAsset, SelectedAsset
from kili_export.domain.formats.base import (
    Conversion,
    ExportContext,
    ExportFormat,
    Loss,
    LossCollector,
    Member,
    SpanningDocument,
)
from kili_export.domain.formats.corrected_labels import upright
from kili_export.domain.formats.corrected_names import flat_name, unique_name
from kili_export.domain.formats.naming import numbered_labels
from kili_export.domain.formats.refusals import refuse_media
from kili_export.domain.media import MediaRequest
from kili_export.domain.names import member_path
from kili_export.domain.options import ExportOptions
from kili_export.domain.project import Project
from kili_export.domain.selection import select_labels


class CorrectedFormat:
    """What all share: labels that were sent back count as the options say, and media wait."""

    version = "1"

    def __init__(self, as_sdk: ExportFormat) -> None:
        self._as_sdk = as_sdk

    def media(self, asset: SelectedAsset, context: ExportContext) -> Sequence[MediaRequest]:
        """As the SDK's format."""
        return self._as_sdk.media(asset, context)

    def check(self, project: Project, options: ExportOptions) -> None:
        """Refuses what the SDK's format refuses, and media."""
        self._as_sdk.check(project, options)
        refuse_media(options)

    def select(self, asset: FetchedAsset, context: ExportContext) -> SelectedAsset | None:
        """Labels that were sent back are left out when the options say so."""
        return select_labels(asset, context.options, honours_sent_back=True)

    def project_members(self, context: ExportContext) -> Sequence[Member]:
        """As the SDK's format."""
        return self._as_sdk.project_members(context)

    def documents(self, context: ExportContext) -> Sequence[SpanningDocument]:
        """As the SDK's format."""
        return self._as_sdk.documents(context)


class CorrectedKiliFormat(CorrectedFormat):
    """`kili` and `raw`: unique names; points, lines and the frames of videos turned back too."""

    def convert(self, asset: SelectedAsset, context: ExportContext) -> Conversion:
        """One file, or one item of `data.json`."""
        losses = LossCollector()
        name = unique_name(asset, losses)
        if context.project.input_type in ("IMAGE", "VIDEO"):
            asset = upright(asset, losses, clamped=False)
        converted = self._as_sdk.convert(asset, context)
        paths = [member_path("labels", f"{name.stem}.json")]
        return _renamed(converted, paths, losses)


class CorrectedGeoJsonFormat(CorrectedFormat):
    """`geojson`: unique names."""

    def convert(self, asset: SelectedAsset, context: ExportContext) -> Conversion:
        """A feature collection per label."""
        losses = LossCollector()
        return _renamed(
            self._as_sdk.convert(asset, context),
            _per_label(asset, unique_name(asset, losses).stem, ".geojson"),
            losses,
        )


class CorrectedPascalVocFormat(CorrectedFormat):
    """`pascal_voc`: unique names that match the picture's, boxes within the picture.

    Names are flat, because tools look for pictures and labels in one folder each.
    """

    def convert(self, asset: SelectedAsset, context: ExportContext) -> Conversion:
        """An XML file per label."""
        losses = LossCollector()
        name = flat_name(asset, losses)
        turned = replace(upright(asset, losses, clamped=True), external_id=name.picture)
        return _renamed(
            self._as_sdk.convert(turned, context), _per_label(asset, name.stem, ".xml"), losses
        )


class CorrectedCocoFormat(CorrectedFormat):
    """`coco`: unique names of pictures, shapes within them."""

    def convert(self, asset: SelectedAsset, context: ExportContext) -> Conversion:
        """An image per label and its annotations."""
        losses = LossCollector()
        name = unique_name(asset, losses)
        turned = replace(upright(asset, losses, clamped=True), external_id=name.picture)
        return _renamed(self._as_sdk.convert(turned, context), (), losses)


def _per_label(asset: SelectedAsset, stem: str, ending: str) -> list[str]:
    return [
        member_path("labels", f"{stem}{suffix}{ending}") for _, suffix, _ in numbered_labels(asset)
    ]


def _renamed(converted: Conversion, paths: Sequence[str], losses: LossCollector) -> Conversion:
    """The conversion with its files under these paths, and with these losses besides."""
    members = tuple(
        replace(member, path=path) for member, path in zip(converted.members, paths, strict=False)
    )
    found: list[Loss] = [*losses.losses, *converted.losses]
    return replace(converted, members=members, losses=tuple(dict.fromkeys(found)))
