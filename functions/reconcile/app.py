"""Starts runs that a crash prevented, and finds what a lost event left out."""

from kili_export.wiring.lambda_handler import handler
from kili_export.wiring.reconciliation import answer_request

lambda_handler = handler(answer_request)
