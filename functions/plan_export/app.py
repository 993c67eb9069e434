"""Takes a project's lease and freezes what a run works from."""

from kili_export.wiring.lambda_handler import handler
from kili_export.wiring.planning import answer_request

lambda_handler = handler(answer_request, correlation_id_path="execution_arn")
