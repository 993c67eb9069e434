"""What AWS does by itself: leftovers of old runs go away, and executions that ended long ago."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

_RUNS_PREFIX = "runs/"
_UPLOADS_KEPT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Expiry:
    """The rules of the template: working files of runs, unfinished uploads, executions.

    `expire_executions` forgets those that ended before a time and answers how many. Step Functions
    keeps them for 90 days; here each is a file that the next start reads.
    """

    s3: Any
    bucket: str
    runs_kept: timedelta
    expire_executions: Callable[[datetime], int]

    def apply(self, now: datetime) -> int:
        """Removes what is too old at `now`. Answers how many things that were."""
        removed = self.expire_executions(now - self.runs_kept)
        for keys in self._old_runs(now - self.runs_kept):
            self.s3.delete_objects(
                Bucket=self.bucket, Delete={"Objects": [{"Key": key} for key in keys]}
            )
            removed += len(keys)
        for key, upload in self._old_uploads(now - _UPLOADS_KEPT):
            self.s3.abort_multipart_upload(Bucket=self.bucket, Key=key, UploadId=upload)
            removed += 1
        return removed

    def _old_runs(self, oldest: datetime) -> Iterator[list[str]]:
        pages = self.s3.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self.bucket, Prefix=_RUNS_PREFIX):
            keys = [one["Key"] for one in page.get("Contents", ()) if one["LastModified"] < oldest]
            if keys:
                yield keys

    def _old_uploads(self, oldest: datetime) -> Iterator[tuple[str, str]]:
        pages = self.s3.get_paginator("list_multipart_uploads")
        for page in pages.paginate(Bucket=self.bucket):
            for one in page.get("Uploads", ()):
                if one["Initiated"] < oldest:
                    yield one["Key"], one["UploadId"]
