"""YOLO datasets that train as they are, where the SDK's need work first.

For each task a folder with `data.yaml`, `labels/<subset>/` and a place for the pictures,
`images/<subset>/`; `remote_assets.csv` tells where each picture is now and its name there.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kili_export.domain.asset import FetchedAsset, SelectedAsset
from kili_export.domain.errors import IncompatibleProject
from kili_export.domain.formats.base import (
    Conversion,
    ExportContext,
    ExportFormat,
    Fragment,
    FragmentStream,
    LossCollector,
    Member,
    SpanningDocument,
)
from kili_export.domain.formats.corrected_labels import upright
from kili_export.domain.formats.corrected_names import UniqueName, flat_name
from kili_export.domain.formats.frame_numbers import frame_number
from kili_export.domain.formats.jobs import annotations_of, require_jobs, response_of
from kili_export.domain.formats.naming import numbered_labels
from kili_export.domain.formats.readme import readme
from kili_export.domain.formats.refusals import (
    refuse_geotiff,
    refuse_media,
    refusing_endless_nesting,
)
from kili_export.domain.formats.texts import encoded
from kili_export.domain.formats.urls import identity_of, unsigned
from kili_export.domain.formats.yolo_classes import quoted
from kili_export.domain.formats.yolo_tasks import Dataset, datasets
from kili_export.domain.media import MediaRequest
from kili_export.domain.names import member_path
from kili_export.domain.options import ExportOptions, Split
from kili_export.domain.project import Project
from kili_export.domain.selection import select_labels
from kili_export.domain.subsets import Subset, subset_of

_REMOTE = "remote_assets.csv"
_REMOTE_HEADER = ("external id", "url", "label file", "image file")
_DIGITS = 6

_Row = tuple[str, Any, str, str]


class CorrectedYoloFormat:
    """`yolo_v5`, `yolo_v7` and `yolo_v8`, which read the same files."""

    version = "1"

    def __init__(self, as_sdk: ExportFormat) -> None:
        self._as_sdk = as_sdk

    def check(self, project: Project, options: ExportOptions) -> None:
        """Refuses what the SDK's format refuses, YOLO v4, and media."""
        self._as_sdk.check(project, options)
        if options.format == "yolo_v4":
            raise IncompatibleProject(
                "yolo_v4 reads no data.yaml and is not corrected; use yolo_v8, or leave"
                " compatibility out."
            )
        refuse_media(options)
        require_jobs(
            datasets(project, options),
            options.format,
            "categories and no other tools than rectangle, polygon and semantic",
        )

    def select(self, asset: FetchedAsset, context: ExportContext) -> SelectedAsset | None:
        """Labels that were sent back are left out when the options say so."""
        return select_labels(asset, context.options, honours_sent_back=True)

    def media(self, asset: SelectedAsset, context: ExportContext) -> Sequence[MediaRequest]:
        """As the SDK's format."""
        return self._as_sdk.media(asset, context)

    def convert(self, asset: SelectedAsset, context: ExportContext) -> Conversion:
        """A text file per label, or per frame with a shape, in each dataset."""
        refuse_geotiff(asset, context.options)
        losses = LossCollector()
        name = flat_name(asset, losses)
        turned = upright(asset, losses, clamped=True)
        with refusing_endless_nesting(asset):
            subset = subset_of(asset, context.options.split)
        is_video = context.project.input_type == "VIDEO"
        members: list[Member] = []
        rows: list[_Row] = []
        for dataset in datasets(context.project, context.options):
            for file in _files(dataset, turned, name, is_video=is_video):
                stem, picture, index, response = file
                label_file = member_path(f"{dataset.folder}/labels/{subset}", f"{stem}.txt")
                image_file = member_path(f"{dataset.folder}/images/{subset}", picture)
                text = "".join(dataset.lines(response, losses))
                members.append(Member(label_file, text.encode()))
                rows.append((asset.external_id, _url(asset, index), label_file, image_file))
        fragments = (_remote(rows),) if rows else ()
        return Conversion(tuple(members), fragments, tuple(dict.fromkeys(losses.losses)))

    def project_members(self, context: ExportContext) -> Sequence[Member]:
        """The README and every dataset's `data.yaml`."""
        described = [
            Member(
                f"{dataset.folder}/data.yaml",
                encoded(_description(dataset, context.options.split)),
            )
            for dataset in datasets(context.project, context.options)
        ]
        return (readme(context), *described)

    def documents(self, context: ExportContext) -> Sequence[SpanningDocument]:
        """`remote_assets.csv`."""
        del context
        rows = FragmentStream(_REMOTE, b"")
        header = _csv([_REMOTE_HEADER]).encode()
        return (SpanningDocument(_REMOTE, (header, rows), omit_when_empty=True),)


def _files(
    dataset: Dataset, asset: SelectedAsset, name: UniqueName, *, is_video: bool
) -> Iterator[tuple[str, str, int, Mapping[str, Any]]]:
    """Stem of the label file, picture, frame from 0 (-1 without), and the answers to write.

    A frame bears its number in the video, from 1. Each label has a picture of its own, because
    a tool finds the label by the picture's name.
    """
    for _, suffix, label in numbered_labels(asset):
        response = response_of(label)
        if not is_video:
            whole = UniqueName(name.stem + suffix, name.extension)
            yield whole.stem, whole.picture, -1, response
            continue
        for number, frame in sorted(_frames(response).items()):
            if any(annotations_of(frame, job) for job in dataset.numbers):
                stem = f"{name.stem}{suffix}_{number + 1:0{_DIGITS}d}"
                yield stem, f"{stem}.jpg", number, frame


def _frames(response: Mapping[str, Any]) -> dict[int, Mapping[str, Any]]:
    return {
        number: frame
        for key, frame in response.items()
        if (number := frame_number(key)) is not None and isinstance(frame, Mapping)
    }


def _description(dataset: Dataset, split: Split | None) -> str:
    """`data.yaml`. Tools want a `val` in any case: without one it is what they train with."""
    has_val = split is not None and split.val > 0
    lines = [
        "# path: this file's folder. Where a tool takes it for another, write it out in full.",
        "path: .",
        f"train: images/{Subset.TRAIN}",
        f"val: images/{Subset.VAL if has_val else Subset.TRAIN}",
    ]
    if split is not None and split.test > 0:
        lines.append(f"test: images/{Subset.TEST}")
    names = ", ".join(map(quoted, dataset.names))
    lines += [f"nc: {len(dataset.names)}", f"names: [{names}]"]
    return "\n".join(lines) + "\n"


def _url(asset: SelectedAsset, index: int) -> Any:
    """Where the picture is, or the frame where the asset lists its frames."""
    frames = asset.fields.get("jsonContent")
    if isinstance(frames, list) and 0 <= index < len(frames):
        return str(frames[index])
    return asset.fields.get("content")


def _remote(rows: Sequence[_Row]) -> Fragment:
    data = encoded(_csv(rows))
    identity = _csv([(name, unsigned(url), *files) for name, url, *files in rows])
    return Fragment(_REMOTE, (data,), identity_of(identity, data))


def _csv(rows: Sequence[Sequence[Any]]) -> str:
    sheet = io.StringIO()
    csv.writer(sheet).writerows(rows)
    return sheet.getvalue()
