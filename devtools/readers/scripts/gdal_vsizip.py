"""Prints SHA-256, size and name of every file that GDAL finds below /vsizip/."""

import hashlib
import sys

from osgeo import gdal

_CHUNK = 1 << 20


def main(archive: str) -> None:
    """Lists the archive."""
    gdal.UseExceptions()
    root = f"/vsizip/{{{archive}}}"
    for name in gdal.ReadDirRecursive(root) or ():
        if name.endswith("/"):
            continue
        file = gdal.VSIFOpenL(f"{root}/{name}", "rb")
        if file is None:
            raise SystemExit(f"{name} cannot be opened")
        digest, size = hashlib.sha256(), 0
        while chunk := gdal.VSIFReadL(1, _CHUNK, file):
            digest.update(chunk)
            size += len(chunk)
        gdal.VSIFCloseL(file)
        sys.stdout.write(f"{digest.hexdigest()} {size} {name}\n")


main(sys.argv[1])
