"""A bucket with published exports, and credentials that reach `exports/` of it and nothing else."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from kili_export.aws.s3 import S3ObjectStore
from kili_export.filesystem import ExportFileSystem
from kili_export.local.stack.seaweed import SeaweedServer
from tests.support.workbench import Workbench

BUCKET = "of-readers"
OWN_BUCKET = "my-datasets"
"""A bucket that the reader writes to."""
KEY, SECRET = "reader-key", "reader-secret"


class ServerWithReaders(SeaweedServer):
    """A server that knows a reader besides: by S3's words GetObject and ListBucket on exports/*."""

    def _write_identities(self) -> Path:
        path = super()._write_identities()
        known = json.loads(path.read_bytes())
        reader = {
            "name": "reader",
            "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
            "actions": [
                f"Read:{BUCKET}/exports/*",
                f"List:{BUCKET}/exports/*",
                *(f"{action}:{OWN_BUCKET}" for action in ("Read", "List", "Write")),
            ],
        }
        path.write_text(json.dumps({"identities": [*known["identities"], reader]}))
        return path


@dataclass
class ReaderSite:
    """The server with what a workbench published."""

    server: SeaweedServer
    bench: Workbench

    def publish(self) -> None:
        """Makes the bucket hold what the workbench published, and nothing else."""
        client = self.server.client()
        objects = S3ObjectStore(client, BUCKET)
        stored = self.bench.objects.stored
        there = {one.key: one.etag for one in objects.list("")}
        objects.delete([key for key in there if key not in stored])
        for key, (data, about) in stored.items():
            if there.get(key) != about.etag:
                objects.put(key, data, metadata=about.metadata)
        client.close()

    def environment(self) -> Mapping[str, str]:
        """What boto3 finds a reader's credentials in."""
        return {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def address(self, export: str) -> str:
        """The address of an export."""
        return f"s3://{BUCKET}/exports/proj1/{export}"

    def client(self) -> Any:
        """A client of S3 with the reader's rights."""
        return boto3.client(
            "s3",
            endpoint_url=self.server.endpoint,
            region_name="us-east-1",
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            config=Config(s3={"addressing_style": "path"}),
        )


def reader_site(folder: Path, bench: Workbench) -> Iterator[ReaderSite]:
    """A running server over that folder, with what the workbench published."""
    server = ServerWithReaders(
        folder,
        bucket=BUCKET,
        access_key_id="owner-key",
        secret_access_key="owner-secret",
        volume_megabytes=256,
    )
    server.start()
    try:
        server.client().create_bucket(Bucket=OWN_BUCKET)
        site = ReaderSite(server, bench)
        site.publish()
        yield site
    finally:
        server.stop()
        # fsspec keeps file systems by their address, which the next server has too.
        ExportFileSystem.clear_instance_cache()
