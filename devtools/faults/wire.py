"""Requests and answers on their way between clients and services, without sockets."""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from botocore.awsrequest import AWSResponse


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sends. Names of headers are in lower case."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    def of(cls, prepared: Any) -> Self:
        """A request as a client prepared it."""
        body = prepared.body
        if hasattr(body, "read"):
            body.seek(0)
            body = body.read()
        if isinstance(body, str):
            body = body.encode()
        headers = {_text(name).lower(): _text(value) for name, value in prepared.headers.items()}
        return cls(prepared.method, prepared.url, headers, bytes(body or b""))


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answers."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def to_botocore(self, url: str) -> Any:
        """The answer as botocore expects it from its HTTP session."""
        # The type stubs want the headers of http.client; botocore takes any mapping.
        headers: Any = dict(self.headers)
        return AWSResponse(url, self.status, headers, _Body(self.body))


class _Body(io.BytesIO):
    """The body of an answer, in the manner of urllib3."""

    def stream(self, amount: int = 1 << 16, **_: Any) -> Iterator[bytes]:
        """The bytes, piece by piece."""
        while piece := self.read(amount):
            yield piece

    def release_conn(self) -> None:
        """There is no connection."""


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
