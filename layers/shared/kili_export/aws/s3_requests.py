"""What requests to S3 have in common: conditions, answers, and attempts at reading a body."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from kili_export.aws.s3_errors import is_absent, s3_error, s3_errors
from kili_export.core.errors import ConflictError
from kili_export.storage.object_store import StoredObject

BODY_ATTEMPTS: Final = 4
_NOT_IN_XML: Final = re.compile(r"[\x00-\x1f\ufffe\uffff]")
_T = TypeVar("_T")


def read_again(fetch: Callable[[], _T]) -> _T:
    """Tries again when a body breaks off: the client itself repeats requests, not bodies."""
    for _ in range(BODY_ATTEMPTS - 1):
        try:
            return fetch()
        except BotoCoreError:
            continue
    with s3_errors("GetObject"):
        return fetch()


def match(etag: str | None) -> dict[str, str]:
    """The condition that an object still has this ETag; none for None."""
    return {} if etag is None else {"IfMatch": etag}


def fits_xml(key: str) -> bool:
    """Whether a request can name the key in its body: XML has no way to write some characters."""
    return _NOT_IN_XML.search(key) is None


def condition_of(if_match: str | None, *, if_none_match: bool) -> dict[str, str]:
    """The condition of a write."""
    return {**match(if_match), **({"IfNoneMatch": "*"} if if_none_match else {})}


def conflict_if_absent(operation: str, error: Exception) -> Exception:
    """A write answers "no such key" when its If-Match names an object that is gone."""
    if isinstance(error, ClientError) and is_absent(error):
        return ConflictError(f"S3 {operation}: the object to replace is gone")
    return s3_error(operation, error)


def stored_object(key: str, answer: Mapping[str, Any]) -> StoredObject:
    """What an answer to HeadObject or GetObject says of the object."""
    return StoredObject(
        key, str(answer["ETag"]), int(answer["ContentLength"]), dict(answer.get("Metadata", {}))
    )
