"""fsspec's zip:// over S3: the archive is put into a bucket of this machine first."""

from pathlib import Path
from typing import Final

from devtools.readers.listing import Listing, printed_listing
from devtools.readers.processes import run
from devtools.readers.reader import SCRIPTS
from devtools.readers.workspace import PYTHON
from local.stack.seaweed import REGION, SeaweedServer

_BUCKET: Final = "readers"
_KEY: Final = "archive.zip"
_CREDENTIALS: Final = ("readers-key", "readers-secret")


def with_fsspec_over_s3(archive: Path, folder: Path) -> Listing:
    """Reads ranges of an object, as one does who does not download the archive."""
    server = SeaweedServer(
        folder / "s3",
        bucket=_BUCKET,
        access_key_id=_CREDENTIALS[0],
        secret_access_key=_CREDENTIALS[1],
    )
    server.start()
    try:
        client = server.client()
        client.upload_file(str(archive), _BUCKET, _KEY)
        client.close()
        environment = {
            "AWS_ENDPOINT_URL": server.endpoint,
            "AWS_ACCESS_KEY_ID": _CREDENTIALS[0],
            "AWS_SECRET_ACCESS_KEY": _CREDENTIALS[1],
            "AWS_DEFAULT_REGION": REGION,
        }
        command = (PYTHON, SCRIPTS / "fsspec_zip.py", f"s3://{_BUCKET}/{_KEY}")
        return printed_listing(run(command, environment=environment))
    finally:
        server.stop()
