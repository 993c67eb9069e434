"""Clients of boto3 with this system's time-outs."""

from typing import Any, Final

import boto3
from botocore.config import Config

_CONNECTIONS: Final = 40


def aws_client(service: str, *, read_timeout: int = 10) -> Any:
    """A client of boto3, with this system's time-outs, in seconds, and its number of attempts."""
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
    """Lets the next client read the environment's credentials again."""
    boto3.setup_default_session()
