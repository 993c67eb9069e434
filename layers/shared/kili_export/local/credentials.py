"""`kili-export credentials`: what a running stack is called and read with, for who asks."""

from argparse import Namespace
from pathlib import Path

from kili_export.cli.exit_codes import ExitCode
from kili_export.cli.output import Output
from kili_export.local.stack.state_directory import StateDirectory, default_state


def credentials(arguments: Namespace) -> ExitCode:
    """Prints the secret of the webhook, and how the bucket is read."""
    directory = StateDirectory(Path(arguments.state) if arguments.state else default_state())
    stack = directory.running()
    answer = {
        "webhook_secret": stack.webhook_secret,
        "s3_endpoint": stack.s3_endpoint,
        "bucket": stack.bucket,
        "region": stack.region,
        "aws_access_key_id": stack.aws_access_key_id,
        "aws_secret_access_key": stack.aws_secret_access_key,
    }
    lines = (f"{name}: {value}" for name, value in answer.items())
    Output(as_json=arguments.json).result(answer, "\n".join(lines))
    return ExitCode.OK
