"""The service's limits on definitions and on what states exchange.

https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
"""

import json
from typing import Any

from kili_export.local.workflow.errors import StateFailed

PAYLOAD_BYTES = 256 * 1024
EXPRESS_SECONDS = 300
INLINE_MAP_CONCURRENCY = 40
NAME_LENGTH = 80
DEFINITION_BYTES = 1_000_000


def encode(value: Any) -> str:
    """The JSON text of a value, without spaces, as the service counts it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def check_size(value: Any, what: str) -> None:
    """Raises StateFailed `States.DataLimitExceeded` for a value of more than 256 KiB."""
    size = len(encode(value).encode())
    if size > PAYLOAD_BYTES:
        raise StateFailed(
            "States.DataLimitExceeded",
            f"{what} has {size:,} bytes; a state may exchange {PAYLOAD_BYTES:,}.",
        )
