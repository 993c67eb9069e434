"""The object store, as the product needs it (a port).

Every method may raise `TransientError` (try again later) and `AccessDenied`; other errors are named
with each method.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO, Protocol

from kili_export.splicing.upload_parts import Part


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One version of one object in the bucket. `size` is in bytes; `etag` as S3 gives it.

    `modified` is when it was written, known of what was listed alone.
    """

    key: str
    etag: str
    size: int
    metadata: Mapping[str, str] = field(default_factory=dict)
    modified: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class SentPart:
    """A part that the server has. `checksum` is as the server answered it, empty without one."""

    number: int
    etag: str
    checksum: str = ""


@dataclass(frozen=True, slots=True)
class BegunUpload:
    """An upload that is not completed. `plan` is the digest of the parts that it is made of.

    `sent` are those that are known to be there; the server may have more.
    """

    upload_id: str
    plan: str
    sent: tuple[SentPart, ...] = ()


class LongUploads(Protocol):
    """Lets the writing of one object take several invocations."""

    def begun(self, key: str) -> BegunUpload | None:
        """The upload that an earlier invocation began, if it is not known to have ended."""

    def record(self, key: str, upload: BegunUpload) -> None:
        """There is such an upload from now on, or it came so far."""

    def ended(self, key: str) -> None:
        """It is completed, or given up."""

    def is_time_up(self) -> bool:
        """Whether nothing more may be begun in this invocation."""

    def has_ended_any(self) -> bool:
        """Whether this invocation came to the end of an upload."""


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
        plan: str = "",
        uploads: LongUploads | None = None,
    ) -> StoredObject:
        """Writes one object out of copied ranges and bytes, as planned.

        Nothing is visible, and no upload is left behind, unless it succeeds. Raises ConflictError
        when a source changed or a condition does not hold.

        `plan`, the digest of the parts, is kept with the object: one that was made by the same
        plan counts as written, whatever the conditions. With `uploads` besides, what was copied
        stays when the time is up, then OutOfTime is raised, or when the bucket does not answer
        for a while; the same call continues from there.
        """

    def composed(
        self, key: str, plan: str, *, uploads: LongUploads | None = None
    ) -> StoredObject | None:
        """The object, if it was made by this plan; `uploads` then know no upload of it any more."""

    def delete(self, keys: Iterable[str]) -> None:
        """Removes objects; those that do not exist are no error."""

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Every object whose key starts with `prefix`, by key."""

    def folders(self, prefix: str) -> Iterator[str]:
        """The names that follow `prefix`, which ends with a slash, up to the next slash."""

    def delete_versions(self, prefix: str, *, current: bool, keep: Collection[str] = ()) -> int:
        """Removes former versions of what is or was under `prefix`; answers how many.

        With `current` the present versions go too, but for those of the keys to `keep`. A
        bucket without versions has none to remove.
        """

    def abort_uploads(self, prefix: str) -> int:
        """Ends uploads under `prefix` that somebody began and left; answers how many."""


def delete_prefix(objects: ObjectStore, prefix: str) -> None:
    """Removes every object whose key starts with `prefix`; former versions stay."""
    objects.delete([found.key for found in objects.list(prefix)])
