"""What the front door does around the webhook function."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kili_export.core.errors import InvalidConfiguration
from local.stack.front_door import ReplayRefused, Response, WebhookGate, http_api_event
from local.stack.journal import Entry, Journal
from local.stack.recovery import Recovery
from local.workflow.errors import FunctionFailed

BODY = json.dumps(
    {
        "eventType": "onSubmit",
        "logPayload": {"runId": "r", "projectId": "project"},
        "payload": {
            "asset_id": "asset",
            "label": {
                "id": "label",
                "labelType": "DEFAULT",
                "jsonResponse": {"secret": "contents"},
            },
        },
    }
).encode()
ACCEPTED: Response = {"statusCode": 202, "body": json.dumps({"accepted": 1})}


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.jsonl")


def _gate(answer: Response | Exception, journal: Journal, calls: list[Any]) -> WebhookGate:
    def function(event: dict[str, Any]) -> Response:
        calls.append((event, journal.entries()))
        if isinstance(answer, Exception):
            raise answer
        return answer

    return WebhookGate(function, journal)


def _receive(gate: WebhookGate, body: bytes = BODY) -> Response:
    return gate.receive(body, {"authorization": "s"}, "127.0.0.1")


def test_an_accepted_event_is_journalled_after_the_function_and_before_the_answer(
    journal: Journal,
) -> None:
    calls: list[Any] = []
    assert _receive(_gate(ACCEPTED, journal, calls)) == ACCEPTED
    assert calls[0][1] == [], "it was in the journal before the secret was checked"
    assert [entry.project_id for entry in journal.entries()] == ["project"]


def test_the_journal_keeps_ids_and_never_the_label(journal: Journal) -> None:
    _receive(_gate(ACCEPTED, journal, []))
    assert "asset" in journal.entries()[0].body
    assert "contents" not in journal.entries()[0].body


@pytest.mark.parametrize(
    "answer",
    [
        {"statusCode": 401, "body": "{}"},
        {"statusCode": 400, "body": json.dumps({"message": "field"})},
        {"statusCode": 503, "body": "{}"},
        {"statusCode": 202, "body": json.dumps({"accepted": 0, "reason": "not registered"})},
    ],
)
def test_what_was_not_accepted_is_answered_as_it_is_and_not_journalled(
    answer: Response, journal: Journal
) -> None:
    assert _receive(_gate(answer, journal, [])) == answer
    assert journal.entries() == []


@pytest.mark.parametrize("answer", [FunctionFailed("KeyError", "x"), {}])
def test_a_broken_function_is_a_server_error_without_its_reason(
    answer: Response | Exception, journal: Journal
) -> None:
    response = _receive(_gate(answer, journal, []))
    assert response["statusCode"] == 500
    assert json.loads(response["body"]) == {"message": "Internal Server Error"}


def test_an_event_that_cannot_be_journalled_is_not_accepted(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(journal, "append", full)
    assert _receive(_gate(ACCEPTED, journal, []))["statusCode"] == 503


def test_replaying_hands_over_the_same_event_with_the_secret(journal: Journal) -> None:
    calls: list[Any] = []
    gate = _gate(ACCEPTED, journal, calls)
    _receive(gate)
    assert gate.replay("the secret") == 1
    event = calls[1][0]
    assert event["headers"]["authorization"] == "the secret"
    assert json.loads(event["body"])["payload"]["asset_id"] == "asset"
    assert len(journal.entries()) == 1, "replaying must not journal again"


@pytest.mark.parametrize("status", [401, 503])
def test_a_replay_that_is_not_taken_keeps_the_journal(status: int, journal: Journal) -> None:
    _receive(_gate(ACCEPTED, journal, []))
    gate = _gate({"statusCode": status, "body": "{}"}, journal, [])
    with pytest.raises(ReplayRefused):
        gate.replay("s")
    assert len(journal.entries()) == 1


def test_requests_of_people_are_made_again_after_a_crash(journal: Journal) -> None:
    for kind in ("run", "full", "run"):
        journal.append(Entry("project", kind))
    asked: list[tuple[str, bool]] = []
    recovery = Recovery(
        journal,
        _gate(ACCEPTED, journal, []),
        is_pending=lambda _: True,
        request_run=lambda project, full: asked.append((project, full)),
    )
    assert recovery.replay("s") == 3
    assert sorted(asked) == [("project", False), ("project", True)]


def test_a_project_that_was_unregistered_meanwhile_does_not_stop_the_start(
    journal: Journal,
) -> None:
    journal.append(Entry("gone", "run"))

    def refused(_: str, __: object) -> None:
        raise InvalidConfiguration("project gone has no exports")

    recovery = Recovery(
        journal, _gate(ACCEPTED, journal, []), is_pending=lambda _: False, request_run=refused
    )
    assert recovery.replay("s") == 1
    assert recovery.trim() == 1


def _is_text(event: dict[str, Any]) -> bool:
    return not event["isBase64Encoded"] and event["body"] == "é"


def _is_binary(event: dict[str, Any]) -> bool:
    return event["isBase64Encoded"] and base64.b64decode(event["body"]) == b"\xff\xfe"


@pytest.mark.parametrize(
    ("body", "holds"), [("é".encode(), _is_text), (b"\xff\xfe", _is_binary)], ids=["text", "binary"]
)
def test_bodies_come_as_api_gateway_gives_them(
    body: bytes, holds: Callable[[dict[str, Any]], bool]
) -> None:
    assert holds(http_api_event(body, {}, "127.0.0.1"))
