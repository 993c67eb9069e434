"""What an AWS service answered instead of doing what it was asked, in this system's own words."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
)

from kili_export.core.errors import (
    AccessDenied,
    ExportError,
    InvalidConfiguration,
    Throttled,
    Unavailable,
)

__all__ = ["BotoCoreError", "NoRegionError", "error_code", "translated", "translation"]

_THROTTLED = frozenset(
    {
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
_DENIED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "DecryptionFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "NotAuthorized",
        "OptInRequired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_MISCONFIGURED = frozenset(
    {
        "InvalidArn",
        "ResourceNotFoundException",
        "StateMachineDeleting",
        "StateMachineDoesNotExist",
    }
)
_SERVER_FAULT = 500


def error_code(error: ClientError) -> str:
    """The service's name for what went wrong."""
    return str(error.response.get("Error", {}).get("Code", ""))


def translation(service: str, error: Exception) -> ExportError:
    """The error of this system that an error of boto3 stands for.

    Messages name the service and its error code only: what else the service says may quote what
    it was sent.
    """
    if isinstance(error, ClientError):
        return _answered(service, error)
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return AccessDenied(f"there are no AWS credentials for {service}")
    return Unavailable(f"{service} cannot be reached ({type(error).__name__})")


def _answered(service: str, error: ClientError) -> ExportError:
    code = error_code(error)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _THROTTLED:
        return Throttled(f"{service} asks to slow down ({code})")
    if code in _DENIED:
        return AccessDenied(f"{service} refuses our credentials ({code})")
    if code in _MISCONFIGURED:
        return InvalidConfiguration(f"{service} does not know what the settings name ({code})")
    if status >= _SERVER_FAULT:
        return Unavailable(f"{service} failed ({code})")
    return ExportError(f"{service} refused a request ({code})")


@contextmanager
def translated(service: str) -> Iterator[None]:
    """Turns errors of boto3 into those of this system."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise translation(service, error) from error
