"""The webhook's answers, what it logs and what it counts."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from aws_lambda_powertools import Metrics

from functions.webhook.app import lambda_handler
from kili_export.changes.events.change_events import Action
from kili_export.changes.events.receive_event import Accepted
from kili_export.core.errors import AccessDenied, InvalidEvent, Throttled, Unauthorized, Unavailable
from kili_export.local.stack.lambda_context import LocalContext
from kili_export.wiring import lambda_handler as frame
from kili_export.wiring.webhook import MAX_BODY_BYTES
from tests.support.standard_output import StandardOutput

SAMPLES = Path(__file__).resolve().parents[3] / "events" / "webhook"
SECRET = "sample-webhook-secret"
CONTEXT: Any = LocalContext(
    "webhook", "512", "arn:aws:lambda:eu-west-1:123:function:webhook", "r", 0
)

Taken = Accepted(1, "clabc123", Action.EXPORT_ASSET, window=28925040)


class Receiver:
    """Stands for the use case: remembers what it was given, answers or raises what it was told."""

    def __init__(self) -> None:
        self.outcome: Accepted | Exception = Taken
        self.body = b""
        self.authorization: str | None = None

    def __call__(self, body: bytes, authorization: str | None) -> Accepted:
        self.body, self.authorization = body, authorization
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Receiver:
    """The handler with another use case; what it logs and counts is for `capsys` to see."""
    monkeypatch.setattr(frame.logger.registered_handler, "stream", StandardOutput())
    receiver = Receiver()
    monkeypatch.setattr("kili_export.wiring.webhook._receiver", lambda: receiver)
    # The handler's own were made from the environment when it was first imported.
    metrics = Metrics(namespace="KiliContinuousExport", service="stack")
    monkeypatch.setattr(frame, "metrics", metrics)
    return receiver


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_bytes())


def answer_to(event: Any) -> tuple[int, Any]:
    response = lambda_handler(event, CONTEXT)
    assert response["headers"]["content-type"] == "application/json"
    return response["statusCode"], json.loads(response["body"])


def printed(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def metrics_of(lines: list[dict[str, Any]]) -> dict[str, Any]:
    [emitted] = [line for line in lines if "_aws" in line]
    [declared] = emitted["_aws"]["CloudWatchMetrics"]
    assert declared["Dimensions"] == [["service"]]
    return {metric["Name"]: emitted[metric["Name"]] for metric in declared["Metrics"]}


def test_an_accepted_event_is_answered_202(receiver: Receiver) -> None:
    event = sample("on_submit")
    assert answer_to(event) == (202, {"accepted": 1})
    assert receiver.body == event["body"].encode()
    assert receiver.authorization == SECRET


def test_an_ignored_event_is_answered_202_with_the_reason(receiver: Receiver) -> None:
    receiver.outcome = Accepted(0, "clunknown999", Action.IGNORE, "project not registered")
    expected = {"accepted": 0, "reason": "project not registered"}
    assert answer_to(sample("unregistered_project")) == (202, expected)


def test_a_wrong_secret_is_answered_401(receiver: Receiver) -> None:
    receiver.outcome = Unauthorized("no")
    status, answer = answer_to(sample("unauthorized"))
    assert status == 401
    assert answer.keys() == {"message"}


def test_a_missing_header_reaches_the_check_as_missing(receiver: Receiver) -> None:
    answer_to(sample("no_authorization"))
    assert receiver.authorization is None


def test_a_body_that_is_no_event_is_answered_400_with_the_field(receiver: Receiver) -> None:
    receiver.outcome = InvalidEvent("asset_id must be a text", field="payload.asset_id")
    assert answer_to(sample("wrong_shape")) == (
        400,
        {"message": "asset_id must be a text", "field": "payload.asset_id"},
    )


@pytest.mark.parametrize("error", [Unavailable("down"), Throttled("slow down")])
def test_a_store_that_does_not_answer_is_answered_503_to_be_tried_again(
    receiver: Receiver, error: Exception
) -> None:
    receiver.outcome = error
    response = lambda_handler(sample("on_submit"), CONTEXT)
    assert response["statusCode"] == 503
    assert int(response["headers"]["retry-after"]) > 0


def test_a_fault_of_our_own_is_not_called_the_senders(receiver: Receiver) -> None:
    receiver.outcome = AccessDenied("the role lacks a permission")
    with pytest.raises(AccessDenied):
        lambda_handler(sample("on_submit"), CONTEXT)


def test_the_header_is_found_however_it_is_written(receiver: Receiver) -> None:
    event = sample("on_submit")
    event["headers"] = {"AUTHORIZATION": SECRET}
    assert answer_to(event)[0] == 202
    assert receiver.authorization == SECRET


def test_a_base64_body_is_decoded(receiver: Receiver) -> None:
    answer_to(sample("base64_body"))
    assert receiver.body == sample("on_submit")["body"].encode()


def test_a_base64_body_that_is_none_is_answered_400(receiver: Receiver) -> None:
    event = {**sample("base64_body"), "body": "%%%"}
    assert answer_to(event)[0] == 400
    assert receiver.body == b""


@pytest.mark.parametrize("encoded", [False, True])
def test_a_body_of_six_megabytes_is_accepted_and_one_above_is_not(
    receiver: Receiver, encoded: bool
) -> None:
    def call(size: int) -> int:
        body = "x" * size
        if encoded:
            body = base64.b64encode(body.encode()).decode()
        event = {**sample("on_submit"), "body": body, "isBase64Encoded": encoded}
        return answer_to(event)[0]

    assert call(MAX_BODY_BYTES) == 202
    assert len(receiver.body) == MAX_BODY_BYTES
    receiver.body = b""
    assert call(MAX_BODY_BYTES + 1) == 413
    assert receiver.body == b""


def test_a_call_without_body_or_headers_is_handed_on_as_empty(receiver: Receiver) -> None:
    event = sample("on_submit")
    del event["body"], event["headers"]
    answer_to(event)
    assert (receiver.body, receiver.authorization) == (b"", None)


def test_half_a_character_does_not_break_the_handler(receiver: Receiver) -> None:
    answer_to({**sample("on_submit"), "body": '{"event": "\ud800"}'})
    assert receiver.body.startswith(b'{"event": "')


@pytest.mark.parametrize(
    "outcome",
    [
        Taken,
        Accepted(0, "clabc123", Action.IGNORE, "label type not exported"),
        Unauthorized("no"),
        InvalidEvent("no event", field="event"),
        Unavailable("down"),
    ],
    ids=["accepted", "ignored", "unauthorized", "invalid", "unavailable"],
)
def test_neither_body_nor_secret_is_ever_logged(
    receiver: Receiver, outcome: Accepted | Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    receiver.outcome = outcome
    answer_to(sample("on_submit"))
    text = capsys.readouterr().out
    assert text
    for private in (SECRET, "cluser0001", "normalizedVertices", "jsonResponse"):
        assert private not in text


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Taken, {"EventsAccepted": [1.0], "EventsIgnored": [0.0]}),
        (
            Accepted(0, "p", Action.IGNORE, "unknown event"),
            {"EventsAccepted": [0.0], "EventsIgnored": [1.0]},
        ),
        (Unauthorized("no"), {"EventsRejected": [1.0]}),
        (InvalidEvent("no"), {"EventsRejected": [1.0]}),
        (Unavailable("down"), {"EventsRejected": [1.0]}),
    ],
    ids=["accepted", "ignored", "unauthorized", "invalid", "unavailable"],
)
def test_each_call_is_counted_once_and_projects_make_no_metrics(
    receiver: Receiver,
    outcome: Accepted | Exception,
    expected: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    receiver.outcome = outcome
    answer_to(sample("on_submit"))
    assert metrics_of(printed(capsys)) == expected


@pytest.mark.usefixtures("receiver")
def test_log_lines_carry_the_request_and_what_was_done(
    capsys: pytest.CaptureFixture[str],
) -> None:
    event = sample("on_submit")
    answer_to(event)
    [line] = [line for line in printed(capsys) if "_aws" not in line]
    assert line["correlation_id"] == event["requestContext"]["requestId"]
    assert (line["project_id"], line["accepted"]) == ("clabc123", 1)
