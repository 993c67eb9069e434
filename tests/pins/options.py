"""Digests that decide whether an export is made in full again."""

from typing import Any

from tests.pins.product import (
    FORMATS,
    Authors,
    Compatibility,
    ExportOptions,
    ExportType,
    Layout,
    Project,
    Split,
    definition_of,
    job,
)

OPTIONS = {
    "plain": ExportOptions("kili"),
    "merged": ExportOptions("coco", layout=Layout.MERGED),
    "single file": ExportOptions("raw", single_file=True),
    "with media": ExportOptions("pascal_voc", layout=Layout.MERGED, with_assets=True),
    "labels of all steps": ExportOptions("kili", export_type=ExportType.LATEST_FROM_ALL_STEPS),
    "labels of the last step": ExportOptions(
        "raw", export_type=ExportType.LATEST_FROM_LAST_STEP, include_sent_back_labels=False
    ),
    "all labels": ExportOptions(
        "kili", export_type=ExportType.NORMAL, label_type_in=("REVIEW", "DEFAULT", "PREDICTION")
    ),
    "coordinates in pixels": ExportOptions("kili", normalized_coordinates=False),
    "normalized coordinates": ExportOptions("raw", normalized_coordinates=True),
    "some assets": ExportOptions("yolo_v4", asset_ids=("as_2", "as_1")),
    "no assets": ExportOptions("yolo_v5", asset_ids=(), external_ids=("é.jpg",)),
    "filters": ExportOptions(
        "yolo_v7",
        filters={
            "status_in": ["LABELED", "REVIEWED"],
            "skipped": False,
            "metadata_where": {"site": ["north", 1.5]},
            "consensus_mark_gte": 0.25,
        },
    ),
    "corrected": ExportOptions("coco", compatibility=Compatibility.CORRECTED),
    "split": ExportOptions(
        "yolo_v8", compatibility=Compatibility.CORRECTED, split=Split(0.7, 0.2, 0.1)
    ),
    "split by group": ExportOptions(
        "yolo_v8",
        layout=Layout.MERGED,
        compatibility=Compatibility.CORRECTED,
        split=Split(0.8, 0.2, group_by="site"),
    ),
    "pseudonymous": ExportOptions("kili", authors=Authors.PSEUDONYMOUS),
    "without authors": ExportOptions("raw", authors=Authors.OMIT),
    "geojson": ExportOptions("geojson", external_ids=("a", "b")),
}
PROJECTS = {
    "plain": Project("project1", "Title", None, "IMAGE", {"jobs": {"CARS": job(["BIG"])}}),
    "with everything": Project(
        "project2",
        "Titel é",
        "Beschreibung",
        "GEOSPATIAL",
        {"jobs": {"B": job(["X", "Y"]), "A": job({"Z": {"name": "Z", "children": []}})}},
        geospatial_settings={"labelingCRSCode": "EPSG4326"},
        workflow_version="V2",
        has_data_connections=True,
    ),
}


def options() -> dict[str, Any]:
    """By options: their digest and what defines an export that is made with them."""
    return {
        "digests": {name: one.digest() for name, one in OPTIONS.items()},
        "projects": {name: one.digest() for name, one in PROJECTS.items()},
        "definitions": {
            f"{name}, {of}": definition_of(one, project, FORMATS[one.format].version, key)
            for name, one in OPTIONS.items()
            for of, project in PROJECTS.items()
            for key in [("5a" * 32) if one.authors is Authors.PSEUDONYMOUS else None]
        },
    }
