"""What Lambda hands to a handler besides the event."""

import time
from dataclasses import dataclass


@dataclass(frozen=True)
class LocalContext:
    """The context object of one invocation, by Lambda's own names.

    https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
    """

    function_name: str
    memory_limit_in_mb: str
    invoked_function_arn: str
    aws_request_id: str
    deadline: float
    function_version: str = "$LATEST"
    log_group_name: str = ""
    log_stream_name: str = ""
    identity: None = None
    client_context: None = None

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the invocation is cut off."""
        return max(0, int((self.deadline - time.time()) * 1000))
