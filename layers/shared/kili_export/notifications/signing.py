"""Signs deliveries as the Standard Webhooks specification has it.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from kili_export.core.errors import InvalidConfiguration

_PREFIX: Final = "whsec_"
_SHORTEST: Final = 24
_LONGEST: Final = 64


def signed_headers(secret: str, delivery_id: str, at: datetime, body: bytes) -> Mapping[str, str]:
    """The three headers of one attempt at `at`.

    Raises InvalidConfiguration, which does not show the secret, when it is malformed.
    """
    timestamp = str(int(at.timestamp()))
    content = f"{delivery_id}.{timestamp}.".encode() + body
    digest = hmac.new(_key(secret), content, hashlib.sha256).digest()
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def _key(secret: str) -> bytes:
    encoded = secret.removeprefix(_PREFIX) if secret.startswith(_PREFIX) else ""
    try:
        key = base64.b64decode(encoded, validate=True)
    except ValueError:
        key = b""
    if not _SHORTEST <= len(key) <= _LONGEST:
        # Not the error itself, which may show what it could not read.
        raise InvalidConfiguration(
            f"the secret is not {_PREFIX} followed by {_SHORTEST} to {_LONGEST} bytes in base64"
        )
    return key
