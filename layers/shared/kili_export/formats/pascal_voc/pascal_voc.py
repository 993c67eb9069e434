"""Pascal VOC: an XML file per label in `labels/`, with a box around every shape."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any, Protocol

from kili_export.core.asset import FetchedAsset, SelectedAsset
from kili_export.core.errors import IncompatibleProject
from kili_export.core.export_options import ExportOptions, Layout
from kili_export.core.file_paths import member_path
from kili_export.core.media import Measure, MediaRequest
from kili_export.core.project import Project
from kili_export.formats.common.encoding import encoded
from kili_export.formats.common.format import (
    Conversion,
    ExportContext,
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
    has_nested_answers,
    has_some_tool,
    place_of,
    require_jobs,
    response_of,
    rings_of,
)
from kili_export.formats.common.label_names import numbered_labels, safe_name
from kili_export.formats.common.label_selection import select_labels
from kili_export.formats.common.labeled_pictures import LabeledPicture, PictureLister
from kili_export.formats.common.media_files import measured, media_requests
from kili_export.formats.common.pixels import Size, size_of
from kili_export.formats.common.readme import readme
from kili_export.formats.common.refusals import (
    refuse_all_labels,
    refuse_geotiff,
    refuse_unsupported,
)
from kili_export.formats.common.video_cuts import series_of_pascal_voc
from kili_export.formats.shapes.geometry import ring_axes, rotation_of
from kili_export.formats.shapes.visible_shapes import pixel_box, visible_shape

_TOOLS = frozenset({"rectangle"})
_NO_SIZE = "the picture's size is not known, so the asset is left out"
_NO_SHAPE = "an annotation has no outline"
_NO_CATEGORY = "an annotation has no category"
_NESTED = "Pascal VOC cannot hold nested answers"
_NOT_XML = re.compile(r"[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})
_HEAD = """\
<?xml version="1.0" ?>
<annotation>
   <folder/>
   <filename>{filename}</filename>
   <path/>
   <source>
      <database>Kili Technology</database>
   </source>
   <size>
      <width>{width}</width>
      <height>{height}</height>
      <depth>3</depth>
   </size>
   <segmented/>
"""
_OBJECT_HEAD = """\
   <object>
      {name}
      <job_name>{job}</job_name>
      <pose>Unspecified</pose>
      <truncated>0</truncated>
      <difficult>0</difficult>
      <occluded>0</occluded>
      <bndbox>
         <xmin>"""
_OBJECT_TAIL = """</ymax>
      </bndbox>
   </object>
"""
# The SDK adds a line break to the one that its XML writer ends with.
_TAIL = "</annotation>\n\n"

_Box = tuple[int, int, int, int]
"""x min, y min, x max, y max in pixels."""


class BoxReader(Protocol):
    """Reads the box around an annotation, None when it has none that Pascal VOC can hold."""

    def __call__(
        self,
        annotation: Any,
        size: Size,
        rotation: Any,
        losses: LossCollector,
        job: str,
        /,
    ) -> _Box | None:
        """Notes what cannot be held. `rotation` is what the shape must be turned back by."""


def box_around(
    annotation: Any, size: Size, rotation: Any, losses: LossCollector, job: str
) -> _Box | None:
    """The box around an outline, as it was drawn: what the SDK writes."""
    rings = rings_of(annotation) if isinstance(annotation, dict) else []
    axes = ring_axes(rings[0], rotation) if rings else None
    if axes is None or not axes[0]:
        losses.add(_NO_SHAPE, place_of(job, annotation))
        return None
    width, height = size
    xs, ys = [x * width for x in axes[0]], [y * height for y in axes[1]]
    return round(min(xs)), round(min(ys)), round(max(xs)), round(max(ys))


def box_within(
    annotation: Any, size: Size, rotation: Any, losses: LossCollector, job: str
) -> _Box | None:
    """The box around what of a shape is in the picture, of a label that is upright."""
    del rotation
    if not isinstance(annotation, Mapping):
        losses.add(_NO_SHAPE, place_of(job, annotation))
        return None
    shape = visible_shape(annotation, size, losses, job)
    return None if shape is None else pixel_box(shape, size)


class PascalVocFormat:
    """The format `pascal_voc`."""

    version = "1"
    input_types = frozenset({"IMAGE", "VIDEO"})

    def __init__(
        self, pictures: PictureLister | None = None, boxes: BoxReader = box_around
    ) -> None:
        """Writes these pictures and boxes; without them those that the SDK writes."""
        self._pictures = pictures or _pictures
        self._boxes = boxes

    def check(self, project: Project, options: ExportOptions) -> None:
        """Refuses projects without a job of boxes, a folder per job, and fractions."""
        if options.single_file:
            raise IncompatibleProject(
                "pascal_voc cannot be written into a single file; set single_file to false."
            )
        if options.layout is not Layout.MERGED:
            raise IncompatibleProject("pascal_voc has no folder per job; set layout to merged.")
        if options.normalized_coordinates is True:
            raise IncompatibleProject(
                "pascal_voc holds pixels, not fractions; leave normalized_coordinates out."
            )
        refuse_videos_without_media(project, options)
        refuse_unsupported(project, options, self.input_types)
        refuse_all_labels(options)
        require_jobs(_job_names(project), options.format, "the tool rectangle")

    def select(self, asset: FetchedAsset, context: ExportContext) -> SelectedAsset | None:
        """Labels that were sent back are held too, whatever the options say, as by the SDK."""
        return select_labels(asset, context.options, honours_sent_back=False)

    def media(self, asset: SelectedAsset, context: ExportContext) -> Sequence[MediaRequest]:
        """The asset's media in `images/`."""
        requests = media_requests(asset, context, "images", series_of_pascal_voc)
        return measured(requests, asset, Measure.AS_SDK)

    def convert(self, asset: SelectedAsset, context: ExportContext) -> Conversion:
        """An XML file per label or frame; a picture's extension stays in its name."""
        refuse_geotiff(asset, context.options)
        losses = LossCollector()
        size = size_of(asset.fields) or asset.media_size
        if size is None:
            losses.add(_NO_SIZE)
            return Conversion(losses=tuple(losses.losses))
        jobs = _jobs(context)
        members = []
        for picture in self._pictures(asset, context, losses):
            text = _annotation_file(picture, jobs, size, losses, self._boxes)
            members.append(Member(member_path("labels", f"{picture.stem}.xml"), encoded(text)))
        return Conversion(tuple(members), losses=tuple(dict.fromkeys(losses.losses)))

    def project_members(self, context: ExportContext) -> Sequence[Member]:
        """The README."""
        return (readme(context),)

    def held_jobs(self, context: ExportContext) -> Collection[str]:
        """Those with boxes."""
        return _jobs(context)

    def documents(self, context: ExportContext) -> Sequence[SpanningDocument]:
        """None."""
        del context
        return ()


def _job_names(project: Project) -> set[str]:
    return {job.name for job in project.jobs() if has_some_tool(job, _TOOLS)}


@lru_cache(maxsize=32)
def _jobs(context: ExportContext) -> frozenset[str]:
    """The names of the jobs that are written, which every asset asks for."""
    return frozenset(_job_names(context.project))


def _pictures(
    asset: SelectedAsset, context: ExportContext, losses: LossCollector
) -> Iterator[LabeledPicture]:
    """A picture per label, or per frame of each label of a video, turned as it says itself.

    The SDK names a downloaded picture without its folders.
    """
    name = safe_name(asset, losses)
    if not is_video(context.project):
        shown = PurePosixPath(asset.media[0]).name if asset.media else name
        for ordinal, suffix, label in numbered_labels(asset):
            response = response_of(label)
            rotation = rotation_of(response)
            yield LabeledPicture(str(ordinal), name + suffix, shown, response, rotation)
        return
    extension = frame_extension(asset, losses)
    if extension is None:
        return
    for ordinal, suffix, label in numbered_labels(asset):
        for frame in frames_of(response_of(label), losses):
            stem = f"{name}_{frame.shown}{suffix}"
            yield LabeledPicture(
                key=f"{ordinal}/{frame.number}",
                stem=stem,
                name=f"{stem}{extension}",
                response=frame.response,
                rotation=rotation_of(frame.response),
                frame=frame.number,
            )


def _annotation_file(
    picture: LabeledPicture,
    jobs: Collection[str],
    size: Size,
    losses: LossCollector,
    boxes: BoxReader,
) -> str:
    width, height = size
    texts = [_HEAD.format(filename=_escaped(picture.name), width=width, height=height)]
    for job in picture.response:
        if job in jobs:
            for annotation in annotations_of(picture.response, job):
                box = boxes(annotation, size, picture.rotation, losses, job)
                if box is not None:
                    texts += _objects(annotation, job, box, losses)
    texts.append(_TAIL)
    return "".join(texts)


def _objects(annotation: Any, job: str, box: _Box, losses: LossCollector) -> list[str]:
    """An object per category of the annotation."""
    if has_nested_answers(annotation):
        losses.add(_NESTED, place_of(job, annotation))
    left, top, right, bottom = box
    corners = (
        f"{left}</xmin>\n         <xmax>{right}</xmax>\n"
        f"         <ymin>{top}</ymin>\n         <ymax>{bottom}"
    )
    return [
        f"{_object_head(category, job)}{corners}{_OBJECT_TAIL}"
        for category in _categories(annotation, job, losses)
    ]


@lru_cache(maxsize=4096)
def _object_head(category: str, job: str) -> str:
    name = f"<name>{_escaped(category)}</name>" if category else "<name/>"
    return _OBJECT_HEAD.format(name=name, job=_escaped(job))


def _categories(annotation: Mapping[str, Any], job: str, losses: LossCollector) -> list[str]:
    """The keys of the annotation's categories, whether the interface still has them or not."""
    categories = annotation.get("categories")
    keys = []
    for category in categories if isinstance(categories, list) else [None]:
        name = category.get("name") if isinstance(category, dict) else None
        if isinstance(name, str):
            keys.append(name)
        else:
            losses.add(_NO_CATEGORY, place_of(job, annotation))
    return keys


@lru_cache(maxsize=4096)
def _escaped(text: str) -> str:
    """Text for an XML element; characters that XML cannot hold become `_`."""
    unified = text.replace("\r\n", "\n").replace("\r", "\n")
    return _NOT_XML.sub("_", unified).translate(_ESCAPES)
