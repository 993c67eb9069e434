"""What S3 answered instead of doing what it was asked, in this system's own words."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError, FlexibleChecksumError

from kili_export.aws.aws_errors import error_code, translation
from kili_export.core.errors import (
    AccessDenied,
    ConflictError,
    ExportError,
    IntegrityError,
    InvalidConfiguration,
    Throttled,
    Unavailable,
)

ABSENT: Final = frozenset({"404", "NoSuchKey", "NotFound"})
_CHANGED: Final = frozenset(
    {
        "409",
        "412",
        "ConditionalRequestConflict",
        "NoSuchUpload",
        "OperationAborted",
        "PreconditionFailed",
    }
)
_BROKEN: Final = frozenset(
    {
        "416",
        "BadDigest",
        "EntityTooLarge",
        "EntityTooSmall",
        "IncompleteBody",
        "InvalidDigest",
        "InvalidPart",
        "InvalidPartOrder",
        "InvalidRange",
        "XAmzContentChecksumMismatch",
        "XAmzContentSHA256Mismatch",
    }
)
_DENIED: Final = frozenset(
    {
        "401",
        "403",
        "AllAccessDisabled",
        "ExpiredToken",
        "InvalidAccessKeyId",
        "InvalidToken",
        "RequestTimeTooSkewed",
        "TokenRefreshRequired",
    }
)
_THROTTLED: Final = frozenset({"429", "BandwidthLimitExceeded", "RequestThrottled"})
_INTERRUPTED: Final = frozenset({"RequestTimeout"})
_MISCONFIGURED: Final = frozenset(
    {
        "301",
        "AuthorizationHeaderMalformed",
        "InvalidBucketName",
        "NoSuchBucket",
        "PermanentRedirect",
    }
)


def s3_error(operation: str, error: Exception) -> ExportError:
    """The error of this system that an error of boto3's S3 client stands for.

    412 says that a condition did not hold, 409 that a concurrent request won (Amazon S3 User
    Guide, "Conditional requests"): with both, the caller plans again.
    """
    if isinstance(error, FlexibleChecksumError):
        return IntegrityError(f"S3 {operation}: the checksum does not match")
    if not isinstance(error, ClientError):
        return translation(f"S3 {operation}", error)
    code = error_code(error)
    for codes, kind in (
        (_CHANGED, ConflictError),
        (ABSENT, IntegrityError),
        (_BROKEN, IntegrityError),
        (_DENIED, AccessDenied),
        (_THROTTLED, Throttled),
        (_INTERRUPTED, Unavailable),
        (_MISCONFIGURED, InvalidConfiguration),
    ):
        if code in codes:
            return kind(f"S3 {operation}: {code}")
    if code.startswith("KMS."):
        return AccessDenied(f"S3 {operation}: the encryption key cannot be used ({code})")
    return translation(f"S3 {operation}", error)


def is_absent(error: ClientError) -> bool:
    """Whether S3 says that there is no such object."""
    return error_code(error) in ABSENT


@contextmanager
def s3_errors(operation: str) -> Iterator[None]:
    """Turns errors of boto3 into those of this system. `operation` names the request."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise s3_error(operation, error) from error
