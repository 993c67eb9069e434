"""fsspec's zip:// over S3: the archive is put into a bucket of this machine first."""

from pathlib import Path
from typing import Any, Final

import boto3
from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from devtools.readers.listing import Listing, ReaderFailed, printed_listing
from devtools.readers.processes import run
from devtools.readers.reader import SCRIPTS
from devtools.readers.workspace import PYTHON
from kili_export.local.stack.child import ServerDidNotStart
from kili_export.local.stack.seaweed import REGION, SeaweedServer

_BUCKET: Final = "readers"
_KEY: Final = "archive.zip"
_CREDENTIALS: Final = ("readers-key", "readers-secret")
# The first of the two holds for what is sent, too: a busy machine takes its time with gigabytes.
_PATIENT: Final = Config(
    connect_timeout=120,
    read_timeout=120,
    s3={"addressing_style": "path"},
    retries={"mode": "standard"},
)


def with_fsspec_over_s3(archive: Path, folder: Path) -> Listing:
    """Reads ranges of an object, as one does who does not download the archive."""
    server = SeaweedServer(
        folder / "s3",
        bucket=_BUCKET,
        access_key_id=_CREDENTIALS[0],
        secret_access_key=_CREDENTIALS[1],
    )
    try:
        server.start()
        _upload(archive, server.endpoint)
        return _listed(server.endpoint)
    except (ServerDidNotStart, Boto3Error, BotoCoreError, ClientError) as error:
        raise ReaderFailed(f"the archive is not in the bucket: {error}") from error
    finally:
        server.stop()


def _upload(archive: Path, endpoint: str) -> None:
    client: Any = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=_CREDENTIALS[0],
        aws_secret_access_key=_CREDENTIALS[1],
        config=_PATIENT,
    )
    try:
        client.upload_file(str(archive), _BUCKET, _KEY)
    finally:
        client.close()


def _listed(endpoint: str) -> Listing:
    environment = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": _CREDENTIALS[0],
        "AWS_SECRET_ACCESS_KEY": _CREDENTIALS[1],
        "AWS_DEFAULT_REGION": REGION,
    }
    command = (PYTHON, SCRIPTS / "fsspec_zip.py", f"s3://{_BUCKET}/{_KEY}")
    return printed_listing(run(command, environment=environment))
