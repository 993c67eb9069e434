"""YOLO v4, v5, v7 and v8, which differ in their class files only.

A text file per label, or per frame of a video, in `labels/`, in a folder per job with the layout
`split`; a class file; and `images/remote_assets.csv`, which tells where the pictures are.
"""

import csv
import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from kili_export.core.asset import FetchedAsset, SelectedAsset
from kili_export.core.errors import IncompatibleProject
from kili_export.core.export_options import ExportOptions, Layout
from kili_export.core.file_paths import job_folder, member_path
from kili_export.core.media import MediaRequest
from kili_export.core.project import Job, Project
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
from kili_export.formats.common.jobs import (
    has_only_tools,
    refuse_shared_folders,
    require_jobs,
    response_of,
)
from kili_export.formats.common.label_names import numbered_labels, safe_name
from kili_export.formats.common.label_selection import select_labels
from kili_export.formats.common.media_files import media_requests
from kili_export.formats.common.readme import readme
from kili_export.formats.common.refusals import (
    refuse_all_labels,
    refuse_geotiff,
    refuse_unsupported,
)
from kili_export.formats.common.unsigned_urls import identity_of, unsigned
from kili_export.formats.common.video_cuts import series_of_yolo
from kili_export.formats.yolo.classes import ClassWriter
from kili_export.formats.yolo.frames import label_files
from kili_export.formats.yolo.lines import lines_of

_TOOLS = frozenset({"rectangle", "polygon", "semantic"})
_FOLDER = "images"
_REMOTE = f"{_FOLDER}/remote_assets.csv"
_REMOTE_HEADER = ("external id", "url", "label file")
_FRAMES = "video_meta.json"
_Row = tuple[str, Any, str]
_Folder = tuple[str, Mapping[str, Mapping[str, int]]]


class YoloFormat:
    """One version of YOLO, by how it writes its class file."""

    version = "1"
    input_types = frozenset({"IMAGE", "VIDEO"})

    def __init__(self, write_classes: ClassWriter) -> None:
        self._write_classes = write_classes

    def check(self, project: Project, options: ExportOptions) -> None:
        """Refuses projects without a job of boxes, polygons and masks, and pixel coordinates."""
        if options.single_file:
            raise IncompatibleProject(
                f"{options.format} cannot be written into a single file; set single_file to false."
            )
        if options.normalized_coordinates is False:
            raise IncompatibleProject(
                f"{options.format} holds fractions, not pixels; leave normalized_coordinates out."
            )
        refuse_unsupported(project, options, self.input_types)
        refuse_all_labels(options)
        wanted = "no other tools than rectangle, polygon and semantic"
        jobs = _jobs(project)
        if options.layout is Layout.MERGED:
            jobs = [job for job in jobs if job.categories]
        else:
            refuse_shared_folders(jobs, _FOLDER, options)
        require_jobs(jobs, options.format, wanted)

    def select(self, asset: FetchedAsset, context: ExportContext) -> SelectedAsset | None:
        """Labels that were sent back are held too, whatever the options say, as by the SDK."""
        return select_labels(asset, context.options, honours_sent_back=False)

    def media(self, asset: SelectedAsset, context: ExportContext) -> Sequence[MediaRequest]:
        """The asset's media in `images/`."""
        return media_requests(asset, context, _FOLDER, series_of_yolo)

    def convert(self, asset: SelectedAsset, context: ExportContext) -> Conversion:
        """A text file per label or frame and folder, and a row of `remote_assets.csv` for each.

        There are no rows where the pictures themselves are in the archive.
        """
        refuse_geotiff(asset, context.options)
        losses = LossCollector()
        name = safe_name(asset, losses)
        members: list[Member] = []
        fragments: list[Fragment] = []
        rows: list[_Row] = []
        for folder, classes in _folders(context):
            rows, frames = [], list[str]()
            for ordinal, suffix, label in numbered_labels(asset):
                for file in label_files(name, suffix, response_of(label), classes, losses):
                    text = "".join(lines_of(file.response, classes, losses))
                    path = member_path(folder, f"labels/{file.path}")
                    members.append(Member(path, text.encode()))
                    rows.append((asset.external_id, _url(asset, file.index), file.path))
                    if ordinal == 1 and file.frame is not None:
                        frames.append(file.frame)
            fragments += _frame_list(folder, asset.external_id, frames)
        # With a folder per job the SDK writes the rows of each over those before it.
        if not context.options.with_assets:
            fragments.append(_remote(rows))
        return Conversion(tuple(members), tuple(fragments), tuple(dict.fromkeys(losses.losses)))

    def project_members(self, context: ExportContext) -> Sequence[Member]:
        """The README and the class file of every folder."""
        return (readme(context), *self._class_files(context))

    def _class_files(self, context: ExportContext) -> Iterator[Member]:
        if context.options.layout is Layout.MERGED:
            jobs = _jobs(context.project)
            names = [f"{job.name}/{category.key}" for job in jobs for category in job.categories]
            path, text = self._write_classes(names)
            yield Member(path, encoded(text))
            return
        for job in _jobs(context.project):
            path, text = self._write_classes([category.key for category in job.categories])
            yield Member(member_path(job_folder(job.name), path), encoded(text))

    def held_jobs(self, context: ExportContext) -> Collection[str]:
        """Those with the tools that YOLO can hold."""
        return {job.name for job in _jobs(context.project)}

    def documents(self, context: ExportContext) -> Sequence[SpanningDocument]:
        """`remote_assets.csv`, and for videos the frames of each, in every folder.

        The SDK sorts the videos by name; here they are in the order of the server.
        """
        rows = FragmentStream(_REMOTE, b"")
        header = _csv([_REMOTE_HEADER]).encode()
        remote = SpanningDocument(_REMOTE, (header, rows), omit_when_empty=True)
        if context.project.input_type != "VIDEO":
            return (remote,)
        return (remote, *(_frame_document(folder) for folder, _ in _folders(context)))


def _jobs(project: Project) -> list[Job]:
    return [job for job in project.jobs() if has_only_tools(job, _TOOLS)]


@lru_cache(maxsize=32)
def _folders(context: ExportContext) -> tuple[_Folder, ...]:
    """The folders that hold `labels/`, with the class numbers of their jobs' categories."""
    jobs = _jobs(context.project)
    if context.options.layout is Layout.SPLIT:
        return tuple((job_folder(job.name), {job.name: _numbers(job)}) for job in jobs)
    merged: dict[str, dict[str, int]] = {}
    first = 0
    for job in jobs:
        merged[job.name] = _numbers(job, first)
        first += len(job.categories)
    return (("", merged),)


def _numbers(job: Job, first: int = 0) -> dict[str, int]:
    return {category.key: number for number, category in enumerate(job.categories, start=first)}


def _url(asset: SelectedAsset, index: int) -> Any:
    """Where the picture is, or the frame where the asset lists its frames."""
    frames = asset.fields.get("jsonContent")
    if isinstance(frames, list) and -len(frames) <= index < len(frames):
        return str(frames[index])
    return asset.fields.get("content")


def _frame_list(folder: str, external_id: str, frames: list[str]) -> list[Fragment]:
    if not frames:
        return []
    text = f"{indented(external_id, 1)}: {indented(frames, 1)}"
    return [Fragment(member_path(folder, _FRAMES), (text.encode(),))]


def _frame_document(folder: str) -> SpanningDocument:
    path = member_path(folder, _FRAMES)
    videos = FragmentStream(path, b",\n    ")
    return SpanningDocument(path, (b"{\n    ", videos, b"\n}"), omit_when_empty=True)


def _remote(rows: Sequence[_Row]) -> Fragment:
    data = encoded(_csv(rows))
    identity = _csv([(name, unsigned(url), path) for name, url, path in rows])
    return Fragment(_REMOTE, (data,), identity_of(identity, data))


def _csv(rows: Sequence[Sequence[Any]]) -> str:
    sheet = io.StringIO()
    csv.writer(sheet).writerows(rows)
    return sheet.getvalue()
