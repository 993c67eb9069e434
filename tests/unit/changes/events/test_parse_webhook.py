"""What is an event, and what is refused with the name of the field."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kili_export.changes.events.change_events import ChangeEvent
from kili_export.changes.events.webhook_body import parse_webhook
from kili_export.core.errors import InvalidEvent

OLDER: dict[str, Any] = {
    "eventType": "onSubmit",
    "logPayload": {"runId": "run-1", "projectId": "P"},
    "payload": {
        "asset_id": "A",
        "label": {"id": "L", "labelType": "DEFAULT", "jsonResponse": {}, "version": 0},
    },
}
EVENT: dict[str, Any] = {
    "event": "label.workflow.created.review",
    "organizationId": "o",
    "projectId": "P",
    "userId": "u",
    "payload": {"assetId": "A", "labelId": "L", "externalId": "img/1.jpg"},
}
WRAPPED: dict[str, Any] = {
    "eventType": "onEvent",
    "logPayload": {"runId": "r", "projectId": "P"},
    "payload": EVENT,
}


def _parse(body: object) -> ChangeEvent:
    [event] = parse_webhook(json.dumps(body).encode())
    return event


def _changed(body: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    head, _, rest = path.partition(".")
    inner = _changed(body.get(head) or {}, rest, value) if rest else value
    return {**body, head: inner}


@pytest.mark.parametrize("name", ["onSubmit", "onReview"])
def test_the_older_call_names_asset_and_label(name: str) -> None:
    assert _parse({**OLDER, "eventType": name}) == ChangeEvent(name, "P", "A", "L", "DEFAULT")


def test_a_label_that_is_sent_back_has_an_asset_alone() -> None:
    body = {**OLDER, "eventType": "onSendBackToQueue", "payload": {"asset_id": "A"}}

    assert _parse(body) == ChangeEvent("onSendBackToQueue", "P", "A")


@pytest.mark.parametrize("body", [EVENT, WRAPPED], ids=["bare", "wrapped"])
def test_the_event_envelope_is_read_bare_and_wrapped(body: object) -> None:
    assert _parse(body) == ChangeEvent("label.workflow.created.review", "P", "A", "L")


def test_a_wrapped_event_may_leave_the_project_to_the_envelope() -> None:
    bare = {key: value for key, value in EVENT.items() if key != "projectId"}

    assert _parse({**WRAPPED, "payload": bare}).project_id == "P"


def test_the_fields_of_an_update_are_read() -> None:
    body = {"event": "project.settings.updated", "projectId": "P", "payload": {"fields": ["title"]}}

    assert _parse(body).fields == ("title",)


@pytest.mark.parametrize("payload", [None, {}, {"anything": [1]}])
def test_an_event_of_the_project_needs_no_payload(payload: object) -> None:
    body = {"event": "project.interface.updated", "projectId": "P", "payload": payload}

    assert _parse(body) == ChangeEvent("project.interface.updated", "P")


@pytest.mark.parametrize(
    "body",
    [
        {"event": "label.brand.new", "projectId": "P", "payload": {"something": 1}},
        {"eventType": "onSomethingNew", "logPayload": {"projectId": "P"}, "payload": {}},
        {"eventType": "onCustomInterfaceClick", "logPayload": {"projectId": "P"}},
    ],
)
def test_an_event_that_nobody_knows_is_still_an_event(body: dict[str, Any]) -> None:
    assert _parse(body).name == body.get("event", body.get("eventType"))


def test_the_content_of_a_label_is_not_looked_at() -> None:
    content: Any = {"x": [{"a": 1, "b": None}] * 1000, "constructor": "é\x00\ud800", "n": 10**300}

    values: list[Any] = [content, json.dumps(content), None, [], 7]
    for value in values:
        assert _parse(_changed(OLDER, "payload.label.jsonResponse", value)).label_id == "L"


def test_a_label_may_be_huge_and_repeat_itself() -> None:
    content = b'{"J": {"c": 1, "c": 2, "v": [' + b'{"x":0.1,"y":1e-5},' * 200_000 + b"0]}}"
    body = json.dumps(_changed(OLDER, "payload.label.jsonResponse", "HERE")).encode()

    [event] = parse_webhook(body.replace(b'"HERE"', content))

    assert event.asset_id == "A"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "event"),
        ([], ""),
        ([EVENT], ""),
        ("text", ""),
        (None, ""),
        (7, ""),
        ({**EVENT, "event": 7}, "event"),
        ({**EVENT, "event": None}, "event"),
        ({**EVENT, "event": "with space"}, "event"),
        ({**EVENT, "event": "x" * 200}, "event"),
        (_changed(EVENT, "projectId", None), "projectId"),
        (_changed(EVENT, "projectId", 7), "projectId"),
        (_changed(EVENT, "projectId", ""), "projectId"),
        (_changed(EVENT, "projectId", "../P"), "projectId"),
        (_changed(EVENT, "projectId", "P\n"), "projectId"),
        (_changed(EVENT, "projectId", "p" * 65), "projectId"),
        (_changed(EVENT, "payload", []), "payload"),
        (_changed(EVENT, "payload", "text"), "payload"),
        (_changed(EVENT, "payload", None), "payload.assetId"),
        (_changed(EVENT, "payload.assetId", None), "payload.assetId"),
        (_changed(EVENT, "payload.assetId", {"$ne": 1}), "payload.assetId"),
        (_changed(EVENT, "payload.assetId", "a/b"), "payload.assetId"),
        (_changed(EVENT, "payload.assetId", ".."), "payload.assetId"),
        (_changed(EVENT, "payload.assetId", "a" * 129), "payload.assetId"),
        (_changed(EVENT, "payload.assetId", "à"), "payload.assetId"),
        (_changed(EVENT, "payload.assetId", 10**400), "payload.assetId"),
        (_changed(EVENT, "payload.labelId", ["L"]), "payload.labelId"),
        (_changed(EVENT, "payload.labelId", "L\x00"), "payload.labelId"),
        (_changed(EVENT, "payload.fields", "title"), "payload.fields"),
        (_changed(EVENT, "payload.fields", [1]), "payload.fields"),
        (_changed(EVENT, "payload.fields", ["x"] * 2000), "payload.fields"),
        (_changed(WRAPPED, "payload.payload.assetId", 1), "payload.payload.assetId"),
        (_changed(WRAPPED, "payload.projectId", "Q"), "payload.projectId"),
        (_changed(WRAPPED, "logPayload.projectId", 1), "logPayload.projectId"),
        ({**OLDER, "eventType": 7}, "eventType"),
        ({**OLDER, "eventType": None}, "eventType"),
        ({**OLDER, "logPayload": None}, "logPayload.projectId"),
        ({**OLDER, "logPayload": "P"}, "logPayload"),
        (_changed(OLDER, "logPayload.projectId", "P/x"), "logPayload.projectId"),
        (_changed(OLDER, "payload", None), "payload.asset_id"),
        (_changed(OLDER, "payload.asset_id", None), "payload.asset_id"),
        (_changed(OLDER, "payload.asset_id", 7), "payload.asset_id"),
        (_changed(OLDER, "payload.label", "L"), "payload.label"),
        (_changed(OLDER, "payload.label.id", 7), "payload.label.id"),
        (_changed(OLDER, "payload.label.labelType", 7), "payload.label.labelType"),
        (_changed(OLDER, "payload.label.labelType", "x y"), "payload.label.labelType"),
    ],
)
def test_a_wrong_shape_is_refused_by_the_name_of_the_field(body: object, field: str) -> None:
    with pytest.raises(InvalidEvent) as caught:
        parse_webhook(json.dumps(body).encode())

    assert caught.value.field == field
    assert (field or "the body") in str(caught.value)
    assert len(str(caught.value)) < 200, "the message must not echo what was sent"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe{}", "UTF-8"),
        (b'{"event": "\xff"}', "UTF-8"),
        ("{}".encode("utf-16"), "UTF-8"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b"[" * 100_000, "too deeply"),
        (b'{"event":' * 100_000, "too deeply"),
        (b'{"n": NaN}', "number"),
        (b'{"n": ' + b"1" * 10_000 + b"}", "number"),
        (b'{"event": "a", "event": "b"}', "event is given more than once"),
        (b'{"\\ud800": 1, "\\ud800": 2}', r"^\? is given more than once"),
        (
            b'{"event": "asset.deleted", "projectId": "P","payload": {"assetId":1, "assetId":2}}',
            "payload.assetId is given more than once",
        ),
        (
            b'{"eventType": "onSubmit", "logPayload": {"projectId": "P", "projectId": "Q"}}',
            "logPayload.projectId is given more than once",
        ),
    ],
    ids=range(14),
)
def test_a_body_that_cannot_be_read_is_refused(body: bytes, says: str) -> None:
    with pytest.raises(InvalidEvent, match=says):
        parse_webhook(body)


KEYS = (
    "assetId",
    "asset_id",
    "event",
    "eventType",
    "fields",
    "id",
    "label",
    "labelId",
    "labelType",
    "logPayload",
    "payload",
    "projectId",
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(KEYS) | st.text(max_size=5),
            inner,
            max_size=6,
        )
    ),
    max_leaves=25,
)


@given(JSON)
def test_any_json_is_an_event_or_refused(body: object) -> None:
    try:
        [event] = parse_webhook(json.dumps(body).encode())
    except InvalidEvent:
        return
    assert event.name
    assert event.project_id


@given(st.binary(max_size=200))
def test_any_bytes_are_an_event_or_refused(body: bytes) -> None:
    with pytest.raises(InvalidEvent):
        parse_webhook(body)
