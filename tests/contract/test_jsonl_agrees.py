"""JSON lines hold each annotation of Kili's raw archive exactly once, and DuckDB reads them."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from kili_export.core.asset import FetchedAsset
from kili_export.core.export_options import Compatibility, ExportOptions, ExportType
from kili_export.formats.common.frame_pictures import frame_number
from kili_export.formats.jsonl.annotations import BOOKKEEPING
from kili_export.formats.jsonl.jsonl import COLUMNS
from tests.increments.kinds import KINDS, Kind, State
from tests.support.archive_of import archive_of
from tests.support.kili_samples import Json, asset, fetched, label

_SHAPES = ("boundingPoly", "point", "polyline")
_OFFSETS = ("content", "beginOffset", "endOffset", "beginId", "endId")
_PIXELS = ("vertices", "kept")


def assets_of(kind: Kind) -> Iterator[FetchedAsset]:
    """An asset for each thing that a label of the kind may hold, with a second label besides."""
    for number, response in enumerate(kind.responses):
        stored = kind.stored(State(f"as_{number}", number, 1, 1))
        labels = [label(response), label(kind.responses[0], labelType="REVIEW")]
        yield fetched(asset(number, f"{number}.jpg", *labels, **stored.fields), stored.json_content)


def exported(kind: Kind, format_name: str) -> dict[str, bytes]:
    options = ExportOptions(
        format_name,
        export_type=ExportType.LATEST_FROM_LAST_STEP,
        compatibility=Compatibility.CORRECTED,
    )
    return archive_of(kind.project(), assets_of(kind), options)


def lines_of(data: bytes) -> list[Json]:
    return [json.loads(line) for line in data.decode().split("\n") if line]


def raw_annotations(kind: Kind) -> Iterator[tuple[str, str, int | None, Any]]:
    """By asset, job and frame what Kili's raw archive says, answers without annotations whole."""
    for path, data in exported(kind, "kili").items():
        if path.startswith("labels/"):
            document = json.loads(data)
            for one in document["latestLabels"]:
                for frame, answers in _frames(one["jsonResponse"], kind.input_type):
                    for job, answer in answers.items():
                        if job not in BOOKKEEPING:
                            for held in _answers(answer):
                                yield document["id"], job, frame, held


def _frames(response: Json, input_type: str) -> Iterator[tuple[int | None, Mapping[str, Any]]]:
    if input_type != "VIDEO":
        yield None, response
        return
    for key, answer in response.items():
        if frame_number(key) is not None:
            yield frame_number(key), answer
        elif key == "assetLevel":
            yield None, answer
        else:
            yield None, {key: answer}


def _answers(answer: Any) -> Iterator[Any]:
    """The annotations of a job, or its answer where it has none."""
    if not isinstance(answer, dict):
        yield None
        return
    yield from answer.get("annotations") or ()
    if answer.keys() - {"annotations", "isKeyFrame"}:
        yield {name: held for name, held in answer.items() if name != "annotations"}


def shown_by_raw(held: Any, *, pixels: bool) -> str:
    """What of a raw annotation a line must tell as it is."""
    held = held if isinstance(held, dict) else {}
    on_pages = [held] if "pageNumberArray" in held else held.get("annotations") or ()
    shown = {
        "mid": held.get("mid"),
        "categories": [one.get("name") for one in held.get("categories") or ()],
        "text": held.get("text"),
        "shapes": [held.get(name) or None for name in _SHAPES],
        "offsets": [held.get(name) for name in _OFFSETS],
        "pages": [
            ring
            for one in on_pages
            # Raw drops a piece whose page is not named, where pages have sizes.
            for ring, _ in zip(one["boundingPoly"], one["pageNumberArray"], strict=False)
        ],
    }
    if "pageNumberArray" in held:
        shown["shapes"] = [None] * len(_SHAPES)
    return json.dumps(shown if pixels else without_pixels(shown), sort_keys=True)


def shown_by_line(line: Json, *, pixels: bool) -> str:
    geometry = line["geometry"] or {}
    shown = {
        "mid": line["mid"],
        "categories": [one["key"] for one in line["categories"]],
        "text": line["text"],
        "shapes": [geometry.get(name) for name in _SHAPES],
        "offsets": [geometry.get(name) for name in _OFFSETS],
        "pages": [
            one["boundingPoly"]
            for one in geometry.get("positions", ())
            if one["pageNumber"] is not None
        ],
    }
    return json.dumps(shown if pixels else without_pixels(shown), sort_keys=True)


def without_pixels(value: Any) -> Any:
    """The value without what one of the sides may not know, and what only raw keeps of a ring."""
    if isinstance(value, list):
        return [without_pixels(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {name: without_pixels(held) for name, held in value.items() if name not in _PIXELS}


def _counted(lines: list[Json], *, pixels: bool) -> Counter[tuple[Any, ...]]:
    return Counter(
        (line["assetId"], line["job"], line["frame"], shown_by_line(line, pixels=pixels))
        for line in lines
    )


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_each_annotation_of_raw_is_a_line(kind: Kind) -> None:
    lines = lines_of(exported(kind, "jsonl")["annotations/annotations.jsonl"])
    raw = [*raw_annotations(kind)]
    assert _counted(lines, pixels=False) == Counter(
        (*place, shown_by_raw(held, pixels=False)) for *place, held in raw
    )
    # Lines know pixels that raw leaves out: of masks in groups, of jobs that are no more.
    in_pixels: list[tuple[Any, ...]] = [
        (*place, shown_by_raw(held, pixels=True)) for *place, held in raw
    ]
    known = Counter(one for one in in_pixels if "vertices" in one[-1])
    assert not known - _counted(lines, pixels=True)
    assert all(tuple(line) == COLUMNS for line in lines)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_each_asset_is_a_line_that_counts_its_annotations(kind: Kind) -> None:
    files = exported(kind, "jsonl")
    assets = lines_of(files["assets/assets.jsonl"])
    found = Counter(line["assetId"] for line in lines_of(files["annotations/annotations.jsonl"]))
    assert len(assets) == len({line["assetId"] for line in assets}) == len(kind.responses)
    for line in assets:
        assert sum(one["annotations"] for one in line["labels"]) == found[line["assetId"]]
