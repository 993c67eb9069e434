"""How a reader with rights on exports alone reaches a bucket."""

from dataclasses import dataclass, field
from typing import Any

from kili_export.aws.client import readers_client
from kili_export.aws.readers_bucket import ReadersBucket
from kili_export.aws.s3 import S3ObjectStore
from kili_export.aws.s3_traffic import S3Traffic


@dataclass(frozen=True, slots=True)
class ReadersAccess:
    """Where S3 is and whose credentials are used: boto3's defaults where nothing is given.

    `keys` are an access key and its secret, in place of what boto3 finds.
    """

    endpoint_url: str | None = None
    profile: str | None = None
    region: str | None = None
    keys: tuple[str, str] | None = field(default=None, repr=False)

    def bucket(self, name: str) -> tuple[ReadersBucket, S3Traffic]:
        """A bucket's part for readers, and what is moved from it. Raises InvalidConfiguration."""
        client = self._client()
        return ReadersBucket(client, name), S3Traffic(client)

    def target(self, name: str) -> S3ObjectStore:
        """A bucket that the reader writes to. Raises InvalidConfiguration."""
        return S3ObjectStore(self._client(), name)

    def _client(self) -> Any:
        return readers_client(self.endpoint_url, self.profile, self.region, self.keys)
