"""Stores what a Kili event says has changed, and answers Kili.

The event's body and its Authorization header are never logged: they hold labels and a secret.
"""

import base64
import binascii
from typing import Any

import orjson
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from kili_export import bootstrap
from kili_export.domain.errors import InvalidEvent, TransientError, Unauthorized

# As much as Lambda takes in one call.
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_BODY_BYTES = 6 * 1024 * 1024

logger = Logger()
metrics = Metrics()

Response = dict[str, Any]


@logger.inject_lambda_context(correlation_id_path="requestContext.requestId", clear_state=True)
def lambda_handler(event: dict[str, Any], _context: LambdaContext) -> Response:
    """Answers a call of an HTTP API, payload format 2.0."""
    try:
        response = _receive(event)
    except Unauthorized:
        response = _refuse(401, "Authorization is missing or wrong")
    except InvalidEvent as error:
        response = _refuse(400, str(error), field=error.field)
    except TransientError:
        logger.exception("The event could not be stored")
        response = _refuse(503, "The event could not be stored; send it again")
        response["headers"]["retry-after"] = "5"
    metrics.flush_metrics()
    return response


def _receive(event: dict[str, Any]) -> Response:
    body = _body(event)
    if len(body) > MAX_BODY_BYTES:
        return _refuse(413, f"The body is larger than {MAX_BODY_BYTES} bytes")
    headers: dict[str, str] = {k.lower(): v for k, v in (event.get("headers") or {}).items()}
    answer = bootstrap.receive_event()(body, headers.get("authorization"))
    metrics.add_metric("EventsAccepted", MetricUnit.Count, answer.accepted)
    metrics.add_metric("EventsIgnored", MetricUnit.Count, int(not answer.accepted))
    told = {"accepted": answer.accepted} | ({"reason": answer.reason} if answer.reason else {})
    known = {"project_id": answer.project_id, "action": answer.action, "window": answer.window}
    for key, value in (*told.items(), *known.items()):
        metrics.add_metadata(key, value)
    logger.info("Event received", extra={**told, **known})
    return _respond(202, told)


def _body(event: dict[str, Any]) -> bytes:
    text: str = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return text.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidEvent("The body is not base64, as its envelope says") from None


def _refuse(status: int, message: str, *, field: str = "") -> Response:
    metrics.add_metric("EventsRejected", MetricUnit.Count, 1)
    metrics.add_metadata("status", status)
    logger.warning("Event refused", extra={"status": status, "field": field})
    return _respond(status, {"message": message} | ({"field": field} if field else {}))


def _respond(status: int, answer: dict[str, Any]) -> Response:
    headers = {"content-type": "application/json"}
    return {"statusCode": status, "headers": headers, "body": orjson.dumps(answer).decode()}
