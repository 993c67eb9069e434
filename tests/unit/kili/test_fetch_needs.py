"""What exports need together, and how assets are ordered and told apart."""

from typing import Any

import pytest

from kili_export.core.asset import fingerprint, order_key
from kili_export.core.export_options import ExportOptions, ExportType, server_filters
from kili_export.core.project import Project
from kili_export.steps.conversion.asset_source import FetchNeeds

PROJECT = Project("P", "t", None, "IMAGE", {})
LABEL = {"id": "L", "createdAt": "2026-01-01T00:00:00Z", "labelType": "DEFAULT"}
ASSET = {"id": "A", "externalId": "a.jpg", "status": "LABELED", "labels": [LABEL]}


def _needs(*exports: ExportOptions) -> FetchNeeds:
    return FetchNeeds.of(PROJECT, exports)


@pytest.mark.parametrize(
    ("export_type", "needs"),
    [
        (ExportType.LATEST, FetchNeeds("IMAGE", latest_label=True)),
        (ExportType.LATEST_FROM_LAST_STEP, FetchNeeds("IMAGE", latest_labels=True)),
        (ExportType.LATEST_FROM_ALL_STEPS, FetchNeeds("IMAGE", labels=True)),
        (ExportType.NORMAL, FetchNeeds("IMAGE", labels=True)),
    ],
)
def test_each_export_type_reads_one_selection(export_type: ExportType, needs: FetchNeeds) -> None:
    assert _needs(ExportOptions("kili", export_type=export_type)) == needs


def test_needs_add_up() -> None:
    exports = [
        ExportOptions("kili", export_type=ExportType.NORMAL),
        ExportOptions("coco", export_type=ExportType.LATEST),
    ]

    assert _needs(*exports) == FetchNeeds(
        "IMAGE", latest_label=True, labels=True, json_content=True
    )
    assert _needs() == FetchNeeds("IMAGE")


@pytest.mark.parametrize(
    ("options", "reads"),
    [
        (ExportOptions("kili"), False),
        (ExportOptions("raw"), False),
        (ExportOptions("raw", normalized_coordinates=True), True),
        (ExportOptions("yolo_v8"), True),
    ],
)
def test_json_content_is_read_where_georeferences_matter(
    options: ExportOptions, reads: bool
) -> None:
    assert _needs(options).json_content is reads


@pytest.mark.parametrize(
    "changed",
    [
        {**ASSET, "externalId": "b.jpg"},
        {**ASSET, "status": "TODO"},
        {**ASSET, "jsonMetadata": "{}"},
        {**ASSET, "labels": []},
        {**ASSET, "labels": [LABEL, {**LABEL, "id": "M"}]},
        {**ASSET, "labels": [{**LABEL, "isSentBackToQueue": True}]},
        {**ASSET, "labels": [{**LABEL, "updatedAt": "2026-01-02T00:00:00Z"}]},
    ],
)
def test_a_change_shows_in_the_fingerprint(changed: dict[str, object]) -> None:
    assert fingerprint(changed) != fingerprint(ASSET)


def test_what_is_fetched_besides_does_not_show_in_the_fingerprint() -> None:
    fetched = {
        **ASSET,
        "content": "https://x.example/?sig=1",
        "labels": [{**LABEL, "jsonResponse": "{}", "author": {"id": "u"}}],
    }

    assert fingerprint(fetched) == fingerprint(ASSET)


@pytest.mark.parametrize(
    "asset", [{}, {"labels": None}, {"labels": 7}, {"labels": [None, 7]}, {"id": ["x"]}]
)
def test_any_answer_has_a_fingerprint(asset: dict[str, object]) -> None:
    assert len(fingerprint(asset)) == 32


def test_the_order_is_that_of_creation_then_id() -> None:
    ascending: list[dict[str, Any]] = [
        {"id": "z", "createdAt": None},
        {"id": "y", "createdAt": "2026-01-01T00:00:00Z"},
        {"id": "a", "createdAt": "2026-01-01T00:00:00.5Z"},
        {"id": "b", "createdAt": "2026-01-01T00:00:00.500Z"},
        {"id": "x", "createdAt": "2026-01-01T02:00:00.600+01:00"},
    ]

    assert sorted(ascending, key=order_key) == ascending


def test_filters_go_to_the_server_with_the_label_types() -> None:
    options = ExportOptions("kili", filters={"label_author_in": ["u"]}, label_type_in=("REVIEW",))

    assert server_filters(options) == {"label_author_in": ["u"], "label_type_in": ["REVIEW"]}
    assert server_filters(ExportOptions("kili")) == {}
