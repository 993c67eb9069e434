"""Clients of boto3 with this system's time-outs, in the region that the environment names."""

from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.session import Session

_CONNECTIONS: Final = 40
# botocore alone of AWS's tools reads the second of these only:
# https://docs.aws.amazon.com/sdkref/latest/guide/feature-region.html
_REGION: Final = ("region", ["AWS_REGION", "AWS_DEFAULT_REGION"], None, None)


def aws_client(service: str, *, read_timeout: int = 10) -> Any:
    """A client of boto3, with this system's time-outs, in seconds, and its number of attempts."""
    if boto3.DEFAULT_SESSION is None:
        forget_credentials()
    config = Config(
        connect_timeout=3,
        read_timeout=read_timeout,
        retries={"mode": "standard", "max_attempts": 4},
        max_pool_connections=_CONNECTIONS,
        inject_host_prefix=False,
    )
    # The type stubs know each service by name; here the name is a variable.
    make: Any = boto3.client
    return make(service, config=config)


def forget_credentials() -> None:
    """Lets the next client read the environment's region and credentials again."""
    boto3.setup_default_session(botocore_session=Session(session_vars={"region": _REGION}))
