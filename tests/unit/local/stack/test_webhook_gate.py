"""What the front door does around the webhook function."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from kili_export.local.stack.front_door import Response, WebhookGate, http_api_event
from kili_export.local.workflow.errors import FunctionFailed

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


def _gate(answer: Response | Exception) -> WebhookGate:
    def function(_: dict[str, Any]) -> Response:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return WebhookGate(function)


def _receive(gate: WebhookGate, body: bytes = BODY) -> Response:
    return gate.receive(body, {"authorization": "s"}, "127.0.0.1")


@pytest.mark.parametrize(
    "answer",
    [
        {"statusCode": 401, "body": "{}"},
        {"statusCode": 400, "body": json.dumps({"message": "field"})},
        {"statusCode": 503, "body": "{}"},
        {"statusCode": 202, "body": json.dumps({"accepted": 0, "reason": "not registered"})},
    ],
)
def test_what_the_function_answers_is_the_answer(answer: Response) -> None:
    assert _receive(_gate(answer)) == answer


@pytest.mark.parametrize("answer", [FunctionFailed("KeyError", "x"), {}])
def test_a_broken_function_is_a_server_error_without_its_reason(
    answer: Response | Exception,
) -> None:
    response = _receive(_gate(answer))
    assert response["statusCode"] == 500
    assert json.loads(response["body"]) == {"message": "Internal Server Error"}


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
