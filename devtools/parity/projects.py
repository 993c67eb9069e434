"""The projects that are compared: which combinations each is exported with, and what may differ."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from devtools.corpus import documents, flawed
from devtools.corpus.catalogue import corpus_project
from devtools.corpus.pictures import ALICE, BOB, CHLOE
from devtools.parity import combinations as make
from devtools.parity.combinations import FORMATS, RAW, YOLO, Combination
from devtools.parity.real_pictures import real_pictures, real_pictures_are_there
from kili_export.local.kili_standin.state.model import Project

Plan = Callable[[Project], Iterable[Combination]]
_FILTERS: tuple[Mapping[str, Any], ...] = (
    {"assignee_in": [BOB]},
    {"assignee_not_in": [BOB]},
    {"consensus_mark_gte": 0.4},
    {"consensus_mark_lte": 0.4},
    {"created_at_gte": "2026-01-01"},
    {"created_at_lte": "2026-01-01"},
    {"external_id_in": ["car", "turned"]},
    {"external_id_strictly_in": ["a.jpg", "two people.jpg", "unknown.jpg"]},
    {"group_name_in": ["first"]},
    {"group_name_not_in": ["first"]},
    {"honeypot_mark_gte": 0.5},
    {"honeypot_mark_lte": 0.5},
    {"inference_mark_gte": 0.1},
    {"inference_mark_lte": 0.3},
    {"issue_type": "ISSUE", "issue_status": "OPEN"},
    {"issue_type": "QUESTION"},
    {"label_author_in": [BOB]},
    {"label_category_search": "BOXES.CAR.count > 1 AND MASKS.ZEBRA.count > 0"},
    {"label_labeler_in": [BOB]},
    {"label_labeler_not_in": [BOB]},
    {"label_reviewer_in": [CHLOE]},
    {"label_reviewer_not_in": [CHLOE]},
    {"metadata_where": {"camera": "north"}},
    {"skipped": True},
    {"skipped": False},
    {"status_in": ["LABELED", "TO_REVIEW"]},
    {"step_name_in": ["Review"]},
    {"step_status_in": ["DONE"]},
    {"label_author_in": [ALICE], "status_in": ["REVIEWED"]},
)


@dataclass(frozen=True, slots=True)
class ParityProject:
    """A project to compare.

    `sound` is the project as the SDK can export it, for where it fails on the project itself:
    ours has to equal that. `rows` are the rows of the table of differences that it shows.
    """

    name: str
    make: Callable[[int], Project]
    plan: Plan
    rows: tuple[str, ...] = ()
    sound: Callable[[Project], Project] | None = None
    changes: bool = False


def _pictures(project: Project) -> Iterable[Combination]:
    assets = list(project.assets.values())
    yield from make.labels_chosen(*RAW, *YOLO, "coco", "pascal_voc")
    yield from make.label_types("kili", "yolo_v5", "coco", "pascal_voc")
    yield from make.in_one_file("kili", "raw", "coco")
    yield from make.coordinates(*RAW, *YOLO, "coco", "pascal_voc")
    chosen = list(islice(assets, 2, None, 5))
    yield from make.selections(
        [asset.id for asset in chosen], [asset.external_id for asset in chosen[1:]]
    )
    yield from make.filtered(_FILTERS)
    yield from make.with_media(*RAW, *YOLO, "coco", "pascal_voc")
    yield from make.without_labels()
    yield from make.corrected("kili", "yolo_v8", "coco", "pascal_voc")
    yield from make.corrected("raw", "yolo_v5", "yolo_v7", media=(False,))
    unsent = {"layout": "split", "include_sent_back_labels": False}
    yield from make.corrected("kili", "coco", media=(False,), more=unsent)
    yield from make.refused_everywhere()


def _steps(project: Project) -> Iterable[Combination]:
    del project
    yield from make.labels_chosen("kili", "yolo_v8", "coco", "pascal_voc")
    steps = ({"step_name_in": ["Final check"]}, {"step_status_in": ["TO_DO"]})
    yield from make.filtered(steps)


def _videos(project: Project) -> Iterable[Combination]:
    del project
    yield from make.labels_chosen("kili", "yolo_v5", "yolo_v8")
    yield from make.plain("raw", "yolo_v4", "yolo_v7", quick=False)
    yield from make.in_one_file("kili")
    yield from make.with_media("kili", "yolo_v5")
    yield from make.corrected("kili", "yolo_v8", media=(False,))
    yield from make.impossible("coco", "pascal_voc", "geojson")


def _with_unfit(fit: Iterable[Combination], *unfit: str) -> Plan:
    """The combinations, and formats that the project cannot be written as."""
    legal = list(fit)
    return lambda _: (*legal, *make.impossible(*unfit))


def _flawed(*formats: str) -> Plan:
    return _with_unfit(make.plain(*formats))


def _raw_alone() -> list[Combination]:
    return [
        *make.labels_chosen("kili"),
        *make.plain("raw"),
        *make.in_one_file("kili"),
        *make.with_media("kili"),
    ]


def _generated(name: str) -> Callable[[int], Project]:
    return lambda seed: corpus_project(name, seed)


_PICTURE_FORMATS = (*RAW, *YOLO, "coco", "pascal_voc")
_NOT_RAW = tuple(name for name in FORMATS if name not in RAW)
_PROJECTS = (
    ParityProject(
        "pictures",
        _generated("pictures"),
        _pictures,
        ("2", "3", "32", "unknown", "unknown ids"),
        changes=True,
    ),
    ParityProject("steps", _generated("steps"), _steps),
    ParityProject(
        "connected",
        _generated("connected"),
        _with_unfit(
            [
                *make.plain("kili", "yolo_v8", "coco"),
                *make.with_media("kili", "yolo_v8", "coco", "pascal_voc", legal=False),
            ]
        ),
    ),
    ParityProject("forms", _generated("forms"), _flawed("kili", "yolo_v8", "coco", "pascal_voc")),
    ParityProject(
        "files of answers",
        _generated("files of answers"),
        _flawed("kili", "raw", "yolo_v8", "coco"),
    ),
    ParityProject("videos", _generated("videos"), _videos, ("32",), changes=True),
    ParityProject(
        "upright videos",
        _generated("upright videos"),
        _with_unfit(
            [
                *make.with_media("kili", "raw", *YOLO, "coco", "pascal_voc"),
                *make.corrected("kili", "yolo_v8", media=(True,)),
                *make.corrected("coco", "pascal_voc", media=(True,), alone=False),
            ]
        ),
    ),
    ParityProject(
        "native videos",
        _generated("native videos"),
        _with_unfit(make.plain("kili", "yolo_v4", "yolo_v8"), "coco", "pascal_voc"),
    ),
    ParityProject(
        "videos as a whole",
        _generated("videos as a whole"),
        _with_unfit(
            [
                *make.plain("kili", "raw", "yolo_v8"),
                *make.with_media("kili", "yolo_v8", "coco", "pascal_voc"),
            ]
        ),
        ("22",),
        flawed.without_asset_level,
    ),
    ParityProject(
        "documents",
        _generated("documents"),
        _with_unfit([*_raw_alone(), *make.corrected("kili")], *_NOT_RAW),
    ),
    ParityProject(
        "texts",
        _generated("texts"),
        _with_unfit([*_raw_alone(), *make.corrected("kili")], *_NOT_RAW),
        ("media",),
    ),
    ParityProject(
        "maps",
        _generated("maps"),
        _with_unfit(
            [
                *_raw_alone(),
                *make.labels_chosen("geojson"),
                *make.with_media("geojson"),
                *make.corrected("kili", "geojson"),
            ],
            *(*YOLO, "coco", "pascal_voc"),
        ),
    ),
    ParityProject(
        "geotiffs",
        _generated("geotiffs"),
        _with_unfit(
            [
                *make.plain("kili", "geojson", "yolo_v8", "coco", "pascal_voc"),
                *make.with_media("kili", "geojson"),
            ]
        ),
        ("29",),
        flawed.without_geotiffs,
    ),
    ParityProject(
        "grids",
        _generated("grids"),
        _with_unfit([*_raw_alone(), *make.coordinates(*RAW)], *YOLO, "coco", "geojson"),
        ("32",),
    ),
    ParityProject(
        "retired category",
        _generated("retired category"),
        _flawed(*_PICTURE_FORMATS),
        ("23",),
        flawed.without_flaws,
    ),
    ParityProject(
        "untyped",
        _generated("untyped"),
        _flawed("kili", *YOLO, "coco", "pascal_voc"),
        ("24",),
        flawed.without_flaws,
    ),
    ParityProject(
        "shapeless",
        _generated("shapeless"),
        _flawed("kili", "yolo_v8", "coco", "pascal_voc"),
        ("25", "26"),
        flawed.without_flaws,
    ),
    ParityProject(
        "flat",
        _generated("flat"),
        _flawed("kili", "yolo_v8", "coco", "pascal_voc"),
        ("26",),
        flawed.without_flaws,
    ),
    ParityProject(
        "empty items",
        _generated("empty items"),
        _flawed("kili", "yolo_v8", "coco", "pascal_voc"),
        ("26",),
        flawed.without_flaws,
    ),
    ParityProject(
        "unmeasured",
        _generated("unmeasured"),
        _flawed("kili", "yolo_v8", "coco", "pascal_voc"),
        ("27",),
        flawed.without_unmeasured,
    ),
    ParityProject(
        "unmeasured documents",
        _generated("unmeasured documents"),
        _flawed("kili"),
        ("28",),
        flawed.with_page_sizes,
    ),
    ParityProject(
        "namesakes",
        _generated("namesakes"),
        _flawed("kili", "yolo_v8", "coco", "pascal_voc"),
        ("23b",),
        flawed.with_own_names,
    ),
    ParityProject(
        "names",
        _generated("names"),
        _with_unfit(
            [
                *make.plain("kili", "yolo_v8", "coco", "pascal_voc"),
                *make.with_media("kili", "yolo_v8", "coco", "pascal_voc"),
            ]
        ),
        ("14", "20"),
    ),
    ParityProject("classes", _generated("classes"), _flawed(*_PICTURE_FORMATS), ("16",)),
    ParityProject(
        "unprintable",
        _generated("unprintable"),
        _flawed("kili", "coco", "pascal_voc"),
        ("21",),
        flawed.with_printable_names,
    ),
    ParityProject("sounds", _generated("sounds"), _with_unfit(_raw_alone(), *_NOT_RAW)),
    ParityProject(
        "layered documents",
        _generated("layered documents"),
        _with_unfit([*make.plain("kili"), *make.with_media("kili")]),
        ("layered",),
        documents.without_layered,
    ),
)


def parity_projects() -> tuple[ParityProject, ...]:
    """All of them; the one of real pictures only where these are."""
    if not real_pictures_are_there():
        return _PROJECTS
    fit = [
        *make.plain(*_PICTURE_FORMATS),
        *make.corrected("kili", "yolo_v8", "coco", "pascal_voc"),
    ]
    real = ParityProject("real pictures", real_pictures, _with_unfit(fit))
    return (*_PROJECTS, real)
