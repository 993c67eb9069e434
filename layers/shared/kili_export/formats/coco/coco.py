"""COCO: one `labels.json`, or one per job with the layout `split`.

Numbers of images and annotations are allocated when one is first seen and kept from then on, so
that an image that comes or goes does not renumber the dataset.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from kili_export.core.asset import FetchedAsset, SelectedAsset
from kili_export.core.errors import AssetError, IncompatibleProject, TangledOutline
from kili_export.core.export_options import ExportOptions, Layout
from kili_export.core.file_paths import member_path
from kili_export.core.media import Measure, MediaRequest
from kili_export.core.project import Project
from kili_export.core.storable import is_storable
from kili_export.formats.coco.documents import (
    Document,
    annotations_in,
    documents_of,
    images_in,
    jobs_of,
    spanning,
)
from kili_export.formats.coco.metadata import DescribedPicture, metadata_document, metadata_of
from kili_export.formats.coco.shapes import ShapeReader, shape_of
from kili_export.formats.common.format import (
    Conversion,
    ExportContext,
    Fragment,
    IdSlot,
    LossCollector,
    Member,
    SpanningDocument,
)
from kili_export.formats.common.frame_pictures import (
    frame_extension,
    frames_of,
    is_video,
    refuse_videos_without_media,
)
from kili_export.formats.common.jobs import (
    annotations_of,
    first_category,
    place_of,
    refuse_shared_folders,
    require_jobs,
    response_of,
)
from kili_export.formats.common.label_names import numbered_labels, safe_name
from kili_export.formats.common.label_selection import select_labels
from kili_export.formats.common.labeled_pictures import (
    ONLY,
    LabeledPicture,
    PictureLister,
    label_names,
)
from kili_export.formats.common.media_files import measured, media_requests
from kili_export.formats.common.pixels import Size, size_of
from kili_export.formats.common.readme import readme
from kili_export.formats.common.refusals import (
    refuse_all_labels,
    refuse_geotiff,
    refuse_unsupported,
)
from kili_export.formats.common.video_cuts import series_of_coco
from kili_export.formats.shapes.geometry import rotation_of

_FOLDER = "data"
_NO_SIZE = "the picture's size is not known, so the asset is left out"
_DRAW_AGAIN = "COCO needs its area: draw it again, or delete it"
_NOT_AN_ANNOTATION = "an annotation is empty"
_UNKNOWN_CATEGORY = "an annotation's category is not in the interface"


class CocoFormat:
    """The format `coco`."""

    version = "1"
    input_types = frozenset({"IMAGE", "VIDEO"})

    def __init__(
        self,
        pictures: PictureLister | None = None,
        shapes: ShapeReader = shape_of,
        *,
        first_category: int = 0,
        describes_pictures: bool = False,
    ) -> None:
        """Writes these pictures and shapes; without them those that the SDK writes.

        With `describes_pictures` the objects of those that are in the archive stand in a file
        beside them too.
        """
        self._pictures = pictures or _pictures
        self._shapes = shapes
        self._first_category = first_category
        self._describes_pictures = describes_pictures

    def check(self, project: Project, options: ExportOptions) -> None:
        """Refuses projects without a job of boxes or masks, and coordinates as fractions."""
        if options.normalized_coordinates is True:
            raise IncompatibleProject(
                "coco holds pixels, not fractions; leave normalized_coordinates out."
            )
        refuse_videos_without_media(project, options)
        refuse_unsupported(project, options, self.input_types)
        refuse_all_labels(options)
        if options.layout is Layout.SPLIT:
            refuse_shared_folders(jobs_of(project), _FOLDER, options)
        require_jobs(jobs_of(project), options.format, "the tool rectangle or semantic")

    def select(self, asset: FetchedAsset, context: ExportContext) -> SelectedAsset | None:
        """Labels that were sent back are left out when the options say so."""
        return select_labels(asset, context.options, honours_sent_back=True)

    def media(self, asset: SelectedAsset, context: ExportContext) -> Sequence[MediaRequest]:
        """The asset's media in `data/`."""
        requests = media_requests(asset, context, _FOLDER, series_of_coco)
        return measured(requests, asset, Measure.AS_SDK)

    def convert(self, asset: SelectedAsset, context: ExportContext) -> Conversion:
        """An image per label or frame and its annotations, for each document."""
        refuse_geotiff(asset, context.options)
        losses = LossCollector()
        size = size_of(asset.fields) or asset.media_size
        if size is None:
            losses.add(_NO_SIZE)
            return Conversion(losses=tuple(losses.losses))
        pictures = list(self._pictures(asset, context, losses))
        described = [DescribedPicture(picture.name) for picture in pictures]
        fragments: list[Fragment] = []
        try:
            for document in documents_of(context, self._first_category):
                entries = _Entries(document, size, losses, self._shapes)
                fragments += entries.of(zip(pictures, described, strict=True))
        except TangledOutline as error:
            raise AssetError(f"{error}; {_DRAW_AGAIN}", asset_id=asset.asset_id) from None
        if described and self._describes(context):
            fragments.append(metadata_of(described, asset))
        return Conversion(fragments=tuple(fragments), losses=tuple(dict.fromkeys(losses.losses)))

    def _describes(self, context: ExportContext) -> bool:
        return self._describes_pictures and context.options.with_assets

    def project_members(self, context: ExportContext) -> Sequence[Member]:
        """The README."""
        return (readme(context),)

    def held_jobs(self, context: ExportContext) -> Collection[str]:
        """Those with a tool that COCO can hold."""
        return {job.name for job in jobs_of(context.project)}

    def documents(self, context: ExportContext) -> Sequence[SpanningDocument]:
        """`labels.json`, or `<job>/labels.json` for every job that can be held."""
        documents = [
            spanning(document, context) for document in documents_of(context, self._first_category)
        ]
        return [*documents, metadata_document()] if self._describes(context) else documents


# What numbers it bears, and the rest of it as JSON without an opening brace.
_Item = tuple[tuple[IdSlot, ...], str]


class _Entries:
    """Gathers one asset's images and annotations in one document."""

    def __init__(
        self, document: Document, size: Size, losses: LossCollector, shapes: ShapeReader
    ) -> None:
        self._document = document
        self._size = size
        self._losses = losses
        self._shapes = shapes
        self._images: list[_Item] = []
        self._annotations: list[_Item] = []

    def of(self, pictures: Iterable[tuple[LabeledPicture, DescribedPicture]]) -> Iterator[Fragment]:
        """The fragment of images and, when there are any, that of annotations."""
        for picture, described in pictures:
            key, *others = picture.keys()
            image = IdSlot(images_in(self._document), key, first=0, others=tuple(others))
            self._add_image(image, member_path(_FOLDER, picture.name))
            self._add_annotations(image, picture, described)
        if self._images:
            yield Fragment(images_in(self._document), _templated(self._images))
        if self._annotations:
            yield Fragment(annotations_in(self._document), _templated(self._annotations))

    def _add_image(self, image: IdSlot, path: str) -> None:
        width, height = self._size
        rest = {"license": 0, "file_name": path, "height": height, "width": width}
        text = json.dumps({**rest, "date_captured": None})
        self._images.append(((image,), text[1:]))

    def _add_annotations(
        self, image: IdSlot, picture: LabeledPicture, described: DescribedPicture
    ) -> None:
        namespace = annotations_in(self._document)
        place = "" if picture.frame is None else f"{picture.key}/"
        for job, numbers in self._document.jobs.items():
            taken: dict[str, int] = {}
            for annotation in annotations_of(picture.response, job):
                rest = self._entry(annotation, job, numbers, picture.rotation, described)
                if rest is None:
                    continue
                of = _own_key(f"{place}{_annotation_key(job, annotation)}", taken)
                key, *others = picture.keys(of)
                slot = IdSlot(namespace, key, first=1, others=tuple(others))
                self._annotations.append(((slot, image), rest))

    def _entry(
        self,
        annotation: Any,
        job: str,
        numbers: Mapping[str, int],
        rotation: Any,
        described: DescribedPicture,
    ) -> str | None:
        """The annotation as JSON without its numbers and its opening brace."""
        if not isinstance(annotation, dict) or not annotation:
            self._losses.add(_NOT_AN_ANNOTATION, job)
            return None
        shape = self._shapes(annotation, self._size, rotation, self._losses, job)
        if shape is None:
            return None
        category = first_category(annotation)
        if category is None or category not in numbers:
            self._losses.add(_UNKNOWN_CATEGORY, place_of(job, annotation))
            return None
        described.add(job, category, shape)
        return f'"category_id": {numbers[category]}, {shape.to_json()}, "iscrowd": 0}}'


def _own_key(base: str, taken: dict[str, int]) -> str:
    """The key, with a count behind it where it was taken; `taken` counts each."""
    key, count = base, taken.get(base, 0) + 1
    if count > 1:
        while (key := f"{base}#{count}") in taken:
            count += 1
    taken[base] = count
    taken.setdefault(key, 1)
    return key


def _annotation_key(job: str, annotation: Mapping[str, Any]) -> str:
    """What identifies the annotation within its label: its `mid`, without one what it says."""
    mid = annotation.get("mid")
    if isinstance(mid, str) and mid and is_storable(mid):
        return f"{job}/{mid}"
    said = json.dumps(annotation, sort_keys=True)
    return f"{job}[{hashlib.sha256(said.encode()).hexdigest()[:16]}]"


def _pictures(
    asset: SelectedAsset, context: ExportContext, losses: LossCollector
) -> Iterator[LabeledPicture]:
    """An image per label, or per frame of each label of a video.

    The SDK names a downloaded picture without its folders, and alike for each label. It does
    not turn frames back, and writes none of their annotations in one document of all jobs.
    """
    name = safe_name(asset, losses)
    names = label_names(asset, context)
    if not is_video(context.project):
        for ordinal, suffix, label in numbered_labels(asset):
            shown = PurePosixPath(asset.media[0]).name if asset.media else name + suffix
            response = response_of(label)
            rotation = rotation_of(response)
            known = names[ordinal - 1]
            yield LabeledPicture(ONLY, "", shown, response, rotation, label_names=known)
        return
    extension = frame_extension(asset, losses)
    if extension is None:
        return
    annotated = context.options.layout is not Layout.MERGED
    for ordinal, suffix, label in numbered_labels(asset):
        for frame in frames_of(response_of(label), losses):
            yield LabeledPicture(
                key=f"{ONLY}/{frame.number}",
                stem="",
                name=f"{name}{suffix}_{frame.shown}{extension}",
                response=frame.response if annotated else {},
                frame=frame.number,
                label_names=names[ordinal - 1],
            )


def _templated(items: Sequence[_Item]) -> tuple[bytes | IdSlot, ...]:
    """The items as a list's contents in JSON. All have as many slots as the first."""
    between = b', "image_id": '
    template: list[bytes | IdSlot] = []
    before = b'{"id": '
    for slots, text in items:
        template += (before, slots[0])
        for slot in slots[1:]:
            template += (between, slot)
        before = f', {text}, {{"id": '.encode()
    template.append(before.removesuffix(b', {"id": '))
    return tuple(template)
