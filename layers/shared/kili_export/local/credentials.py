"""`kili-export credentials`: what a running stack is called and read with, for who asks."""

import shlex
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

from kili_export.cli.exit_codes import ExitCode
from kili_export.cli.output import Output
from kili_export.local.stack.metrics import metrics_token
from kili_export.local.stack.state_directory import RunningStack, StateDirectory, default_state


def credentials(arguments: Namespace) -> ExitCode:
    """Prints the secret of the webhook, how the bucket is read, and where its page is."""
    directory = StateDirectory(Path(arguments.state) if arguments.state else default_state())
    stack = directory.running()
    answer = {
        "webhook_secret": stack.webhook_secret,
        "metrics_token": metrics_token(stack.webhook_secret),
        "s3_endpoint": stack.s3_endpoint,
        "bucket": stack.bucket,
        "region": stack.region,
        "aws_access_key_id": stack.aws_access_key_id,
        "aws_secret_access_key": stack.aws_secret_access_key,
        "page_url": stack.page_url,
    }
    if arguments.shell:
        print("\n".join(_shell_lines(stack)))
        return ExitCode.OK
    lines = (f"{name}: {value}" for name, value in answer.items())
    Output(as_json=arguments.json).result(answer, "\n".join(lines))
    return ExitCode.OK


def _shell_lines(stack: RunningStack) -> Iterator[str]:
    """What boto3 and the tools of AWS read the bucket with. A token of another login would win."""
    yield "unset AWS_SESSION_TOKEN AWS_PROFILE"
    variables = {
        "AWS_ENDPOINT_URL_S3": stack.s3_endpoint,
        "AWS_REGION": stack.region,
        "AWS_DEFAULT_REGION": stack.region,
        "AWS_ACCESS_KEY_ID": stack.aws_access_key_id,
        "AWS_SECRET_ACCESS_KEY": stack.aws_secret_access_key,
    }
    for name, value in variables.items():
        yield f"export {name}={shlex.quote(value)}"
