"""GeoJSON: a feature collection per label in `labels/`, for pictures with coordinates on earth."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from kili_export.core.asset import FetchedAsset, JsonObject, SelectedAsset
from kili_export.core.errors import IncompatibleProject
from kili_export.core.export_options import ExportOptions, Layout
from kili_export.core.file_paths import member_path
from kili_export.core.media import MediaRequest
from kili_export.core.project import Project
from kili_export.formats.common.format import (
    Conversion,
    ExportContext,
    LossCollector,
    Member,
    SpanningDocument,
)
from kili_export.formats.common.jobs import place_of, response_of
from kili_export.formats.common.label_names import numbered_labels, safe_name
from kili_export.formats.common.label_selection import select_labels
from kili_export.formats.common.media_files import media_requests
from kili_export.formats.common.readme import dated, readme
from kili_export.formats.common.refusals import (
    is_geotiff,
    refuse_all_labels,
    refuse_unsupported,
    refusing_endless_nesting,
)
from kili_export.formats.geojson.geometry import (
    SHAPE_FIELDS,
    GeometryWriter,
    NoGeometry,
    any_geometry,
    lawful_geometry,
)
from kili_export.formats.geojson.properties import FriendlyNames, flattened

_NOT_ON_EARTH = "the picture is not known to have geographic coordinates, so it is left out"
_NOT_HELD = "the answer is neither shapes, categories nor text"
_NOT_AN_ANNOTATION = "an annotation is empty"


class GeoJsonFormat:
    """The format `geojson`."""

    version = "1"
    input_types = frozenset({"IMAGE", "GEOSPATIAL"})

    def __init__(self, *, strict: bool = False) -> None:
        """With `strict`, leaves out what RFC 7946 forbids, for which readers refuse the file."""
        self._geometry = lawful_geometry if strict else any_geometry

    def check(self, project: Project, options: ExportOptions) -> None:
        """Refuses a folder per job, any normalized_coordinates, and projects drawn in pixels."""
        if options.normalized_coordinates is not None:
            raise IncompatibleProject(
                "geojson holds longitudes and latitudes; leave normalized_coordinates out."
            )
        if options.layout is not Layout.MERGED:
            raise IncompatibleProject("geojson has no folder per job; set layout to merged.")
        if options.single_file:
            raise IncompatibleProject(
                "geojson cannot be written into a single file; set single_file to false."
            )
        refuse_unsupported(project, options, self.input_types)
        refuse_all_labels(options)
        if project.is_labeled_in_pixels:
            raise IncompatibleProject(
                "This project is labeled in pixels, not in coordinates on earth; use kili."
            )

    def select(self, asset: FetchedAsset, context: ExportContext) -> SelectedAsset | None:
        """Labels that were sent back are held too, whatever the options say, as by the SDK."""
        return select_labels(asset, context.options, honours_sent_back=False)

    def media(self, asset: SelectedAsset, context: ExportContext) -> Sequence[MediaRequest]:
        """The asset's media in `images/`."""
        return media_requests(asset, context, "images")

    def convert(self, asset: SelectedAsset, context: ExportContext) -> Conversion:
        """A feature collection per label; the picture's extension stays in its name."""
        losses = LossCollector()
        if context.project.input_type != "GEOSPATIAL" and not is_geotiff(asset):
            losses.add(_NOT_ON_EARTH)
            return Conversion(losses=tuple(losses.losses))
        name = safe_name(asset, losses)
        names = _friendly_names(context)
        members = []
        for _, suffix, label in numbered_labels(asset):
            with refusing_endless_nesting(asset):
                features = _features(response_of(label), names, losses, self._geometry)
                data = _collection(asset, label, context, features)
            members.append(Member(member_path("labels", f"{name}{suffix}.geojson"), data))
        return Conversion(tuple(members), losses=tuple(dict.fromkeys(losses.losses)))

    def project_members(self, context: ExportContext) -> Sequence[Member]:
        """The README."""
        return (readme(context),)

    def held_jobs(self, context: ExportContext) -> Collection[str]:
        """All."""
        return {job.name for job in context.project.jobs()}

    def documents(self, context: ExportContext) -> Sequence[SpanningDocument]:
        """None."""
        del context
        return ()


@lru_cache(maxsize=32)
def _friendly_names(context: ExportContext) -> FriendlyNames:
    """What the interface calls its jobs and categories, which every asset asks for."""
    return FriendlyNames(context.project)


def _collection(
    asset: SelectedAsset,
    label: JsonObject,
    context: ExportContext,
    features: Iterator[str],
) -> bytes:
    listed = ", ".join(features)
    properties = json.dumps({"kili": _about(asset, label, context)})
    return (
        f'{{"type": "FeatureCollection", "features": [{listed}], "properties": {properties}}}'
    ).encode()


def _about(asset: SelectedAsset, label: JsonObject, context: ExportContext) -> JsonObject:
    author = label.get("author")
    about = {
        "assetId": asset.asset_id,
        "author": author.get("email") if isinstance(author, Mapping) else None,
        "exportDate": f"{dated(context).isoformat(timespec='milliseconds')}Z",
    }
    metadata = asset.fields.get("geospatialExportMetadata")
    return {**about, "geospatialExportMetadata": metadata} if metadata else about


def _features(
    response: Mapping[str, Any],
    names: FriendlyNames,
    losses: LossCollector,
    geometry: GeometryWriter,
) -> Iterator[str]:
    """Features as JSON, by job, as the label holds them; masks after a job's other shapes."""
    for job, answer in response.items():
        if not isinstance(answer, dict | Mapping):
            losses.add(_NOT_HELD, job)
        elif "text" in answer:
            yield _without_place(job, {"text": answer["text"]}, names)
        elif "categories" in answer:
            yield _without_place(job, {"categories": answer["categories"]}, names)
        elif isinstance(answer.get("annotations"), list):
            yield from _placed(job, answer["annotations"], names, losses, geometry)
        else:
            losses.add(_NOT_HELD, job)


def _without_place(job: str, answer: dict[str, Any], names: FriendlyNames) -> str:
    properties = flattened({**answer, "job": job}, job, names)
    return json.dumps({"type": "Feature", "geometry": None, "properties": properties})


def _placed(
    job: str,
    annotations: list[Any],
    names: FriendlyNames,
    losses: LossCollector,
    geometry: GeometryWriter,
) -> Iterator[str]:
    masks: dict[Any, list[Mapping[str, Any]]] = defaultdict(list)
    for annotation in annotations:
        if not isinstance(annotation, dict):
            losses.add(_NOT_AN_ANNOTATION, job)
        elif annotation.get("type") == "semantic":
            # Annotations of one `mid` are parts of one mask.
            own = ("mid", repr(annotation["mid"])) if "mid" in annotation else len(masks)
            masks[own].append(annotation)
        else:
            yield from _feature(job, [annotation], names, losses, geometry)
    for parts in masks.values():
        yield from _feature(job, parts, names, losses, geometry)


def _feature(
    job: str,
    parts: Sequence[Mapping[str, Any]],
    names: FriendlyNames,
    losses: LossCollector,
    geometry: GeometryWriter,
) -> Iterator[str]:
    annotation = parts[0]
    kind, place = annotation.get("type"), place_of(job, annotation)
    try:
        shown = geometry(parts, lambda problem: losses.add(problem, place))
    except NoGeometry as problem:
        losses.add(str(problem), place)
        return
    kept = {"id": annotation["mid"]} if "mid" in annotation else {}
    dropped = ("mid", SHAPE_FIELDS[str(kind)])
    original = {name: value for name, value in annotation.items() if name not in dropped}
    kept["properties"] = flattened({**original, "job": job}, job, names)
    yield f'{{"type": "Feature", "geometry": {shown}, {json.dumps(kept)[1:]}'
