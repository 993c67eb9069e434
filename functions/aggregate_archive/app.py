"""Splices what a run converted into an export's archive, and publishes it."""

from kili_export.wiring.lambda_handler import handler
from kili_export.wiring.publishing import answer_request

lambda_handler = handler(answer_request, correlation_id_path="run_id")
