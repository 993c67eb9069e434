"""Prints SHA-256, size and name of every file that fsspec finds by zip:// in an archive on S3.

    fsspec_zip.py s3://BUCKET/KEY

The endpoint and the key come from the environment.
"""

import hashlib
import os
import sys

import fsspec

_CHUNK = 4 << 20


def main(address: str) -> None:
    """Lists the archive."""
    client = {"endpoint_url": os.environ["AWS_ENDPOINT_URL"]}
    archive = fsspec.filesystem(
        "zip", fo=address, remote_protocol="s3", remote_options={"client_kwargs": client}
    )
    for name in archive.find(""):
        digest, size = hashlib.sha256(), 0
        with archive.open(name, "rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
        sys.stdout.write(f"{digest.hexdigest()} {size} {name}\n")


main(sys.argv[1])
