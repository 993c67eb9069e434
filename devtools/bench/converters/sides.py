"""The two sides of the comparison: files of a format out of assets, by us and by the SDK.

Both take assets that were parsed already and give the contents of files in memory: no side reads
or writes a disk, and none makes a ZIP. The SDK's side is the converters of `kili_formats` and the
serialisation that its exporters put around them, without their temporary folder.
"""

import csv
import io
import json
import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from devtools.bench.converters.corpora import Answer
from kili_export.core.asset import FetchedAsset
from kili_export.core.export_options import ExportOptions, Layout
from kili_export.core.project import Project
from kili_export.formats.common.format import (
    ExportContext,
    FragmentStream,
    IdSlot,
    SpanningDocument,
)
from kili_export.formats.registry import format_of

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from kili_formats import (
        clean_json_response,
        convert_from_kili_to_coco_format,
        convert_from_kili_to_voc_format,
        convert_from_kili_to_yolo_format,
        convert_to_pixel_coords,
    )
    from kili_formats.format.geojson import convert_from_kili_to_geojson_format
    from kili_formats.types import JobCategory
Files = dict[str, bytes]
OurSide = Callable[[Project, Sequence[FetchedAsset]], Files]
SdkSide = Callable[[Project, Sequence[Answer]], Files]
DATED = "2026-01-02T03:04:05.678000+00:00"
_GEOJSON_DATE = "2026-01-02T03:04:05.678Z"


def project_for(format_name: str, project: Project) -> Project:
    """The project, as one of a type that the format holds: GeoJSON takes pictures of the earth."""
    return replace(project, input_type="GEOSPATIAL") if format_name == "geojson" else project


def as_fetched(answers: Sequence[Answer]) -> list[FetchedAsset]:
    """Assets as our client hands them on, from what the server answered."""
    return [
        FetchedAsset(
            asset_id=answer["id"],
            external_id=answer["externalId"],
            order_key=answer["id"],
            latest_label=answer["latestLabel"],
            fields={name: value for name, value in answer.items() if name != "latestLabel"},
        )
        for answer in answers
    ]


def ours(format_name: str) -> OurSide:
    """Our conversion: files of assets, and spanning documents with their numbers filled in."""
    options = ExportOptions(format=format_name, layout=Layout.MERGED)
    writer = format_of(options)

    def convert(project: Project, assets: Sequence[FetchedAsset]) -> Files:
        context = ExportContext(project, options, DATED)
        numbers = _Numbers()
        files: Files = {}
        streams: dict[str, list[bytes]] = {}
        for asset in assets:
            selected = writer.select(asset, context)
            if selected is None:
                continue
            conversion = writer.convert(selected, context)
            files.update((member.path, member.data) for member in conversion.members)
            for fragment in conversion.fragments:
                filled = numbers.fill(asset.asset_id, fragment.template)
                streams.setdefault(fragment.stream, []).append(filled)
        for document in writer.documents(context):
            if streams or not document.omit_when_empty:
                files[document.path] = _joined(document, streams)
        return files

    return convert


class _Numbers:
    """Gives each numbered thing of an asset the next number of its sequence, once."""

    def __init__(self) -> None:
        self._given: dict[tuple[str, str, str], int] = {}
        self._next: dict[str, int] = {}

    def fill(self, asset_id: str, template: Sequence[bytes | IdSlot]) -> bytes:
        """The template's bytes with a number in each slot."""
        return b"".join(
            item if isinstance(item, bytes) else b"%d" % self._number(asset_id, item)
            for item in template
        )

    def _number(self, asset_id: str, slot: IdSlot) -> int:
        place = (slot.namespace, asset_id, slot.key)
        number = self._given.get(place)
        if number is None:
            number = self._given[place] = self._next.get(slot.namespace, slot.first)
            self._next[slot.namespace] = number + 1
        return number


def _joined(document: SpanningDocument, streams: Mapping[str, Sequence[bytes]]) -> bytes:
    return b"".join(
        section.separator.join(streams.get(section.stream, ()))
        if isinstance(section, FragmentStream)
        else section
        for section in document.sections
    )


def _kili(project: Project, assets: Sequence[Answer]) -> Files:
    known: Any = {"inputType": project.input_type, "jsonInterface": project.json_interface}
    files: Files = {}
    for asset in assets:
        author = asset["latestLabel"]["author"]
        author["name"] = f"{author['firstname']} {author['lastname']}"
        convert_to_pixel_coords(asset, known)
        clean_json_response(asset)
        text = json.dumps(asset, sort_keys=True, indent=4)
        files[f"labels/{asset['externalId'].replace(' ', '_')}.json"] = text.encode()
    return files


def _yolo(project: Project, assets: Sequence[Answer]) -> Files:
    classes: dict[str, JobCategory] = {}
    for job in project.jobs():
        for category in job.categories:
            full_name = f"{job.name}__{category.key}"
            classes[full_name] = JobCategory(category.key, len(classes), job.name)
    jobs = sorted({one.job_id for one in classes.values()})
    files: Files = {}
    rows = []
    for asset in assets:
        lines = []
        for job_id in jobs:
            for number, *points in convert_from_kili_to_yolo_format(
                job_id, asset["latestLabel"], classes
            ):
                text = " ".join([str(point) for point in points])
                lines.append(f"{number} {text}\n".encode())
        name = asset["externalId"].removesuffix(".jpg") + ".txt"
        files[f"labels/{name}"] = b"".join(lines)
        rows.append((asset["externalId"], asset["content"], name))
    sheet = io.StringIO()
    csv.writer(sheet).writerows([("external id", "url", "label file"), *rows])
    files["images/remote_assets.csv"] = sheet.getvalue().encode()
    return files


def _pascal_voc(project: Project, assets: Sequence[Answer]) -> Files:
    jobs = [job.name for job in project.jobs() if "rectangle" in (job.tools or ())]
    files: Files = {}
    for asset in assets:
        size = asset["resolution"]
        text = convert_from_kili_to_voc_format(
            asset["latestLabel"]["jsonResponse"],
            size["width"],
            size["height"],
            {"filename": asset["externalId"]},
            jobs,
        )
        files[f"labels/{asset['externalId']}.xml"] = f"{text}\n".encode()
    return files


def _coco(project: Project, assets: Sequence[Answer]) -> Files:
    document = convert_from_kili_to_coco_format(
        jobs=project.json_interface["jobs"],
        assets=list(assets),
        title=project.title,
        project_input_type=project.input_type,
        annotation_modifier=None,
        merged=True,
    )
    # Its exporter writes into a file this way, which json.dumps would outrun.
    text = io.StringIO()
    json.dump(document, text)
    return {"labels.json": text.getvalue().encode()}


def _geojson(project: Project, assets: Sequence[Answer]) -> Files:
    files: Files = {}
    for asset in assets:
        label = asset["latestLabel"]
        collection: Any = convert_from_kili_to_geojson_format(
            label["jsonResponse"],
            project.json_interface,
            True,
        )
        collection.setdefault("properties", {})["kili"] = {
            "assetId": asset["id"],
            "author": label["author"]["email"],
            "exportDate": _GEOJSON_DATE,
        }
        text = io.StringIO()
        json.dump(collection, text)
        files[f"labels/{asset['externalId']}.geojson"] = text.getvalue().encode()
    return files


SDK_SIDES: dict[str, SdkSide] = {
    "kili": _kili,
    "yolo_v8": _yolo,
    "pascal_voc": _pascal_voc,
    "coco": _coco,
    "geojson": _geojson,
}
"""By format. Versions of YOLO differ in their class file only, `raw` from `kili` in its README."""
# Each annotation of GeoJSON that is not exported would be logged.
logging.getLogger("kili_formats").setLevel(logging.ERROR)
