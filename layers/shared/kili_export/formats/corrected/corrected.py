"""The formats with their flaws corrected, made of those that write what the SDK writes.

What these give the SDK's formats to write are labels that are upright, and pictures of their own.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace

from kili_export.core.asset import FetchedAsset, SelectedAsset
from kili_export.core.export_options import ExportOptions
from kili_export.core.file_paths import member_path
from kili_export.core.media import Measure, MediaRequest
from kili_export.core.project import Project
from kili_export.formats.common.answer_files import answer_file_requests
from kili_export.formats.common.format import (
    Conversion,
    ExportContext,
    ExportFormat,
    Loss,
    LossCollector,
    Member,
    SpanningDocument,
)
from kili_export.formats.common.label_names import numbered_labels
from kili_export.formats.common.label_selection import select_labels
from kili_export.formats.common.media_files import measured
from kili_export.formats.common.pixels import without_nonsense_size
from kili_export.formats.common.refusals import is_geotiff, refusing_tangles
from kili_export.formats.corrected.labels import upright
from kili_export.formats.corrected.media import unique_media
from kili_export.formats.corrected.names import unique_name
from kili_export.formats.corrected.pictures import (
    flat_pictures,
    picture_requests,
    pictures_in_folders,
)


class CorrectedFormat:
    """What all share: labels that were sent back count as the options say."""

    version = "2"

    def __init__(self, as_sdk: ExportFormat) -> None:
        self._as_sdk = as_sdk

    def check(self, project: Project, options: ExportOptions) -> None:
        """Refuses what the SDK's format refuses."""
        self._as_sdk.check(project, options)

    def select(self, asset: FetchedAsset, context: ExportContext) -> SelectedAsset | None:
        """Labels that were sent back are left out when the options say so."""
        return select_labels(asset, context.options, honours_sent_back=True)

    def project_members(self, context: ExportContext) -> Sequence[Member]:
        """As the SDK's format."""
        return self._as_sdk.project_members(context)

    def held_jobs(self, context: ExportContext) -> Collection[str]:
        """As the SDK's format."""
        return self._as_sdk.held_jobs(context)

    def documents(self, context: ExportContext) -> Sequence[SpanningDocument]:
        """As the SDK's format."""
        return self._as_sdk.documents(context)


def unique_folder(asset: SelectedAsset) -> str:
    """The folder of the files of an asset's answers, called like its label file."""
    return member_path("labels", unique_name(asset, LossCollector()).stem)


class CorrectedKiliFormat(CorrectedFormat):
    """`kili` and `raw`: unique names; points, lines and the frames of videos turned back too."""

    def media(self, asset: SelectedAsset, context: ExportContext) -> Sequence[MediaRequest]:
        """All media in `assets/`, folders kept, and the files of answers."""
        files = answer_file_requests(asset, context.project.project_id, unique_folder(asset))
        return (*unique_media(asset, context, "assets"), *files)

    def convert(self, asset: SelectedAsset, context: ExportContext) -> Conversion:
        """One file, or one item of `data.json`."""
        losses = LossCollector()
        name = unique_name(asset, losses)
        # Longitudes and latitudes are not of the view, so that turning it leaves them as they are.
        if context.project.input_type in ("IMAGE", "VIDEO") and not is_geotiff(asset):
            asset = upright(asset)
        converted = self._as_sdk.convert(asset, context)
        paths = [member_path("labels", f"{name.stem}.json")]
        return _renamed(converted, paths, losses)


class CorrectedGeoJsonFormat(CorrectedFormat):
    """`geojson`: unique names."""

    def media(self, asset: SelectedAsset, context: ExportContext) -> Sequence[MediaRequest]:
        """All media in `images/`, folders kept."""
        return unique_media(asset, context, "images")

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

    version = "3"

    def media(self, asset: SelectedAsset, context: ExportContext) -> Sequence[MediaRequest]:
        """A picture for each label file, in `images/`."""
        if not context.options.with_assets:
            return ()
        pictures = flat_pictures(asset, context, LossCollector())
        requests = picture_requests(asset, pictures, "images")
        return measured(requests, without_nonsense_size(asset), Measure.AS_DISPLAYED)

    def convert(self, asset: SelectedAsset, context: ExportContext) -> Conversion:
        """An XML file per label, or per frame that it mentions."""
        with refusing_tangles(asset):
            return self._as_sdk.convert(upright(without_nonsense_size(asset)), context)


class CorrectedCocoFormat(CorrectedFormat):
    """`coco`: unique names of pictures, shapes within them, also those of videos.

    With media, the objects of each picture stand beside the pictures too.
    """

    version = "4"

    def media(self, asset: SelectedAsset, context: ExportContext) -> Sequence[MediaRequest]:
        """A picture for each image of the documents, in `data/`, folders kept."""
        if not context.options.with_assets:
            return ()
        pictures = pictures_in_folders(asset, context, LossCollector())
        requests = picture_requests(asset, pictures, "data")
        return measured(requests, without_nonsense_size(asset), Measure.AS_DISPLAYED)

    def convert(self, asset: SelectedAsset, context: ExportContext) -> Conversion:
        """An image per label, or per frame that it mentions, and its annotations."""
        return self._as_sdk.convert(upright(without_nonsense_size(asset)), context)


def _per_label(asset: SelectedAsset, stem: str, ending: str) -> list[str]:
    return [
        member_path("labels", f"{stem}{suffix}{ending}") for _, suffix, _ in numbered_labels(asset)
    ]


def _renamed(converted: Conversion, paths: Sequence[str], losses: LossCollector) -> Conversion:
    """The conversion with its files under these paths, and with these losses besides."""
    members = tuple(
        replace(member, path=path) for member, path in zip(converted.members, paths, strict=False)
    )
    return _with_losses(replace(converted, members=members), losses)


def _with_losses(converted: Conversion, losses: LossCollector) -> Conversion:
    found: list[Loss] = [*losses.losses, *converted.losses]
    return replace(converted, losses=tuple(dict.fromkeys(found)))
