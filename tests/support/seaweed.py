"""A real S3 for tests: one SeaweedFS for each process of a test run, one bucket in it."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from kili_export.aws.s3 import S3ObjectStore
from kili_export.local.stack.seaweed import SeaweedServer

BUCKET = "test-archives"
_counter = itertools.count(1)


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedServer]:
    """A running server with the bucket `BUCKET`."""
    server = SeaweedServer(
        tmp_path_factory.mktemp("seaweed"),
        bucket=BUCKET,
        access_key_id="test-key",
        secret_access_key="test-secret",
        volume_megabytes=256,
    )
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def s3_client(seaweed: SeaweedServer) -> Iterator[Any]:
    """A boto3 client of that server."""
    client = seaweed.client()
    yield client
    client.close()


@pytest.fixture
def object_store(s3_client: Any) -> S3ObjectStore:
    """The bucket, as the system sees it. It is shared: write below `key_prefix`."""
    return S3ObjectStore(s3_client, BUCKET)


@pytest.fixture
def key_prefix() -> str:
    """A prefix that no other test of this process uses, with a slash at its end."""
    return f"test-{next(_counter)}/"
