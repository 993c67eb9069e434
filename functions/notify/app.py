"""Delivers events to the HTTP endpoints that projects declare."""

from kili_export.wiring.lambda_handler import handler
from kili_export.wiring.notifications import answer_request

lambda_handler = handler(answer_request)
