"""YOLO datasets that train as they are, where the SDK's need work first.

For each task a folder with `data.yaml`, `labels/<subset>/` and the pictures beside them in
`images/<subset>/`. In an archive without media there is `remote_assets.csv` instead, which tells
where each picture is now and its name there.
"""

import csv
import io
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from kili_export.core.asset import FetchedAsset, SelectedAsset
from kili_export.core.errors import IncompatibleProject
from kili_export.core.export_options import ExportOptions, Split
from kili_export.core.file_paths import member_path
from kili_export.core.media import MediaRequest
from kili_export.core.project import Project
from kili_export.formats.common.encoding import encoded
from kili_export.formats.common.format import (
    Conversion,
    ExportContext,
    ExportFormat,
    Fragment,
    FragmentStream,
    LossCollector,
    Member,
    SpanningDocument,
)
from kili_export.formats.common.jobs import annotations_of, require_jobs
from kili_export.formats.common.label_selection import select_labels
from kili_export.formats.common.labeled_pictures import LabeledPicture
from kili_export.formats.common.pixels import Size, size_of
from kili_export.formats.common.readme import readme
from kili_export.formats.common.refusals import (
    refuse_geotiff,
    refusing_endless_nesting,
    refusing_tangles,
)
from kili_export.formats.common.unsigned_urls import identity_of, unsigned
from kili_export.formats.corrected.labels import upright
from kili_export.formats.corrected.pictures import flat_pictures, picture_requests
from kili_export.formats.corrected.subsets import Subset, subset_of
from kili_export.formats.corrected.yolo_tasks import Dataset, datasets
from kili_export.formats.yolo.classes import quoted

_REMOTE = "remote_assets.csv"
_REMOTE_HEADER = ("external id", "url", "label file", "image file")
_Row = tuple[str, Any, str, str]


class CorrectedYoloFormat:
    """`yolo_v5`, `yolo_v7` and `yolo_v8`, which read the same files."""

    version = "2"

    def __init__(self, as_sdk: ExportFormat) -> None:
        self._as_sdk = as_sdk

    def check(self, project: Project, options: ExportOptions) -> None:
        """Refuses what the SDK's format refuses, and YOLO v4."""
        self._as_sdk.check(project, options)
        if options.format == "yolo_v4":
            raise IncompatibleProject(
                "yolo_v4 reads no data.yaml and is not corrected; use yolo_v8, or leave"
                " compatibility out."
            )
        require_jobs(
            datasets(project, options),
            options.format,
            "categories and no other tools than rectangle, polygon and semantic",
        )

    def select(self, asset: FetchedAsset, context: ExportContext) -> SelectedAsset | None:
        """Labels that were sent back are left out when the options say so."""
        return select_labels(asset, context.options, honours_sent_back=True)

    def media(self, asset: SelectedAsset, context: ExportContext) -> Sequence[MediaRequest]:
        """A picture for each label file, in each dataset; all of one address are fetched once."""
        if not context.options.with_assets:
            return ()
        subset = _subset(asset, context)
        pictures = list(flat_pictures(asset, context, LossCollector()))
        return [
            request
            for dataset in datasets(context.project, context.options)
            for request in picture_requests(
                asset, _of_dataset(dataset, pictures), _image_folder(dataset, subset)
            )
        ]

    def convert(self, asset: SelectedAsset, context: ExportContext) -> Conversion:
        """A text file per label, or per frame with a shape, in each dataset."""
        refuse_geotiff(asset, context.options)
        losses = LossCollector()
        size = _pixels(asset)
        subset = _subset(asset, context)
        members: list[Member] = []
        rows: list[_Row] = []
        pictures = list(flat_pictures(upright(asset), context, losses))
        for dataset in datasets(context.project, context.options):
            for picture in _of_dataset(dataset, pictures):
                label_file = member_path(f"{dataset.folder}/labels/{subset}", f"{picture.stem}.txt")
                image_file = member_path(_image_folder(dataset, subset), picture.name)
                with refusing_tangles(asset):
                    text = "".join(dataset.lines(picture.response, size, losses))
                members.append(Member(label_file, text.encode()))
                rows.append((asset.external_id, _url(asset, picture), label_file, image_file))
        fragments = (_remote(rows),) if rows and not context.options.with_assets else ()
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

    def held_jobs(self, context: ExportContext) -> Collection[str]:
        """Those of any task."""
        return {job for one in datasets(context.project, context.options) for job in one.numbers}

    def documents(self, context: ExportContext) -> Sequence[SpanningDocument]:
        """`remote_assets.csv`."""
        del context
        rows = FragmentStream(_REMOTE, b"")
        header = _csv([_REMOTE_HEADER]).encode()
        return (SpanningDocument(_REMOTE, (header, rows), omit_when_empty=True),)


def _subset(asset: SelectedAsset, context: ExportContext) -> Subset:
    with refusing_endless_nesting(asset):
        return subset_of(asset, context.options.split)


def _pixels(asset: SelectedAsset) -> Size | None:
    """The picture's size, None where it is not known: without it fractions are all there is."""
    size = size_of(asset.fields) or asset.media_size
    return size if size is not None and min(size) > 0 else None


def _image_folder(dataset: Dataset, subset: Subset) -> str:
    return f"{dataset.folder}/images/{subset}"


def _of_dataset(dataset: Dataset, pictures: Iterable[LabeledPicture]) -> Iterator[LabeledPicture]:
    """Frames of a video without a shape are not there: nobody may have looked at them."""
    for picture in pictures:
        if picture.frame is None or any(
            annotations_of(picture.response, job) for job in dataset.numbers
        ):
            yield picture


def _description(dataset: Dataset, split: Split | None) -> str:
    """`data.yaml`. Tools want a `val` in any case: without one it is what they train with."""
    has_val = split is not None and split.val > 0
    lines = [
        "# Paths count from this file's folder, in Ultralytics. YOLOv5's own code takes its own",
        "# folder for it and YOLOv7's the working one: write the paths out in full there.",
        f"train: images/{Subset.TRAIN}",
        f"val: images/{Subset.VAL if has_val else Subset.TRAIN}",
    ]
    if split is not None and split.test > 0:
        lines.append(f"test: images/{Subset.TEST}")
    names = ", ".join(map(quoted, dataset.names))
    lines += [f"nc: {len(dataset.names)}", f"names: [{names}]"]
    return "\n".join(lines) + "\n"


def _url(asset: SelectedAsset, picture: LabeledPicture) -> Any:
    """Where the picture is, or the frame where the asset lists its frames."""
    frames, frame = asset.fields.get("jsonContent"), picture.frame
    if frame is not None and isinstance(frames, list) and frame < len(frames):
        return str(frames[frame])
    return asset.fields.get("content")


def _remote(rows: Sequence[_Row]) -> Fragment:
    data = encoded(_csv(rows))
    identity = _csv([(name, unsigned(url), *files) for name, url, *files in rows])
    return Fragment(_REMOTE, (data,), identity_of(identity, data))


def _csv(rows: Sequence[Sequence[Any]]) -> str:
    sheet = io.StringIO()
    csv.writer(sheet).writerows(rows)
    return sheet.getvalue()
