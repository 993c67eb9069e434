"""What the use cases need of the outside world, as protocols.

Adapters implement these; tests pass in-memory fakes. Every method may raise `TransientError`
(try again later) and `AccessDenied`; other errors are named with each method.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO, Protocol

from kili_export.domain.archive.parts import Part


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One version of one object in the bucket. `size` is in bytes; `etag` as S3 gives it."""

    key: str
    etag: str
    size: int
    metadata: Mapping[str, str] = field(default_factory=dict)


class ObjectStore(Protocol):
    """One bucket."""

    def head(self, key: str) -> StoredObject | None:
        """What is stored under `key`, or None."""

    def get(self, key: str, *, if_match: str | None = None) -> tuple[bytes, StoredObject] | None:
        """The whole object, or None. Raises ConflictError when it is not `if_match` any more."""

    def get_range(self, key: str, start: int, length: int, *, if_match: str | None = None) -> bytes:
        """Exactly `length` bytes from offset `start`.

        Raises IntegrityError when there are fewer, ConflictError when it is not `if_match`.
        """

    def download(self, key: str, target: BinaryIO, *, if_match: str | None = None) -> StoredObject:
        """Streams the object into `target`. Raises IntegrityError when it does not exist."""

    def put(
        self,
        key: str,
        data: bytes,
        *,
        if_match: str | None = None,
        if_none_match: bool = False,
        metadata: Mapping[str, str] | None = None,
        content_type: str = "application/octet-stream",
    ) -> StoredObject:
        """Writes the object whole. Raises ConflictError when a condition does not hold."""

    def compose(
        self,
        key: str,
        parts: Sequence[Part],
        *,
        if_match: str | None = None,
        if_none_match: bool = False,
        metadata: Mapping[str, str] | None = None,
        content_type: str = "application/zip",
    ) -> StoredObject:
        """Writes one object out of copied ranges and bytes, as planned.

        Nothing is visible, and no upload is left behind, unless it succeeds. Raises ConflictError
        when a source changed or a condition does not hold.
        """

    def delete(self, keys: Iterable[str]) -> None:
        """Removes objects; those that do not exist are no error."""

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Every object whose key starts with `prefix`, by key."""


@dataclass(frozen=True, slots=True)
class TrafficCount:
    """What one process moved so far: requests by operation, bytes both ways."""

    requests: Mapping[str, int]
    bytes_down: int
    bytes_up: int


class Traffic(Protocol):
    """Counts what a client moves."""

    def snapshot(self) -> TrafficCount:
        """The counts since the process began."""


class Clock(Protocol):
    """The only source of time."""

    def now(self) -> datetime:
        """The present, in UTC."""

    def sleep(self, seconds: float) -> None:
        """Waits."""


class RandomSource(Protocol):
    """The only source of randomness."""

    def token(self) -> str:
        """Sixteen hexadecimal digits that nobody else has."""


@dataclass(frozen=True, slots=True)
class ChangeMark:
    """A stored hint that something changed. `version` is random and changes with every event."""

    project_id: str
    subject: str
    version: str
    first_event_at: datetime
    label_id: str | None = None
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to publish a project. `token` grows with every holder."""

    project_id: str
    token: int
    holder: str
    expires_at: datetime


class Workflow(Protocol):
    """The state machine."""

    def start(self, name: str, execution_input: Mapping[str, Any]) -> bool:
        """Starts an execution. False when that name was already used (running or ended)."""

    def is_running(self, execution_arn: str) -> bool:
        """Whether that execution still runs. False too when it is not known."""


class EventPublisher(Protocol):
    """The event bus that consumers listen to."""

    def publish(self, detail_type: str, detail: Mapping[str, Any]) -> None:
        """Sends one event."""
