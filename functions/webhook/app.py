"""Stores what a Kili event says has changed, and answers Kili."""

from kili_export.wiring.lambda_handler import handler
from kili_export.wiring.webhook import answer_call

lambda_handler = handler(answer_call, correlation_id_path="requestContext.requestId")
