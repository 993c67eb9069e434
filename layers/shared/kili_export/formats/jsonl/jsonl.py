"""JSON lines: a line for each annotation in one file, and a line for each asset in another.

Every line has every column, null where it does not apply, so that databases infer one table.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

from kili_export.core.asset import FetchedAsset, JsonObject, SelectedAsset
from kili_export.core.errors import IncompatibleProject
from kili_export.core.export_options import ExportOptions
from kili_export.core.file_paths import member_path
from kili_export.core.media import MediaRequest
from kili_export.core.project import Project
from kili_export.core.urls import is_url
from kili_export.formats.common.answer_files import answer_file_requests, with_file_paths
from kili_export.formats.common.encoding import json_line
from kili_export.formats.common.format import (
    Conversion,
    ExportContext,
    Fragment,
    FragmentStream,
    LossCollector,
    Member,
    SpanningDocument,
)
from kili_export.formats.common.jobs import place_of, response_of
from kili_export.formats.common.label_selection import select_labels
from kili_export.formats.common.media_files import media_requests
from kili_export.formats.common.pixels import size_of, without_nonsense_size
from kili_export.formats.common.readme import readme
from kili_export.formats.common.refusals import (
    is_geotiff,
    refuse_unsupported,
    refusing_endless_nesting,
)
from kili_export.formats.corrected.labels import upright
from kili_export.formats.corrected.media import unique_media
from kili_export.formats.corrected.names import unique_name
from kili_export.formats.jsonl.annotations import LabelParser, Line
from kili_export.formats.jsonl.boxes import boxes_of

# A folder for each, because a table of Athena is all files below a prefix.
_ANNOTATIONS: Final = "annotations/annotations.jsonl"
_ASSETS: Final = "assets/assets.jsonl"
_MEDIA: Final = "media"
_FILES: Final = "files"
_OF_LABELS: Final = ("modelName", "isSentBackToQueue")
COLUMNS: Final = (
    *("assetId", "externalId", "labelId", "author", "labelType", "createdAt", *_OF_LABELS),
    *("frame", "page", "job", "jobName", "mlTask", "category", "categoryName", "confidence"),
    *("score", "mid", "name", "type", "isKeyFrame", "rotation", "bbox", "bboxPixels"),
    *("text", "file", "categories", "geometry", "children", "problems"),
)
"""The columns of a line of annotations, in their order."""
_EMPTY: Final = dict.fromkeys(COLUMNS)
_INCOMPLETE: Final = "a line does not hold everything of its annotation; its problems say why"


class JsonlFormat:
    """The format `jsonl`, which the SDK does not have: it has no flaws of the SDK to keep."""

    version = "1"
    input_types = frozenset({"AUDIO", "GEOSPATIAL", "IMAGE", "PDF", "TEXT", "VIDEO"})

    def check(self, project: Project, options: ExportOptions) -> None:
        """Refuses a choice between fractions and pixels: lines hold both."""
        if options.normalized_coordinates is not None:
            raise IncompatibleProject(
                "jsonl holds fractions and pixels; leave normalized_coordinates out."
            )
        refuse_unsupported(project, options, self.input_types)

    def select(self, asset: FetchedAsset, context: ExportContext) -> SelectedAsset | None:
        """Every export type is held."""
        return select_labels(asset, context.options, honours_sent_back=True)

    def media(self, asset: SelectedAsset, context: ExportContext) -> Sequence[MediaRequest]:
        """The asset's media in `media/`, videos as they are, and the files of answers."""
        files = answer_file_requests(asset, context.project.project_id, _answer_folder(asset))
        if context.project.input_type == "VIDEO" and not is_url(asset.fields.get("jsonContent")):
            name = unique_name(asset, LossCollector())
            called = replace(asset, external_id=f"{name.stem}{name.extension}")
            return (*media_requests(called, context, _MEDIA, lambda _: ()), *files)
        return (*unique_media(asset, context, _MEDIA), *files)

    def convert(self, asset: SelectedAsset, context: ExportContext) -> Conversion:
        """The lines of the asset's annotations, and its own."""
        losses = LossCollector()
        seen = without_nonsense_size(asset)
        # Longitudes and latitudes are not of the view, so that turning it leaves them as they are.
        if context.project.input_type in ("IMAGE", "VIDEO") and not is_geotiff(asset):
            seen = upright(seen)
        with refusing_endless_nesting(asset):
            counts, lines = [], []
            for label in seen.labels:
                of_label = [*_annotation_lines(seen, label, context, losses)]
                counts.append(len(of_label))
                lines += of_label
            about = json_line(_asset_line(seen, counts, context))
        fragments = [Fragment(_ASSETS, (about,))]
        if lines:
            fragments.append(Fragment(_ANNOTATIONS, (b"\n".join(lines),)))
        return Conversion(fragments=tuple(fragments), losses=tuple(dict.fromkeys(losses.losses)))

    def project_members(self, context: ExportContext) -> Sequence[Member]:
        """The README."""
        return (readme(context),)

    def held_jobs(self, context: ExportContext) -> Collection[str]:
        """All."""
        return {job.name for job in context.project.jobs()}

    def documents(self, context: ExportContext) -> Sequence[SpanningDocument]:
        """The two files, whatever the layout: a column names the job."""
        del context
        return [
            SpanningDocument(path, (FragmentStream(path, b"\n"), b"\n"), when_empty=b"")
            for path in (_ANNOTATIONS, _ASSETS)
        ]


@lru_cache(maxsize=32)
def _parser(context: ExportContext) -> LabelParser:
    return LabelParser(context.project)


def _answer_folder(asset: SelectedAsset) -> str:
    return member_path(_FILES, unique_name(asset, LossCollector()).stem)


def _annotation_lines(
    asset: SelectedAsset, label: JsonObject, context: ExportContext, losses: LossCollector
) -> Iterator[bytes]:
    layers = asset.fields.get("jsonContent") if asset.json_content is None else asset.json_content
    known = {
        **asset.fields,
        "id": asset.asset_id,
        "externalId": asset.external_id,
        "jsonContent": layers,
    }
    response = with_file_paths(response_of(label), _answer_folder(asset), losses)
    more = {name: label.get(name) for name in _OF_LABELS}
    for line in _parser(context).lines(known, {**label, "jsonResponse": response}):
        if _has_problems(line):
            losses.add(_INCOMPLETE, place_of(line["job"], line))
        yield json_line({**_EMPTY, **line, **more, **boxes_of(line.get("geometry", {}))})


def _has_problems(answer: Line) -> bool:
    """Whether a line, or an answer below it, could not be read or held as a whole."""
    below = [*answer.get("children", ())]
    for category in answer["categories"]:
        below += category.get("children", ())
    return "problems" in answer or any(map(_has_problems, below))


def _asset_line(
    asset: SelectedAsset, counts: Sequence[int], context: ExportContext
) -> Mapping[str, Any]:
    width, height = size_of(asset.fields) or asset.media_size or (None, None)
    media = asset.media
    if files := answer_file_requests(asset, "", _answer_folder(asset)):
        media = media[: len(media) - len(files)]
    return {
        "assetId": asset.asset_id,
        "externalId": asset.external_id,
        "status": asset.fields.get("status"),
        "createdAt": asset.order_key.partition("/")[0] or None,
        "width": width,
        "height": height,
        "media": list(media) if context.options.with_assets else None,
        "metadata": asset.fields.get("jsonMetadata"),
        "labels": [*map(_label_line, asset.labels, counts)],
    }


def _label_line(label: JsonObject, annotations: int) -> Mapping[str, Any]:
    author = label.get("author")
    return {
        "labelId": label.get("id"),
        "author": author.get("email") if isinstance(author, Mapping) else None,
        "labelType": label.get("labelType"),
        "createdAt": label.get("createdAt"),
        **{name: label.get(name) for name in _OF_LABELS},
        "annotations": annotations,
    }
