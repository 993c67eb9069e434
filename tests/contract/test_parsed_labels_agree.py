"""Our parsed labels say what the SDK's parsed labels say, for every shape that those support."""

import copy
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from kili_export.core.project import Project
from kili_export.formats.jsonl.annotations import LabelParser, Line
from tests.support import kili_samples

pytestmark = pytest.mark.filterwarnings("ignore")

Json = dict[str, Any]

VERTICES = [{"x": 0.1, "y": 0.6}, {"x": 0.1, "y": 0.2}, {"x": 0.5, "y": 0.2}, {"x": 0.5, "y": 0.6}]


def _category(name: str, *children: str) -> Json:
    return {"name": name, "children": list(children)}


JOBS: Json = {
    "SHAPES": kili_samples.job(
        {
            "CAR": _category("A car", "COLOR", "PLATE"),
            "BUS": _category("A bus"),
            "ROAD": _category("A road"),
        },
        ("rectangle", "polygon", "semantic", "marker", "polyline", "vector"),
        required=0,
    ),
    "POSE": kili_samples.job({"BODY": _category("A body")}, ("pose",), required=0),
    "WEATHER": kili_samples.job(
        {"SUN": _category("Sunny", "CLOUDS"), "RAIN": _category("Rainy")},
        None,
        "CLASSIFICATION",
        required=0,
    ),
    "TAGS": kili_samples.job(
        {"A": _category("Tag a"), "B": _category("Tag b", "NOTE")},
        None,
        "CLASSIFICATION",
        required=0,
    ),
    "NOTES": kili_samples.job({}, None, "TRANSCRIPTION", required=0),
    "ENTITIES": kili_samples.job(
        {"PERSON": _category("A person"), "CITY": _category("A city")},
        None,
        "NAMED_ENTITIES_RECOGNITION",
        required=0,
    ),
    "LIVES_IN": kili_samples.job(
        {"LIVES": _category("lives in")}, None, "NAMED_ENTITIES_RELATION", required=0
    ),
    "PULLS": kili_samples.job({"PULL": _category("pulls")}, None, "OBJECT_RELATION", required=0),
    "DELIVERABLE": {"mlTask": "FILE", "instruction": "A file", "isChild": False, "required": 0},
    "COLOR": kili_samples.job(
        {"RED": _category("Red", "SHADE"), "BLUE": _category("Blue")},
        None,
        "CLASSIFICATION",
        isChild=True,
        required=0,
    ),
    "SHADE": kili_samples.job({"DARK": _category("Dark")}, None, "CLASSIFICATION", isChild=True),
    "PLATE": kili_samples.job({}, None, "TRANSCRIPTION", isChild=True, required=0),
    "CLOUDS": kili_samples.job({"FEW": _category("Few")}, None, "CLASSIFICATION", isChild=True),
    "NOTE": kili_samples.job({}, None, "TRANSCRIPTION", isChild=True, required=0),
}
JOBS["TAGS"]["content"]["input"] = "checkbox"


def _shape(tool: str, category: str, **place: Any) -> Json:
    return {
        "categories": [{"name": category, "confidence": 87}],
        "children": {},
        "mid": f"m-{tool}-{category}",
        "type": tool,
        **place,
    }


def _rings(*rings: list[Json]) -> Json:
    return {"boundingPoly": [{"normalizedVertices": ring} for ring in rings]}


NESTED = {
    "COLOR": {
        "categories": [
            {
                "name": "RED",
                "confidence": 50,
                "children": {"SHADE": {"categories": [{"name": "DARK", "confidence": 1}]}},
            }
        ]
    },
    "PLATE": {"text": "AB-123"},
}
HOLE = [{"x": 0.2, "y": 0.3}, {"x": 0.3, "y": 0.3}, {"x": 0.3, "y": 0.4}]

IMAGE_RESPONSES: dict[str, Json] = {
    "a box": {"SHAPES": {"annotations": [_shape("rectangle", "CAR", **_rings(VERTICES))]}},
    "a box with children": {
        "SHAPES": {
            "annotations": [_shape("rectangle", "CAR", **_rings(VERTICES)) | {"children": NESTED}]
        }
    },
    "a polygon and a mask with a hole": {
        "SHAPES": {
            "annotations": [
                _shape("polygon", "BUS", **_rings(VERTICES[:3])),
                _shape("semantic", "ROAD", **_rings(VERTICES, HOLE)),
            ]
        }
    },
    "a point": {"SHAPES": {"annotations": [_shape("marker", "CAR", point={"x": 0.25, "y": 1.0})]}},
    "lines": {
        "SHAPES": {
            "annotations": [
                _shape("polyline", "ROAD", polyline=VERTICES[:3]),
                _shape("vector", "ROAD", polyline=VERTICES[:2]),
            ]
        }
    },
    "a pose": {
        "POSE": {
            "annotations": [
                _shape(
                    "pose",
                    "BODY",
                    kind="POSE_ESTIMATION",
                    points=[
                        {
                            "code": "HEAD",
                            "name": "Head",
                            "jobName": "POSE",
                            "type": "marker",
                            "point": {"x": 0.5, "y": 0.5},
                            "categories": [{"name": "BODY"}],
                            "children": {},
                        }
                    ],
                )
            ]
        }
    },
    "a classification with a child": {
        "WEATHER": {
            "categories": [
                {
                    "name": "SUN",
                    "confidence": 100,
                    "children": {"CLOUDS": {"categories": [{"name": "FEW"}]}},
                }
            ]
        }
    },
    "several categories": {
        "TAGS": {
            "categories": [
                {"name": "A", "confidence": 3},
                {"name": "B", "children": {"NOTE": {"text": "why"}}},
            ]
        }
    },
    "a transcription": {"NOTES": {"text": "été 写真"}},
    "a file": {"DELIVERABLE": {"fileId": "f1", "fileName": "a.stl", "fileMimeType": "model/stl"}},
    "a relation of objects": {
        "SHAPES": {"annotations": [_shape("rectangle", "CAR", **_rings(VERTICES))]},
        "PULLS": {
            "annotations": [
                {
                    "categories": [{"name": "PULL"}],
                    "children": {},
                    "mid": "r",
                    "startObjects": [{"mid": "m-rectangle-CAR"}],
                    "endObjects": [{"mid": "other"}],
                }
            ]
        },
    },
    "no answers": {},
    "jobs without answers": {"SHAPES": {"annotations": []}, "WEATHER": {}},
    "a turned view": {
        "SHAPES": {"annotations": [_shape("rectangle", "CAR", **_rings(VERTICES))]},
        "ROTATION_JOB": {"rotation": 90},
        "ANNOTATION_JOB_COUNTER": {"SHAPES": {"CAR": 1}},
        "ANNOTATION_NAMES_JOB": {"m-rectangle-CAR": "A car 1"},
    },
}
TEXT_RESPONSES: dict[str, Json] = {
    "entities and their relation": {
        "ENTITIES": {
            "annotations": [
                {
                    "beginOffset": 3,
                    "endOffset": 6,
                    "content": "Ada",
                    "categories": [{"name": "PERSON", "confidence": 90}],
                    "children": {},
                    "mid": "e1",
                },
                {
                    "beginOffset": 20,
                    "endOffset": 26,
                    "content": "London",
                    "categories": [{"name": "CITY", "confidence": 90}],
                    "children": {},
                    "mid": "e2",
                },
            ]
        },
        "LIVES_IN": {
            "annotations": [
                {
                    "categories": [{"name": "LIVES"}],
                    "children": {},
                    "mid": "r1",
                    "startEntities": [{"mid": "e1"}],
                    "endEntities": [{"mid": "e2"}],
                }
            ]
        },
    }
}


def _on_pages(kind: str | None, **more: Any) -> Json:
    position = {
        "boundingPoly": [{"normalizedVertices": [VERTICES]}],
        "pageNumberArray": [2],
        "polys": [{"normalizedVertices": [VERTICES]}],
    }
    shape = {
        "annotations": [position],
        "categories": [{"name": "CAR", "confidence": 100}],
        "children": {},
        "mid": "p1",
        **more,
    }
    return shape if kind is None else {**shape, "type": kind}


PDF_RESPONSES: dict[str, Json] = {
    "a box without a type": {"SHAPES": {"annotations": [_on_pages(None)]}},
    "a polygon": {"SHAPES": {"annotations": [_on_pages("polygon")]}},
    "an entity": {
        "ENTITIES": {
            "annotations": [_on_pages(None, categories=[{"name": "CITY"}], content="London")]
        }
    },
}
VIDEO_RESPONSES: dict[str, Json] = {
    "frames, some empty": {
        "0": {
            "SHAPES": {
                "annotations": [
                    _shape("rectangle", "CAR", **_rings(VERTICES)) | {"isKeyFrame": True}
                ]
            }
        },
        "1": {},
        "2": {
            "SHAPES": {
                "annotations": [
                    _shape("rectangle", "CAR", **_rings(VERTICES)) | {"isKeyFrame": False}
                ]
            },
            "WEATHER": {"categories": [{"name": "RAIN", "confidence": 9}], "isKeyFrame": True},
        },
        **{str(number): {} for number in range(3, 10)},
        "10": {"WEATHER": {"categories": [{"name": "RAIN"}], "isKeyFrame": False}},
    }
}

RESPONSES: dict[str, tuple[str, Json]] = {
    f"{kind}: {name}": (kind, response)
    for kind, responses in (
        ("IMAGE", IMAGE_RESPONSES),
        ("TEXT", TEXT_RESPONSES),
        ("PDF", PDF_RESPONSES),
        ("VIDEO", VIDEO_RESPONSES),
    )
    for name, response in responses.items()
}


@pytest.mark.parametrize(("input_type", "response"), RESPONSES.values(), ids=RESPONSES)
def test_lines_say_what_the_sdk_says(input_type: str, response: Json) -> None:
    theirs = list(_sdk_answers(_sdk_jobs(response, input_type)))
    asset = kili_samples.asset(1, "a.png")
    label = kili_samples.label(response)
    lines = list(LabelParser(_project(input_type)).lines(asset, label))

    assert [line.get("problems") for line in lines] == [None] * len(lines)
    ours = [{"frame": line.get("frame"), **_comparable(line)} for line in lines]
    assert _sorted(ours) == _sorted(theirs)


def test_the_cases_reach_every_shape_that_the_sdk_parses() -> None:
    seen = {
        key
        for kind, response in RESPONSES.values()
        for answer in _sdk_answers(_sdk_jobs(response, kind))
        for key, value in answer.items()
        if value not in (None, [], {})
    }
    assert seen >= {"categories", "children", "rings", "point", "polyline", "points", "text"}
    assert seen >= {"file", "offsets", "related", "pages", "isKeyFrame", "mid", "type", "frame"}


def _project(input_type: str) -> Project:
    return kili_samples.project(JOBS, input_type)


def _sdk_jobs(response: Json, input_type: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from kili.utils.labels.parsing import ParsedLabel

        interface = {"jobs": copy.deepcopy(JOBS)}
        label = {"jsonResponse": copy.deepcopy(response)}
        kind: Any = input_type
        return ParsedLabel(label, interface, kind).jobs


def _sorted(answers: list[Json]) -> list[Json]:
    # The SDK goes by the jobs of the interface, we by those of the label.
    return sorted(answers, key=lambda one: (one["frame"] or 0, str(one["job"]), str(one["mid"])))


def _sdk_answers(jobs: Any) -> Iterator[Json]:
    """What the SDK's objects say, asked through their properties."""
    from kili.services.label_data_parsing.json_response import FramesList

    for name, payload in jobs.items():
        if isinstance(payload, FramesList):
            for frame in range(len(payload)):
                yield from (
                    {"frame": frame, **one} for one in _sdk_payload(name, payload.frames[frame])
                )
        else:
            yield from ({"frame": None, **one} for one in _sdk_payload(name, payload))


def _sdk_payload(name: str, payload: Any) -> Iterator[Json]:
    task = JOBS[name]["mlTask"]
    held = payload.to_dict()
    if task == "CLASSIFICATION":
        if "categories" in held:
            yield _answer(
                name,
                categories=_sdk_categories(payload.categories),
                isKeyFrame=payload.is_key_frame if "isKeyFrame" in held else None,
            )
    elif task == "TRANSCRIPTION":
        if "text" in held:
            yield _answer(name, text=payload.text)
    elif task == "FILE":
        if "fileId" in held:
            file = (payload.file_id, payload.file_name, payload.file_mime_type)
            yield _answer(name, file=file)
    else:
        yield from (_sdk_annotation(name, one) for one in payload.annotations)


def _sdk_annotation(name: str, annotation: Any) -> Json:
    held = annotation.as_dict()
    task = JOBS[name]["mlTask"]
    place: Json = {}
    if "boundingPoly" in held:
        place["rings"] = [one.normalized_vertices for one in annotation.bounding_poly]
    if "point" in held:
        place["point"] = annotation.point
    if "polyline" in held:
        place["polyline"] = annotation.polyline
    if "points" in held:
        place["points"] = [
            (one.code, one.name, one.job_name, one.point) for one in annotation.points
        ]
    if "beginOffset" in held:
        place["offsets"] = (annotation.begin_offset, annotation.end_offset, annotation.content)
    if "startEntities" in held:
        ends = (annotation.start_entities, annotation.end_entities)
        place["related"] = [[one["mid"] for one in end] for end in ends]
    if "startObjects" in held:
        ends = (annotation.start_objects, annotation.end_objects)
        place["related"] = [[one["mid"] for one in end] for end in ends]
    if "annotations" in held:
        place["pages"] = [
            (
                one.page_number_array,
                [poly.normalized_vertices for poly in one.bounding_poly],
                [poly["normalizedVertices"] for poly in one.polys],
            )
            for one in annotation.annotations
        ]
    return _answer(
        name,
        categories=_sdk_categories(annotation.categories),
        mid=annotation.mid,
        type=annotation.type if task == "OBJECT_DETECTION" else None,
        isKeyFrame=annotation.is_key_frame if "isKeyFrame" in held else None,
        children=_sdk_children(annotation) if held.get("children") else [],
        **place,
    )


def _sdk_categories(categories: Any) -> list[Json]:
    return [
        {
            "key": one.name,
            "name": one.display_name,
            "confidence": one.as_dict().get("confidence"),
            "children": _sdk_children(one) if one.as_dict().get("children") else [],
        }
        for one in categories
    ]


def _sdk_children(parent: Any) -> list[Json]:
    return [
        answer
        for name, payload in parent.children.items()
        for answer in _sdk_payload(name, payload)
    ]


def _answer(job: str, **said: Any) -> Json:
    unsaid: Json = dict.fromkeys(
        ("mid", "type", "isKeyFrame", "rings", "point", "polyline", "points", "offsets", "related")
    )
    more: Json = {"pages": None, "text": None, "file": None, "categories": [], "children": []}
    return {"job": job, **unsaid, **more, **said}


def _comparable(line: Line) -> Json:
    """A line of ours in the words of this test."""
    place = line.get("geometry", {})
    said: Json = {
        name: line[name] for name in ("mid", "type", "isKeyFrame", "text") if name in line
    }
    if "boundingPoly" in place:
        said["rings"] = [ring["normalizedVertices"] for ring in place["boundingPoly"]]
    said |= {name: place[name] for name in ("point", "polyline") if name in place}
    if "points" in place:
        said["points"] = [
            (one["code"], one["name"], one["jobName"], one["point"]) for one in place["points"]
        ]
    if "beginOffset" in place:
        said["offsets"] = (place["beginOffset"], place["endOffset"], place["content"])
    for start, end in (("startEntities", "endEntities"), ("startObjects", "endObjects")):
        if start in place:
            said["related"] = [place[start], place[end]]
    if "positions" in place:
        said["pages"] = [
            (
                [one["pageNumber"]],
                [one["boundingPoly"]["normalizedVertices"]],
                [one["polys"]["normalizedVertices"]],
            )
            for one in place["positions"]
        ]
    if "file" in line:
        file: Mapping[str, Any] = line["file"]
        said["file"] = (file["id"], file["name"], file["mimeType"])
    return _answer(
        line["job"],
        categories=[_comparable_category(one) for one in line["categories"]],
        children=[_comparable(one) for one in line.get("children", [])],
        **said,
    )


def _comparable_category(category: Line) -> Json:
    return {
        "key": category["key"],
        "name": category["name"],
        "confidence": category.get("confidence"),
        "children": [_comparable(one) for one in category.get("children", [])],
    }
