"""The queue of events that are to be delivered: each waits there until its next attempt."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kili_export.aws.aws_errors import translated

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_SERVICE: Final = "SQS"
_LONGEST: Final = 43_000
"""A message can be hidden for 12 hours after it was received.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html
"""


@dataclass(frozen=True, slots=True)
class DeliveryQueue:
    """One queue, by its address."""

    client: "SQSClient"
    url: str

    def send(self, body: str) -> None:
        """Puts a message into it."""
        with translated(_SERVICE):
            self.client.send_message(QueueUrl=self.url, MessageBody=body)

    def hide(self, receipt: str, seconds: float) -> None:
        """Lets a message come back after so many seconds, rounded up."""
        wait = max(1, min(int(seconds) + 1, _LONGEST))
        with translated(_SERVICE):
            self.client.change_message_visibility(
                QueueUrl=self.url, ReceiptHandle=receipt, VisibilityTimeout=wait
            )
