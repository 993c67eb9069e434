"""Every combination that cannot be exported is refused when it is registered, with the way out."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import kili_export
from kili_export.core.errors import IncompatibleProject
from kili_export.core.export_options import Compatibility, ExportOptions, ExportType, Layout
from kili_export.core.project import Project
from kili_export.formats.registry import FORMATS, format_of
from tests.increments.choices import options_of, refusal
from tests.increments.kinds import KINDS
from tests.increments.world import World
from tests.support.kili_samples import job, project
from tests.support.workbench import Workbench

MERGED = Layout.MERGED
BOXES = {"BOXES": job(["CAR"])}
PICTURES = project(BOXES)
YOLO = ("yolo_v4", "yolo_v5", "yolo_v7", "yolo_v8")
_ONE_IN = 5
"""Which share of the accepted combinations is run; `make properties` draws from all of them."""


def of_format(name: str, **more: Any) -> ExportOptions:
    return ExportOptions(name, **{"layout": MERGED, **more})


Refusal = tuple[str, Project, ExportOptions, str, str]
"""What it is about, a project, options, what the message names, and the way out."""


def of_options() -> Iterator[Refusal]:
    """Options that a format does not have, whatever the project."""
    without = "leave normalized_coordinates out"
    for name in (*YOLO, "pascal_voc", "geojson"):
        yield "file", PICTURES, of_format(name, single_file=True), name, "set single_file to false"
    for name in ("pascal_voc", "geojson"):
        yield "folder per job", PICTURES, ExportOptions(name), name, "set layout to merged"
    for name in ("pascal_voc", "coco", "geojson", "jsonl"):
        yield "fractions", PICTURES, of_format(name, normalized_coordinates=True), name, without
    for name in (*YOLO, "geojson", "jsonl"):
        yield "pixels", PICTURES, of_format(name, normalized_coordinates=False), name, without
    for name in (*YOLO, "pascal_voc", "coco", "geojson"):
        for export_type in (ExportType.NORMAL, ExportType.LATEST_FROM_ALL_STEPS):
            yield (
                "all labels",
                PICTURES,
                of_format(name, export_type=export_type),
                f"Export type {export_type.value} cannot be written as {name}",
                "use latest_from_last_step or latest, or the format kili",
            )
    yield (
        "corrected",
        PICTURES,
        of_format("yolo_v4", compatibility=Compatibility.CORRECTED),
        "yolo_v4 reads no data.yaml",
        "use yolo_v8, or leave compatibility out",
    )
    yield "format", PICTURES, ExportOptions("yolo_v9"), "'yolo_v9'", "known are kili, raw, yolo_v4"


def of_projects() -> Iterator[Refusal]:
    """Projects that a format does not hold, or not with these options."""
    for name in FORMATS:
        connected = project(BOXES, has_data_connections=True)
        options = of_format(name, with_assets=True)
        yield "connected", connected, options, "data connections", "set with_assets to false"
    for name, input_types in {
        **dict.fromkeys(FORMATS, ("LLM_RLHF", "LLM_INSTR_FOLLOWING", "LLM_STATIC", "")),
        **dict.fromkeys((*YOLO, "coco", "pascal_voc"), ("PDF", "TEXT", "GEOSPATIAL", "AUDIO")),
        "geojson": ("PDF", "TEXT", "VIDEO", "AUDIO"),
    }.items():
        for input_type in input_types:
            yield (
                "type",
                project(BOXES, input_type),
                of_format(name, with_assets=True),
                f"of type {input_type} cannot be exported as {name}; that format takes",
                "Choose another format",
            )
    for name in ("pascal_voc", "coco"):
        yield (
            "frames",
            project(BOXES, "VIDEO"),
            of_format(name),
            f"Videos can be exported as {name} only with their media",
            "set with_assets to true, or use the format kili or yolo_v8",
        )
    yield (
        "grid",
        project(BOXES, "GEOSPATIAL", geospatial_settings={"labelingCRSCode": "PIXEL"}),
        of_format("geojson"),
        "labeled in pixels",
        "use kili",
    )


def of_jobs() -> Iterator[Refusal]:
    """Interfaces that a format finds nothing in, or too much for one folder."""
    for name in (*YOLO, "coco", "pascal_voc"):
        yield (
            "no job",
            project({"KIND": job(["DAY"], None, "CLASSIFICATION")}),
            of_format(name),
            f"No job of this project can be exported as {name}",
            "Choose another format, such as kili",
        )
    out = "set layout to merged, or rename the job"
    for name in ("yolo_v8", "coco"):
        for jobs in (("a/b", "a\\b"), ("a", "a/labels"), ("a/labels", "a")):
            named = f"The job {jobs[1]!r} and the job {jobs[0]!r} would share a folder of {name}"
            twice = project({one: job(["CAR"]) for one in jobs})
            yield "shared folder", twice, ExportOptions(name), named, out
    for name, folder in (("yolo_v8", "images"), ("coco", "data")):
        named = f"The job '{folder}/x' and the media would share a folder"
        among_media = project({f"{folder}/x": job(["CAR"])})
        yield "shared folder", among_media, ExportOptions(name, with_assets=True), named, out


def of_filters() -> Iterator[Refusal]:
    """Filters that a project of this version of workflows has not."""
    for version, filters, way_out in (
        ("V1", {"step_name_in": ("Review",)}, "use status_in"),
        ("V3", {"step_name_in": ("Review",), "status_in": ("LABELED",)}, "use step_status_in"),
    ):
        options = of_format("kili", filters=filters)
        yield "workflow", project(BOXES, workflow_version=version), options, min(filters), way_out


REFUSALS = [*of_options(), *of_projects(), *of_jobs(), *of_filters()]


@pytest.mark.parametrize(
    ("exporting", "options", "named", "way_out"),
    [one[1:] for one in REFUSALS],
    ids=[f"{one[0]}-{one[2].format}-{number}" for number, one in enumerate(REFUSALS)],
)
def test_a_refusal_names_the_thing_and_the_way_out(
    exporting: Project, options: ExportOptions, named: str, way_out: str
) -> None:
    with pytest.raises(IncompatibleProject) as refused:
        format_of(options).check(exporting, options)
    assert named in str(refused.value)
    assert way_out in str(refused.value)


def test_every_refusal_of_a_format_is_met() -> None:
    met = {_place(one[1], one[2]) for one in REFUSALS}
    missed = {
        f"{path.name}:{line}"
        for path, line in _raising()
        if not any(_within(path, line, m) for m in met)
    }
    assert not missed, "no test meets these refusals"


def _raising() -> Iterator[tuple[Path, int]]:
    """Where formats and what they share raise IncompatibleProject."""
    package = Path(kili_export.__path__[0])
    rules = (package / folder for folder in ("core", "formats"))
    for path in sorted(path for folder in rules for path in folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Raise)
                and isinstance(node.exc, ast.Call)
                and getattr(node.exc.func, "id", "") == "IncompatibleProject"
            ):
                yield path, node.lineno


def _place(exporting: Project, options: ExportOptions) -> tuple[str, int]:
    with pytest.raises(IncompatibleProject) as refused:
        format_of(options).check(exporting, options)
    last = refused.traceback[-1]
    return str(last.path), last.lineno + 1


def _within(path: Path, line: int, place: tuple[str, int]) -> bool:
    """Whether the exception came from the statement, which may have several lines."""
    return str(path) == place[0] and line <= place[1] <= line + 6


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("format_name", FORMATS)
def test_what_is_not_refused_is_exported(format_name: str, kind: str) -> None:
    exporting = KINDS[kind].project()
    accepted: dict[str, ExportOptions] = {}
    for number, options in enumerate(options_of(format_name)):
        refused = refusal(exporting, options)
        if refused is None:
            accepted[f"e{number}"] = options
        else:
            assert any(row[4] in refused for row in REFUSALS), refused
    world = World(KINDS[kind])
    world.begin()
    bench = Workbench(exporting, dict(list(accepted.items())[::_ONE_IN]), kili=world.kili)
    for name, answer in bench.rebuild().items():
        manifest, options = bench.manifest(name), accepted[name]
        assert answer.status == "committed", options
        failures = {one.error for one in manifest.quarantined}
        assert all(_is_of_the_asset(kind, options, failure) for failure in failures), options
        assert manifest.counts.exported + len(manifest.quarantined) == len(world.kili.assets)


def _is_of_the_asset(kind: str, options: ExportOptions, failure: str) -> bool:
    """What only an asset can tell, never its project: another one of it may be exported."""
    if kind == "native videos":
        ways_out = ("with_assets set to false", "set with_assets to false")
        return options.with_assets and any(way_out in failure for way_out in ways_out)
    return kind == "geotiffs" and "use the format kili or geojson" in failure
