"""Clears what a run published, announces it, releases the lease."""

from kili_export.wiring.completion import answer_request
from kili_export.wiring.lambda_handler import handler

lambda_handler = handler(answer_request, correlation_id_path="execution_arn")
