"""S3 as a Distributed Map reads and writes it."""

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class S3Objects:
    """The objects of an S3 client. All that goes wrong is an OSError."""

    def __init__(self, client: "S3Client") -> None:
        self._client = client

    def get(self, bucket: str, key: str) -> bytes:
        """An object's bytes."""
        try:
            return self._client.get_object(Bucket=bucket, Key=key)["Body"].read()
        except (BotoCoreError, ClientError) as error:
            raise OSError(str(error)) from error

    def put(self, bucket: str, key: str, data: bytes) -> None:
        """Writes an object."""
        try:
            self._client.put_object(Bucket=bucket, Key=key, Body=data)
        except (BotoCoreError, ClientError) as error:
            raise OSError(str(error)) from error
