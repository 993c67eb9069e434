"""Fetches a batch of assets from Kili and converts it for every export of the project."""

from kili_export.wiring.conversion import answer_request
from kili_export.wiring.lambda_handler import handler

lambda_handler = handler(answer_request, correlation_id_path="batch.run_id")
