"""Clients of boto3 with this system's time-outs, in the region that the environment names."""

from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import ProfileNotFound
from botocore.session import Session

from kili_export.core.errors import InvalidConfiguration

_CONNECTIONS: Final = 40
_OBJECTS_TIMEOUT: Final = 60
# botocore alone of AWS's tools reads the second of these only:
# https://docs.aws.amazon.com/sdkref/latest/guide/feature-region.html
_REGION: Final = ("region", ["AWS_REGION", "AWS_DEFAULT_REGION"], None, None)


def aws_client(service: str, *, read_timeout: int = 10) -> Any:
    """A client of boto3, with this system's time-outs, in seconds, and its number of attempts."""
    if boto3.DEFAULT_SESSION is None:
        forget_credentials()
    # The type stubs know each service by name; here the name is a variable.
    make: Any = boto3.client
    return make(service, config=_config(read_timeout))


def readers_client(
    endpoint_url: str | None,
    profile: str | None,
    region: str | None,
    keys: tuple[str, str] | None = None,
) -> Any:
    """A client of S3 with a reader's own credentials: of a profile, else of the environment.

    `keys` are an access key and its secret, in place of both. Raises InvalidConfiguration when
    there is no such profile, or the endpoint is no address.
    """
    try:
        access_key, secret = keys or (None, None)
        session = boto3.Session(access_key, secret, profile_name=profile, region_name=region)
        config = _config(_OBJECTS_TIMEOUT)
        if endpoint_url is not None:
            # Other servers than AWS's seldom have a host name for each bucket.
            config = config.merge(Config(s3={"addressing_style": "path"}))
        return session.client("s3", endpoint_url=endpoint_url, config=config)
    except ProfileNotFound as error:
        raise InvalidConfiguration(f"AWS knows no profile {profile!r} here.") from error
    except ValueError as error:
        raise InvalidConfiguration(f"{endpoint_url!r} is not the address of an S3.") from error


def _config(read_timeout: int) -> Config:
    return Config(
        connect_timeout=3,
        read_timeout=read_timeout,
        retries={"mode": "standard", "max_attempts": 4},
        max_pool_connections=_CONNECTIONS,
        inject_host_prefix=False,
    )


def forget_credentials() -> None:
    """Lets the next client read the environment's region and credentials again."""
    boto3.setup_default_session(botocore_session=Session(session_vars={"region": _REGION}))
