"""What the real Kili SDK exports, offline: the judge of our formats.

The SDK's exporter runs as it is; only the answers of the server are given by a stand-in for its
gateway. Archives are compared by their contents, with what cannot agree masked.
"""

import copy
import csv
import io
import json
import re
import tempfile
import warnings
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from kili_export.core.export_options import ExportOptions
from kili_export.core.project import Project
from kili_export.local.demo.agreement import same_area

Archive = dict[str, bytes]

_URL = "jsonResponseUrl"
_ENDPOINT = "https://kili.example/api/label/v2/graphql"


class SdkFailure(Exception):
    """The SDK raised instead of writing an archive. `error` is what it raised."""

    def __init__(self, error: Exception) -> None:
        super().__init__(repr(error))
        self.error = error


def sdk_archive(
    project: Project, assets: Sequence[Mapping[str, Any]], options: ExportOptions
) -> Archive:
    """The files of the archive that `kili.export_labels` writes, folders left out.

    `assets` are as the server answers them, in its order, with every label selection that the
    export may ask for. Raises SdkFailure with the exception that the SDK raised.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from kili.services.export import export_labels

        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder) / "out.zip"
            try:
                export_labels(
                    _client(project, assets),
                    asset_ids=list(options.asset_ids) if options.asset_ids else None,
                    project_id=project.project_id,
                    export_type=options.export_type.value,
                    label_format=options.format,
                    split_option=options.layout.value,
                    single_file=options.single_file,
                    output_file=str(output),
                    disable_tqdm=True,
                    log_level="CRITICAL",
                    with_assets=False,
                    annotation_modifier=None,
                    asset_filter_kwargs=None,
                    normalized_coordinates=options.normalized_coordinates,
                    label_type_in=list(options.label_type_in),
                    include_sent_back_labels=options.include_sent_back_labels,
                )
            except Exception as error:  # whatever the SDK raises is the answer
                raise SdkFailure(error) from error
            return members_of(output.read_bytes())


def members_of(archive: bytes) -> Archive:
    """The files of a ZIP by path."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {info.filename: opened.read(info) for info in opened.infolist() if not info.is_dir()}


def _client(project: Project, assets: Sequence[Mapping[str, Any]]) -> Any:
    return SimpleNamespace(
        kili_api_gateway=_Gateway(project, assets),
        api_endpoint=_ENDPOINT,
        http_client=SimpleNamespace(get=_frame_list),
    )


def _frame_list(url: str, **options: Any) -> Any:
    """What the frame list of a video answers; only that it is no list of layers matters."""
    del options
    return SimpleNamespace(
        ok=True,
        json=lambda: {"0": f"{url}/0.jpg"},
        raise_for_status=lambda: None,
        status_code=200,
        headers={},
    )


@dataclass
class _Gateway:
    project: Project
    assets: Sequence[Mapping[str, Any]]

    def get_project(self, project_id: str, fields: Sequence[str]) -> dict[str, Any]:
        known: dict[str, Any] = {
            "id": self.project.project_id,
            "title": self.project.title,
            "description": self.project.description,
            "inputType": self.project.input_type,
            "jsonInterface": copy.deepcopy(dict(self.project.json_interface)),
            "geospatialSettings": self.project.geospatial_settings,
            "dataConnections": [],
        }
        assert project_id == self.project.project_id
        return {name.split(".")[0]: known[name.split(".")[0]] for name in fields}

    def count_assets(self, filters: Any) -> int:
        del filters
        return len(self.assets)

    def list_assets(
        self, filters: Any, fields: Sequence[str], options: Any
    ) -> Iterator[dict[str, Any]]:
        del options
        for asset in self.assets:
            if not filters.asset_id_in or asset["id"] in filters.asset_id_in:
                # Parsed again, as from the server: the SDK changes answers in place, so that one
                # that stood in two places would be changed twice.
                yield json.loads(json.dumps(_selected(asset, fields)))


def _selected(asset: Mapping[str, Any], fields: Sequence[str]) -> dict[str, Any]:
    wanted: dict[str, list[str]] = {}
    for field in fields:
        name, _, rest = field.partition(".")
        wanted.setdefault(name, []).extend([rest] if rest else [])
    return {name: _narrowed(asset.get(name), inner) for name, inner in wanted.items()}


def _narrowed(value: Any, fields: Sequence[str]) -> Any:
    if not fields:
        return value
    if isinstance(value, list | tuple):
        return [_narrowed(item, fields) for item in value]
    if not isinstance(value, Mapping):
        return value
    # The SDK asks for this field wherever contents may lie in a bucket, and removes it where
    # it has read them from there.
    kept = [field for field in fields if field != _URL] + ([_URL] if _URL in value else [])
    return _selected(value, kept)


def compare_archives(ours: Archive, theirs: Archive, format_name: str) -> list[str]:
    """How two archives of one format differ, one line each; empty when they agree.

    Dates are masked, as are the numbers of COCO images and annotations (their order and what
    refers to what must agree); the lines of a YOLO file may come in any order.
    """
    differences = [f"{path}: only ours has it" for path in sorted(ours.keys() - theirs.keys())]
    differences += [f"{path}: only theirs has it" for path in sorted(theirs.keys() - ours.keys())]
    for path in sorted(ours.keys() & theirs.keys()):
        differences += _file_differences(path, ours[path], theirs[path], format_name)
    return differences


def _file_differences(path: str, ours: bytes, theirs: bytes, format_name: str) -> list[str]:
    if path == "README.kili.txt":
        return _unequal(path, _without_date(ours), _without_date(theirs))
    if format_name == "coco" and path.endswith("labels.json"):
        return coco_differences(path, ours, theirs)
    if format_name.startswith("yolo") and "labels/" in path:
        return _unequal(
            path, Counter(ours.splitlines(keepends=True)), Counter(theirs.splitlines(keepends=True))
        )
    if path.endswith("video_meta.json"):
        return _unequal(path, *_sorted_videos(ours, theirs))
    if format_name == "geojson":
        return _unequal(path, _without_export_date(ours), _without_export_date(theirs))
    if format_name == "pascal_voc":
        # From Python 3.13 on the standard library does not escape quotes in text any more.
        return _unequal(path, ours.replace(b"&quot;", b'"'), theirs.replace(b"&quot;", b'"'))
    return _unequal(path, ours, theirs)


def _unequal(path: str, ours: object, theirs: object) -> list[str]:
    return [] if ours == theirs else [f"{path}: ours {ours!r:.600} / theirs {theirs!r:.600}"]


def _without_date(readme: bytes) -> bytes:
    return re.sub(rb"(?m)^- Export date: \d{8}-\d{6}$", b"- Export date: (date)", readme)


def _sorted_videos(ours: bytes, theirs: bytes) -> tuple[bytes, bytes]:
    """The lists of frames, ours sorted by video as theirs are, if it is formatted alike."""
    videos = json.loads(ours)
    if json.dumps(videos, indent=4).encode() != ours:
        return ours, theirs
    return json.dumps(videos, indent=4, sort_keys=True).encode(), theirs


def _without_export_date(geojson: bytes) -> bytes:
    return re.sub(rb'"exportDate": "[0-9T:.-]{23}Z"', b'"exportDate": "(date)"', geojson)


def coco_differences(path: str, ours: bytes, theirs: bytes) -> list[str]:
    """How two `labels.json` differ, numbers of images and annotations and dates aside."""
    mine, other = json.loads(ours), json.loads(theirs)
    differences = _unequal(f"{path} keys", _shape(mine), _shape(other))
    differences += _unequal(f"{path} categories", mine["categories"], other["categories"])
    differences += _unequal(f"{path} info", _undated(mine), _undated(other))
    for document, name in ((mine, "ours"), (other, "theirs")):
        for kind in ("images", "annotations"):
            ids = [entry["id"] for entry in document[kind]]
            if name == "ours" and len(set(ids)) != len(ids):
                differences.append(f"{path}: {kind} of {name} share numbers")
    differences += _unequal(f"{path} images", _unnumbered(mine), _unnumbered(other))
    one, two = _placed_annotations(mine), _placed_annotations(other)
    if len(one) != len(two):
        differences.append(f"{path}: {len(one)} annotations, theirs {len(two)}")
    for index, (left, right) in enumerate(zip(one, two, strict=False)):
        if not _same_annotation(left, right):
            differences.append(f"{path} annotation {index}: ours {left} / theirs {right}")
    return differences


def _shape(document: Mapping[str, Any]) -> list[Any]:
    first = {kind: list((document[kind] or [{}])[0]) for kind in ("images", "annotations")}
    return [list(document), list(document["info"]), document["licenses"], first]


def _undated(document: Mapping[str, Any]) -> dict[str, Any]:
    return {**document["info"], "year": "(year)", "date_created": "(date)"}


def _unnumbered(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{**image, "id": None} for image in document["images"]]


def _placed_annotations(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    places = {image["id"]: place for place, image in enumerate(document["images"])}
    return [
        {**annotation, "id": None, "image_id": places[annotation["image_id"]]}
        for annotation in document["annotations"]
    ]


def _same_annotation(one: Mapping[str, Any], two: Mapping[str, Any]) -> bool:
    if {**one, "area": None} != {**two, "area": None}:
        return False
    left, right = one["area"], two["area"]
    if type(left) is not type(right):
        return False
    return same_area(left, right)


def csv_rows(data: bytes) -> list[list[str]]:
    """The rows of a CSV file."""
    return list(csv.reader(io.StringIO(data.decode(), newline="")))
