"""Kili's own format (`kili`, and `raw`, which differs in the README alone).

A JSON file per asset in `labels/`, or all assets in `data.json`: the fields that the SDK asks
for, with pixel coordinates beside the fractions of object detection answers.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from kili_export.core.asset import FetchedAsset, JsonObject, SelectedAsset
from kili_export.core.export_options import ExportOptions, ExportType
from kili_export.core.file_paths import member_path, safe_path
from kili_export.core.media import MediaRequest
from kili_export.core.project import Project
from kili_export.core.urls import is_url
from kili_export.formats.common.answer_files import answer_file_requests, with_file_paths
from kili_export.formats.common.encoding import encoded
from kili_export.formats.common.format import (
    Conversion,
    ExportContext,
    Fragment,
    FragmentStream,
    LossCollector,
    Member,
    SpanningDocument,
)
from kili_export.formats.common.indented_json import indented
from kili_export.formats.common.jobs import response_of
from kili_export.formats.common.label_names import safe_name
from kili_export.formats.common.label_selection import select_labels
from kili_export.formats.common.media_files import media_requests
from kili_export.formats.common.readme import readme
from kili_export.formats.common.refusals import (
    is_geotiff,
    refuse_geotiff,
    refuse_unsupported,
    refusing_endless_nesting,
)
from kili_export.formats.common.unsigned_urls import identity_of, unsigned
from kili_export.formats.common.video_cuts import series_of_kili
from kili_export.formats.kili_raw.raw_responses import raw_response

_DOCUMENT = "data.json"
_ASSET_FIELDS = (
    "content",
    "externalId",
    "id",
    "jsonContent",
    "jsonMetadata",
    "pageResolutions",
    "resolution",
    "status",
)
_GEOSPATIAL_FIELDS = (*_ASSET_FIELDS, "geospatialExportMetadata")
_LABEL_FIELDS = (
    "author",
    "createdAt",
    "isLatestLabelForUser",
    "isSentBackToQueue",
    "jsonResponse",
    "jsonResponseUrl",
    "labelType",
    "modelName",
)
_AUTHOR_FIELDS = ("email", "firstname", "id", "lastname")
_SIGNED = frozenset({"content", "jsonContent"})


class KiliFormat:
    """The formats `kili` and `raw`."""

    version = "2"
    input_types = frozenset({"AUDIO", "GEOSPATIAL", "IMAGE", "PDF", "TEXT", "VIDEO"})

    def __init__(
        self,
        answer_folder: Callable[[SelectedAsset], str] | None = None,
        *,
        keeps_folders: bool = False,
        knows_geotiffs: bool = False,
    ) -> None:
        """Puts the files of answers into that folder of their asset."""
        self._answer_folder = answer_folder or _answer_folder
        # The SDK names media without the folders that they are in.
        self._keeps_folders = keeps_folders
        # The SDK takes longitudes and latitudes for fractions of the view.
        self._knows_geotiffs = knows_geotiffs

    def check(self, project: Project, options: ExportOptions) -> None:
        """Refuses media and input types that are not supported yet."""
        refuse_unsupported(project, options, self.input_types)

    def select(self, asset: FetchedAsset, context: ExportContext) -> SelectedAsset | None:
        """Every export type is held."""
        return select_labels(asset, context.options, honours_sent_back=True)

    def media(self, asset: SelectedAsset, context: ExportContext) -> Sequence[MediaRequest]:
        """The asset's media in `assets/`, and the files of answers beside its label file."""
        files = answer_file_requests(asset, context.project.project_id, self._answer_folder(asset))
        series = partial(series_of_kili, options=context.options)
        return (*media_requests(asset, context, "assets", series), *files)

    def convert(self, asset: SelectedAsset, context: ExportContext) -> Conversion:
        """One file, or one item of `data.json`."""
        if context.options.normalized_coordinates is not None:
            refuse_geotiff(asset, context.options)
        losses = LossCollector()
        level = 1 if context.options.single_file else 0
        with refusing_endless_nesting(asset):
            on_earth = self._knows_geotiffs and is_geotiff(asset)
            document = _document(self._with_files(asset, losses), context, losses, on_earth)
            if context.options.with_assets:
                files = answer_file_requests(asset, "", self._answer_folder(asset))
                media = asset.media[: len(asset.media) - len(files)]
                names = [self._shown(path) for path in media]
                document.update(_media_fields(asset, names, context.project.input_type))
            text, identity = _dumped(document, level)
        data = encoded(text)
        if context.options.single_file:
            fragment = Fragment(_DOCUMENT, (data,), identity_of(identity, data))
            return Conversion(fragments=(fragment,), losses=tuple(losses.losses))
        safe_name(asset, losses)
        member = Member(
            member_path("labels", f"{_label_name(asset)}.json"), data, identity_of(identity, data)
        )
        return Conversion(members=(member,), losses=tuple(losses.losses))

    def _with_files(self, asset: SelectedAsset, losses: LossCollector) -> SelectedAsset:
        """The asset whose answers tell where the archive has their files."""
        folder = self._answer_folder(asset)
        labels = tuple(
            {**label, "jsonResponse": with_file_paths(response_of(label), folder, losses)}
            if label.get("jsonResponse")
            else label
            for label in asset.labels
        )
        return replace(asset, labels=labels)

    def _shown(self, path: str) -> str:
        return path if self._keeps_folders else f"assets/{PurePosixPath(path).name}"

    def project_members(self, context: ExportContext) -> Sequence[Member]:
        """The README."""
        return (readme(context),)

    def held_jobs(self, context: ExportContext) -> Collection[str]:
        """All."""
        return {job.name for job in context.project.jobs()}

    def documents(self, context: ExportContext) -> Sequence[SpanningDocument]:
        """`data.json`, when all assets go into a single file."""
        if not context.options.single_file:
            return ()
        items = FragmentStream(_DOCUMENT, b",\n    ")
        return (SpanningDocument(_DOCUMENT, (b"[\n    ", items, b"\n]"), when_empty=b"[]"),)


def _label_name(asset: SelectedAsset) -> str:
    return safe_path(asset.external_id.replace(" ", "_"))


def _answer_folder(asset: SelectedAsset) -> str:
    return member_path("labels", _label_name(asset))


def _document(
    asset: SelectedAsset, context: ExportContext, losses: LossCollector, on_earth: bool
) -> dict[str, Any]:
    options = context.options
    is_geospatial = context.project.input_type == "GEOSPATIAL"
    names = _GEOSPATIAL_FIELDS if is_geospatial else _ASSET_FIELDS
    document = {name: asset.fields[name] for name in names if name in asset.fields}
    labels = [_label(label, asset, context, losses, on_earth) for label in asset.labels]
    if options.export_type is ExportType.LATEST:
        document["latestLabel"] = labels[0]
    elif options.export_type is ExportType.LATEST_FROM_LAST_STEP:
        document["latestLabels"] = labels
    else:
        document["labels"] = labels
    return document


def _media_fields(asset: SelectedAsset, names: list[str], input_type: str) -> JsonObject:
    """The fields that name media in the archive."""
    apart = is_url(asset.fields.get("jsonContent"))
    if input_type == "VIDEO" and apart:
        return {"jsonContent": names}
    fields: dict[str, Any] = {}
    if apart and input_type == "TEXT":
        fields["jsonContent"] = names[0]
    elif apart and input_type == "IMAGE":
        fields["jsonContent"] = asset.json_content
    elif input_type == "VIDEO" and len(names) > 1:
        # The frames that a video was cut into come before it.
        fields["jsonContent"] = sorted(names[:-1])
    if is_url(asset.fields.get("content")) and names:
        fields["content"] = names[-1]
    return fields


def _label(
    label: JsonObject,
    asset: SelectedAsset,
    context: ExportContext,
    losses: LossCollector,
    on_earth: bool,
) -> JsonObject:
    written = {name: label[name] for name in _LABEL_FIELDS if name in label}
    if context.options.export_type is not ExportType.LATEST and "isLastForStep" in label:
        written["isLastForStep"] = label["isLastForStep"]
    author = label.get("author")
    if isinstance(author, Mapping):
        written["author"] = {name: author[name] for name in _AUTHOR_FIELDS if name in author}
        written["author"]["name"] = f"{author.get('firstname')} {author.get('lastname')}"
    response = label.get("jsonResponse")
    if isinstance(response, Mapping):
        written["jsonResponse"] = _response(response, asset, context, losses, on_earth)
    return written


def _response(
    response: JsonObject,
    asset: SelectedAsset,
    context: ExportContext,
    losses: LossCollector,
    on_earth: bool,
) -> JsonObject:
    return raw_response(
        response,
        asset.fields,
        context.project,
        losses,
        fractions_alone=context.options.normalized_coordinates is True,
        on_earth=on_earth,
    )


def _dumped(document: JsonObject, level: int) -> tuple[str, str]:
    """The JSON text of the asset, and the same with its URLs unsigned."""
    indent = "    " * level
    inner = f"\n{indent}    "
    shown, compared = [], []
    for name in sorted(document):
        text = f'{inner}"{name}": {indented(document[name], level + 1)}'
        shown.append(text)
        if name in _SIGNED:
            text = f'{inner}"{name}": {indented(unsigned(document[name]), level + 1)}'
        compared.append(text)
    ending = f"\n{indent}}}"
    return "{" + ",".join(shown) + ending, "{" + ",".join(compared) + ending
