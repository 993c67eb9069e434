"""Answers of other shapes than promised, and servers that know fewer fields."""

import json
from typing import Any

import pytest

from kili_export.core.errors import (
    AccessDenied,
    ExportError,
    IntegrityError,
    RequestRefused,
    Unavailable,
)
from kili_export.steps.conversion.asset_source import FetchNeeds
from tests.unit.kili.doubles import Answer, Asked, Line, Told, data, errors, in_turn, told

PROJECT: dict[str, Any] = {
    "id": "P",
    "title": "Cars",
    "description": None,
    "inputType": "IMAGE",
    "jsonInterface": {"jobs": {}},
    "geospatialSettings": None,
    "workflowVersion": "V2",
    "dataConnections": [],
    "steps": [{"id": "s1", "name": "Label"}, {"id": "s2", "name": "Label"}],
}
LABEL: dict[str, Any] = {
    "id": "L",
    "author": {"id": "u", "email": "a@example.com", "firstname": "A", "lastname": "B", "x": 1},
    "createdAt": "2026-03-01T10:00:00.000Z",
    "updatedAt": "2026-03-01T10:00:00.000Z",
    "isLatestLabelForUser": True,
    "isSentBackToQueue": False,
    "isLastForStep": True,
    "jsonResponse": "{}",
    "jsonResponseUrl": None,
    "labelType": "DEFAULT",
    "modelName": None,
}
ASSET: dict[str, Any] = {
    "id": "A",
    "externalId": "a.jpg",
    "content": "https://bucket.example/a.jpg?sig=1",
    "jsonContent": "",
    "jsonMetadata": '{"k": 1}',
    "status": "LABELED",
    "createdAt": "2026-03-01T09:00:00.000Z",
    "resolution": {"height": 1, "width": 2},
    "pageResolutions": None,
    "labels": [LABEL],
}
MOMENT = "2026-01-31T10:00:00.000Z"
LABELS = FetchNeeds("IMAGE", labels=True)


def _line(asset: dict[str, Any], *downloads: Answer) -> Line:
    left = in_turn(*(downloads or (Told(404),)))
    return Line(lambda r: data([asset]) if r.method == "POST" else left(r))


def _with_label(**fields: Any) -> dict[str, Any]:
    return {**ASSET, "labels": [{**LABEL, **fields}]}


@pytest.mark.parametrize(
    ("interface", "parsed"),
    [
        ({"jobs": {"B": {}, "A": {}}}, {"jobs": {"B": {}, "A": {}}}),
        ('{"jobs": {"B": {}, "A": {}}}', {"jobs": {"B": {}, "A": {}}}),
        ("not JSON", {}),
        ("[1]", {}),
        (None, {}),
    ],
)
def test_an_interface_is_read_as_text_or_object(interface: object, parsed: object) -> None:
    project = Line(in_turn(data([{**PROJECT, "jsonInterface": interface}]))).client.project("P")

    assert project.json_interface == parsed
    assert json.dumps(project.json_interface) == json.dumps(parsed), "the order of keys counts"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ([], AccessDenied),
        ([{**PROJECT, "id": "Q"}], IntegrityError),
        ([{**PROJECT, "inputType": None}], IntegrityError),
        ([{"title": "no id"}], IntegrityError),
        ({"id": "P"}, IntegrityError),
        (None, IntegrityError),
        ("P", IntegrityError),
        ([None], IntegrityError),
    ],
)
def test_a_project_of_another_shape_is_an_error(answer: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        Line(in_turn(data(answer))).client.project("P")


@pytest.mark.parametrize("answer", [None, -1, 1.5, True, "3", []])
def test_a_count_of_another_shape_is_an_error(answer: object) -> None:
    with pytest.raises(IntegrityError):
        Line(in_turn(data(answer))).client.count_assets("P")


def _lacking(*absent: str) -> Line:
    """A server whose schema lacks fields, as it tells one by one."""

    def respond(request: Asked) -> Answer:
        document = json.loads(request.body or b"")["query"]
        for name in absent:
            kind = "Project" if "projects(" in document else "Asset"
            own = document.split("labels {")[0] if kind == "Asset" else document
            if name in own.split():
                return errors(f'Cannot query field "{name}" on type "{kind}".', status=400)
        return data([PROJECT] if "projects(" in document else [{**ASSET, "createdAt": None}])

    return Line(respond)


def test_a_server_without_some_fields_is_asked_without_them_from_then_on() -> None:
    line = _lacking("geospatialSettings", "steps", "workflowVersion")

    first = line.client.project("P")
    assert len(line.network.requests) == 4
    line.client.project("P")

    assert first.title == "Cars"
    assert len(line.network.requests) == 5


def test_a_server_that_does_not_tell_when_assets_were_created_orders_them_by_id() -> None:
    line = _lacking("createdAt")

    asset = line.client.fetch_assets("P", ["A"], LABELS).assets[0]

    assert asset.order_key == "/A"
    own, labels = line.network.bodies()[-1]["query"].split("labels {")
    assert "createdAt" not in own.split()
    assert "createdAt" in labels.split(), "what is known of labels is still asked for"


def test_a_field_that_cannot_be_done_without_is_an_error() -> None:
    line = Line(in_turn(errors('Cannot query field "jsonInterface" on type "Project".')))

    with pytest.raises(RequestRefused, match="jsonInterface") as caught:
        line.client.project("P")

    assert type(caught.value) is RequestRefused
    assert len(line.network.requests) == 1


def test_an_asset_is_given_under_kilis_names() -> None:
    asset = _line(ASSET).client.fetch_assets("P", ["A"], LABELS).assets[0]

    assert asset.fields == {
        "content": "https://bucket.example/a.jpg?sig=1",
        "externalId": "a.jpg",
        "id": "A",
        "jsonContent": "",
        "jsonMetadata": {"k": 1},
        "pageResolutions": None,
        "resolution": {"height": 1, "width": 2},
        "status": "LABELED",
    }
    assert asset.labels == (
        {
            "id": "L",
            "author": {"id": "u", "email": "a@example.com", "firstname": "A", "lastname": "B"},
            "createdAt": "2026-03-01T10:00:00.000Z",
            "isLastForStep": True,
            "isLatestLabelForUser": True,
            "isSentBackToQueue": False,
            "jsonResponse": {},
            "jsonResponseUrl": None,
            "labelType": "DEFAULT",
            "modelName": None,
        },
    )
    assert asset.label_ids == {"L"}


def test_a_downloaded_label_has_no_url_left() -> None:
    line = _line(_with_label(jsonResponseUrl="https://b.example/l"), told({"J": {}}))

    asset = line.client.fetch_assets("P", ["A"], LABELS).assets[0]

    assert asset.labels is not None
    assert asset.labels[0]["jsonResponse"] == {"J": {}}
    assert "jsonResponseUrl" not in asset.labels[0]


@pytest.mark.parametrize(
    "asset",
    [
        _with_label(jsonResponse="{not JSON"),
        _with_label(jsonResponse="[]"),
        _with_label(jsonResponse="null"),
        _with_label(jsonResponse=None),
        _with_label(jsonResponse="[" * 200_000),
        _with_label(jsonResponse="1" * 5000),
        _with_label(id=None),
        _with_label(jsonResponseUrl="https://b.example/l", id=7),
        {**ASSET, "labels": "many"},
        {**ASSET, "labels": [None]},
        {**ASSET, "externalId": None},
        {**ASSET, "externalId": "half a pair \ud800"},
    ],
    ids=lambda asset: json.dumps([asset["labels"], asset["externalId"]])[:60],
)
def test_an_asset_that_cannot_be_read_fails_alone_and_is_never_empty(asset: dict[str, Any]) -> None:
    fine = {**ASSET, "id": "B"}
    line = Line(lambda r: data([asset, fine]) if r.method == "POST" else Told(404))

    result = line.client.fetch_assets("P", ["A", "B"], LABELS)

    assert list(result.failed) == ["A"]
    assert result.failed["A"].asset_id == "A"
    assert [one.asset_id for one in result.assets] == ["B"]


@pytest.mark.parametrize("content", [[], "text", None, 3])
def test_a_downloaded_label_that_is_no_object_fails_the_asset(content: object) -> None:
    line = _line(_with_label(jsonResponseUrl="https://b.example/l"), told(content))

    result = line.client.fetch_assets("P", ["A"], LABELS)

    assert "is not a JSON object" in str(result.failed["A"])


def test_some_contents_that_cannot_be_reached_fail_their_assets_alone() -> None:
    assets = [
        {**_with_label(id=f"L{one}", jsonResponseUrl=f"https://b.example/{one}"), "id": one}
        for one in ("A", "B")
    ]

    def respond(request: Asked) -> Answer:
        if request.method == "POST":
            return data(assets)
        return Told(503) if str(request.url).endswith("A") else told({})

    result = Line(respond).client.fetch_assets("P", ["A", "B"], LABELS)

    assert list(result.failed) == ["A"]
    assert [asset.asset_id for asset in result.assets] == ["B"]


def test_assets_are_unreachable_where_no_content_is_reached() -> None:
    line = _line(_with_label(jsonResponseUrl="https://b.example/l"), Told(503))

    result = line.client.fetch_assets("P", ["A"], LABELS)

    assert result.unreachable == {"A"}
    assert list(result.failed) == ["A"]


@pytest.mark.parametrize("latest", [True, 7, "text", {"id": "L"}])
def test_latest_labels_that_are_no_list_fail_their_asset(latest: object) -> None:
    line = _line({"id": "A", "latestLabels": latest}, told({}))

    result = line.client.fetch_assets("P", ["A"], FetchNeeds("IMAGE", latest_labels=True))

    assert list(result.failed) == ["A"]


@pytest.mark.parametrize(
    ("value", "parsed"),
    [('{"a": 1}', {"a": 1}), ("", {}), ("{no", {}), (None, {}), ({"a": 1}, {"a": 1})],
)
def test_metadata_that_cannot_be_read_is_empty(value: object, parsed: object) -> None:
    asset = (
        _line({**ASSET, "jsonMetadata": value}).client.fetch_assets("P", ["A"], LABELS).assets[0]
    )

    assert asset.fields["jsonMetadata"] == parsed


@pytest.mark.parametrize(
    ("value", "resolved"),
    [("https://b.example/c", [{"epsg": 4326}]), ("", ""), ([{"epsg": 1}], [{"epsg": 1}])],
)
def test_json_content_is_resolved_beside_the_field(value: object, resolved: object) -> None:
    line = _line({**ASSET, "jsonContent": value}, told([{"epsg": 4326}]))
    needs = FetchNeeds("IMAGE", json_content=True)

    asset = line.client.fetch_assets("P", ["A"], needs).assets[0]

    assert (asset.fields["jsonContent"], asset.json_content) == (value, resolved)


def test_assets_that_were_not_asked_for_are_an_error() -> None:
    with pytest.raises(IntegrityError, match="not asked for"):
        Line(in_turn(data([{**ASSET, "id": "Z"}]))).client.fetch_assets("P", ["A"], LABELS)
    with pytest.raises(IntegrityError, match="not asked for"):
        Line(in_turn(data([{"id": "Z"}]))).client.matching_ids("P", ["A"], {"skipped": True})


def test_an_asset_that_is_answered_now_and_then_is_not_missing() -> None:
    replies = in_turn(data([]), data([PROJECT]), data([{"id": "A"}]), data([ASSET]))

    result = Line(replies).client.fetch_assets("P", ["A"], LABELS)

    assert (len(result.assets), result.missing) == (1, ())


def test_an_asset_that_flickers_is_tried_later() -> None:
    replies = in_turn(data([]), data([PROJECT]), data([{"id": "A"}]), data([]))

    with pytest.raises(Unavailable, match="now and then"):
        Line(replies).client.fetch_assets("P", ["A"], LABELS)


@pytest.mark.parametrize(("input_type", "sizes"), [("IMAGE", [50, 50, 20]), ("VIDEO", [10] * 12)])
def test_queries_ask_for_no_more_than_kilis_own_client(input_type: str, sizes: list[int]) -> None:
    def respond(request: Asked) -> Answer:
        wanted = json.loads(request.body or b"")["variables"]["where"]["idIn"]
        return data([{**ASSET, "id": one} for one in wanted])

    line = Line(respond)
    ids = [f"A{number}" for number in range(120)]
    result = line.client.fetch_assets("P", [*ids, *ids], FetchNeeds(input_type))

    asked = [body["variables"] for body in line.network.bodies()]
    assert [one["first"] for one in asked] == sizes
    assert [asset.asset_id for asset in result.assets] == ids


def test_steps_of_one_name_are_all_meant() -> None:
    line = Line(in_turn(data([PROJECT]), data([{"id": "A"}])))

    line.client.matching_ids("P", ["A"], {"step_name_in": ["Label"], "step_status_in": ["DONE"]})
    line.client.matching_ids("P", ["A"], {"step_name_in": ["Label"]})

    asked = [body["variables"]["where"] for body in line.network.bodies()]
    assert asked[1:] == [
        {
            "project": {"id": "P"},
            "stepStatusIn": ["DONE"],
            "stepIdIn": ["s1", "s2"],
            "idIn": ["A"],
        },
        {"project": {"id": "P"}, "stepIdIn": ["s1", "s2"], "idIn": ["A"]},
    ]


def test_events_that_are_none_are_passed_over() -> None:
    rows = [
        {
            "id": "1",
            "event": "label.workflow.edited",
            "payload": {"assetId": "A"},
            "projectId": "P",
            "createdAt": MOMENT,
        },
        {"id": "2", "event": "asset.deleted", "payload": {"assetId": "../x"}, "projectId": "P"},
        {"id": "3", "event": 7, "payload": None, "projectId": "P"},
        {"id": "4", "event": "asset.created", "payload": {"assetId": "B"}, "projectId": "Q"},
        {
            "id": "1",
            "event": "label.workflow.edited",
            "payload": {"assetId": "A"},
            "projectId": "P",
            "createdAt": MOMENT,
        },
        {"id": "5", "event": "project.exported", "payload": None, "createdAt": MOMENT},
        {"id": "6", "event": "project.exported", "projectId": "P"},
        {"id": "7", "event": "project.exported", "projectId": "P", "createdAt": None},
        {"id": "8", "event": "project.exported", "projectId": "P", "createdAt": 7},
    ]

    events = list(Line(in_turn(data(rows))).client.events_since("P"))

    assert [one.event_id for one in events] == ["1", "5"]


@pytest.mark.parametrize("rows", [[{"event": "x"}], {"id": 1}, [[]], None])
def test_events_of_another_shape_are_an_error(rows: object) -> None:
    with pytest.raises(IntegrityError):
        list(Line(in_turn(data(rows))).client.events_since("P"))


def test_a_list_of_events_that_repeats_itself_ends() -> None:
    event = {"event": "project.exported", "projectId": "P", "createdAt": MOMENT}
    page = [{"id": str(n), **event} for n in range(100)]

    events = list(Line(in_turn(data(page))).client.events_since("P", created_at_gte="2026-01-01"))

    assert len(events) == 100


@pytest.mark.parametrize("message", ["oops", "an entity Plugin already exists with value x"])
def test_a_webhook_that_cannot_be_switched_on_is_an_error(message: str) -> None:
    replies = in_turn(data("ok"), errors(message, "INTERNAL_SERVER_ERROR"))

    with pytest.raises(ExportError):
        Line(replies).client.install_webhook("P", "https://x.example", "secret", "name")


def test_what_a_filter_does_not_let_through_is_asked_for_twice_and_the_project_between() -> None:
    line = Line(in_turn(data([{"id": "A"}]), data([PROJECT]), data([{"id": "B"}])))
    found = line.client.matching_ids("P", ["A", "B", "C"], {"skipped": False})
    assert found == {"A", "B"}
    asked = [body["variables"]["where"].get("idIn") for body in line.network.bodies()]
    assert asked == [["A", "B", "C"], None, ["B", "C"]]


def test_a_filter_of_a_project_that_is_not_visible_any_more_drops_nobody() -> None:
    line = Line(in_turn(data([]), data([])))
    with pytest.raises(AccessDenied):
        line.client.matching_ids("P", ["A"], {"skipped": False})


@pytest.mark.parametrize("content", ["", " ", "\n"])
@pytest.mark.parametrize("address", [None, ""])
def test_an_empty_content_is_a_label_without_answers(content: str, address: str | None) -> None:
    answered = _with_label(jsonResponse=content, jsonResponseUrl=address)

    fetched = _line(answered).client.fetch_assets("P", ["A"], LABELS)

    [asset] = fetched.assets
    assert asset.labels is not None
    assert [one["jsonResponse"] for one in asset.labels] == [{}]
    assert not fetched.failed


@pytest.mark.parametrize("content", [None, "null", "[]", "{", '"text"'])
def test_a_content_that_says_something_else_is_no_empty_label(content: str | None) -> None:
    fetched = _line(_with_label(jsonResponse=content)).client.fetch_assets("P", ["A"], LABELS)

    assert not fetched.assets
    assert list(fetched.failed) == ["A"]
