"""The part of a bucket that readers of exports may read, by boto3's S3 client."""

import os
import weakref
from collections.abc import Iterator
from typing import Any, Final

from kili_export.aws.s3 import S3ObjectStore
from kili_export.core.bucket_layout import EXPORTS_PREFIX
from kili_export.core.errors import AccessDenied
from kili_export.storage.object_store import StoredObject


class ReadersBucket(S3ObjectStore):
    """A bucket of which nothing outside `exports/` is asked for, whatever the credentials allow.

    AccessDenied is raised instead, as S3 would answer. A process that is forked opens connections
    of its own: two that read from one would get each other's answers.
    """

    def __init__(self, client: Any, bucket: str) -> None:
        """Takes a client of boto3 for itself."""
        super().__init__(client, bucket)
        _CLIENTS.add(client)

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """See S3ObjectStore."""
        return super().list(_checked(prefix))

    def folders(self, prefix: str) -> Iterator[str]:
        """See S3ObjectStore."""
        return super().folders(_checked(prefix))

    def _request(self, key: str) -> dict[str, Any]:
        return super()._request(_checked(key))


def _checked(key: str) -> str:
    if not key.startswith(EXPORTS_PREFIX):
        raise AccessDenied(f"{key} is not for readers of exports.")
    return key


_CLIENTS: Final[weakref.WeakSet[Any]] = weakref.WeakSet()


def _leave_connections() -> None:
    """Closes the parent's connections, in a forked process alone; clients open others."""
    for client in tuple(_CLIENTS):
        client.close()


os.register_at_fork(after_in_child=_leave_connections)
