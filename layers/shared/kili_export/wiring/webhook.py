"""What the webhook function does: stores what a Kili event says has changed, and answers Kili.

The event's body and its Authorization header are never logged: they hold labels and a secret.
"""

import base64
import binascii
from functools import cache
from typing import Any, Final

import orjson

from kili_export.changes.events.receive_event import ReceiveEvent
from kili_export.changes.events.secret_check import SecretCheck
from kili_export.core.errors import InvalidEvent, TransientError, Unauthorized
from kili_export.registration.stored_registrations import RememberedRegistrations
from kili_export.wiring.application import Application, application
from kili_export.wiring.invocation import Invocation

MAX_BODY_BYTES: Final = 6 * 1024 * 1024
"""As much as Lambda takes in one call.

https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

Response = dict[str, Any]


def receive_event(app: Application) -> ReceiveEvent:
    """Takes in webhook calls. To be kept: it remembers registrations, secrets and windows."""
    return ReceiveEvent(
        secrets=SecretCheck(app.webhook_secret, app.clock),
        registrations=RememberedRegistrations(app.objects, app.clock),
        marks=app.marks,
        starter=app.starter,
    )


def answer_call(event: dict[str, Any], invocation: Invocation) -> Response:
    """Answers a call of an HTTP API, payload format 2.0."""
    try:
        return _receive(event, invocation)
    except Unauthorized:
        return _refuse(invocation, 401, "Authorization is missing or wrong")
    except InvalidEvent as error:
        return _refuse(invocation, 400, str(error), field=error.field)
    except TransientError as error:
        invocation.log_failure("The event could not be stored", error)
        response = _refuse(invocation, 503, "The event could not be stored; send it again")
        response["headers"]["retry-after"] = "5"
        return response


@cache
def _receiver() -> ReceiveEvent:
    return receive_event(application())


def _receive(event: dict[str, Any], invocation: Invocation) -> Response:
    body = _body(event)
    if len(body) > MAX_BODY_BYTES:
        return _refuse(invocation, 413, f"The body is larger than {MAX_BODY_BYTES} bytes")
    headers: dict[str, str] = {k.lower(): v for k, v in (event.get("headers") or {}).items()}
    answer = _receiver()(body, headers.get("authorization"))
    invocation.count("EventsAccepted", answer.accepted)
    invocation.count("EventsIgnored", int(not answer.accepted))
    shown = {"accepted": answer.accepted} | ({"reason": answer.reason} if answer.reason else {})
    known = shown | {
        "project_id": answer.project_id,
        "action": answer.action,
        "window": answer.window,
    }
    invocation.describe(**known)
    invocation.log("Event received", known)
    return _respond(202, shown)


def _body(event: dict[str, Any]) -> bytes:
    text: str = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return text.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidEvent("The body is not base64, as its envelope says") from None


def _refuse(invocation: Invocation, status: int, message: str, *, field: str = "") -> Response:
    invocation.count("EventsRejected", 1)
    invocation.describe(status=status)
    invocation.log("Event refused", {"status": status, "field": field}, "warning")
    return _respond(status, {"message": message} | ({"field": field} if field else {}))


def _respond(status: int, answer: dict[str, Any]) -> Response:
    headers = {"content-type": "application/json"}
    return {"statusCode": status, "headers": headers, "body": orjson.dumps(answer).decode()}
