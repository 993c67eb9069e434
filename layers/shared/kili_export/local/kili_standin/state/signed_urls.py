"""Links that look and behave like presigned S3 URLs: anybody may use them, for a while.

Every call makes another signature, so that a client which compares links by text is found out.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import count
from typing import Literal
from urllib.parse import parse_qs, quote, unquote, urlsplit

Verdict = Literal["valid", "expired", "forged"]


@dataclass(frozen=True, slots=True)
class Checked:
    """What a link points at, and whether it may be followed."""

    path: str
    verdict: Verdict


class UrlSigner:
    """Signs and checks the links of one stand-in. `lifetime` is in seconds and may be changed."""

    def __init__(self, secret: bytes, now: Callable[[], datetime], lifetime: float) -> None:
        self._secret = secret
        self._now = now
        self._serial = count(1)
        self.lifetime = lifetime
        self.base = ""

    def sign(self, path: str) -> str:
        """A fresh link to a path such as `/bucket/labels/cl1.json`."""
        query = (
            f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=standin{next(self._serial)}"
            f"&X-Amz-Date={self._now():%Y%m%dT%H%M%S.%fZ}&X-Amz-Expires={self.lifetime:g}"
            "&X-Amz-SignedHeaders=host"
        )
        signed = f"{quote(path)}?{query}"
        return f"{self.base}{signed}&X-Amz-Signature={self._signature(signed)}"

    def check(self, target: str) -> Checked:
        """Judges a request target: path and query, as they were received."""
        parts = urlsplit(target)
        path = unquote(parts.path)
        signed, _, signature = target.rpartition("&X-Amz-Signature=")
        if not signed or not hmac.compare_digest(self._signature(signed), signature):
            return Checked(path, "forged")
        fields = parse_qs(parts.query)
        since = datetime.fromisoformat(fields["X-Amz-Date"][0])
        until = since + timedelta(seconds=float(fields["X-Amz-Expires"][0]))
        return Checked(path, "valid" if self._now() < until else "expired")

    def _signature(self, signed: str) -> str:
        return hmac.new(self._secret, signed.encode(), sha256).hexdigest()
