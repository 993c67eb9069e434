"""On one machine, too, the working files of old runs go away, and nothing else does."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from kili_export.local.stack.expiry import Expiry

KEPT = timedelta(days=14)


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client(
            "s3", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y"
        )
        client.create_bucket(Bucket="bucket")
        yield client


def _keys(s3: Any) -> set[str]:
    return {one["Key"] for one in s3.list_objects_v2(Bucket="bucket").get("Contents", ())}


def test_old_runs_go_and_archives_stay(s3: Any) -> None:
    for key in (
        "runs/p/r/plan.json",
        "runs/p/r/batches/1.bin",
        "exports/p/e/latest.zip",
        "state/x",
    ):
        s3.put_object(Bucket="bucket", Key=key, Body=b"x")
    expiry = Expiry(s3, "bucket", KEPT, lambda _: 0)
    assert expiry.apply(datetime.now(UTC) + KEPT - timedelta(hours=1)) == 0
    assert expiry.apply(datetime.now(UTC) + KEPT + timedelta(hours=1)) == 2
    assert _keys(s3) == {"exports/p/e/latest.zip", "state/x"}


def test_unfinished_uploads_go_after_a_day(s3: Any) -> None:
    s3.create_multipart_upload(Bucket="bucket", Key="exports/p/e/archives/1.zip")
    expiry = Expiry(s3, "bucket", KEPT, lambda _: 0)
    old = s3.list_multipart_uploads(Bucket="bucket")["Uploads"][0]["Initiated"]
    assert expiry.apply(old + timedelta(hours=23)) == 0
    assert expiry.apply(old + timedelta(hours=25)) == 1
    assert "Uploads" not in s3.list_multipart_uploads(Bucket="bucket")


def test_executions_that_ended_before_then_are_forgotten(s3: Any) -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    assert Expiry(s3, "bucket", KEPT, lambda before: (now - before).days).apply(now) == KEPT.days
