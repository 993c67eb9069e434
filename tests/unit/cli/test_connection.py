"""How commands reach a stack of this machine."""

from pathlib import Path
from typing import Any

import boto3

from kili_export.local.stack.cli_connection import connection_to
from kili_export.local.stack.state_directory import RunningStack, StateDirectory


def running(name: str) -> RunningStack:
    """A stack with keys of its own."""
    endpoint = "http://127.0.0.1:9"
    environment = {
        "AWS_ACCESS_KEY_ID": name,
        "AWS_SECRET_ACCESS_KEY": f"secret of {name}",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": endpoint,
        "BUCKET_NAME": name,
        "KILI_API_ENDPOINT": endpoint,
    }
    return RunningStack(
        pid=1,
        webhook_url=endpoint,
        webhook_secret="secret",
        s3_endpoint=endpoint,
        stepfunctions_endpoint=endpoint,
        bucket=name,
        region="us-east-1",
        aws_access_key_id=name,
        aws_secret_access_key=f"secret of {name}",
        state_dir="state",
        table="table",
        state_machine_arn="arn",
        event_bus="bus",
        kili_api_endpoint=endpoint,
        environment=environment,
    )


def test_a_process_that_goes_on_to_another_stack_takes_its_keys(tmp_path: Path) -> None:
    used = []
    for name in ("one", "other"):
        connection_to(running(name), StateDirectory(tmp_path / name))
        client: Any = boto3.client("s3")
        # It is shown nowhere else.
        used.append(client._request_signer._credentials.access_key)
    assert used == ["one", "other"]
