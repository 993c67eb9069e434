"""Prints SHA-256, size and name of every file that GDAL finds below /vsizip/."""

import hashlib
import sys
from collections.abc import Iterator

from osgeo import gdal

_CHUNK = 1 << 20
_ALL = -1


def main(archive: str) -> None:
    """Lists the archive."""
    gdal.UseExceptions()
    root = f"/vsizip/{{{archive}}}"
    for name in _files(root, ""):
        file = gdal.VSIFOpenL(f"{root}/{name}", "rb")
        if file is None:
            raise SystemExit(f"{name} cannot be opened")
        digest, size = hashlib.sha256(), 0
        while chunk := gdal.VSIFReadL(1, _CHUNK, file):
            digest.update(chunk)
            size += len(chunk)
        gdal.VSIFCloseL(file)
        sys.stdout.write(f"{digest.hexdigest()} {size} {name}\n")


def _files(root: str, prefix: str) -> Iterator[str]:
    """Folder by folder: ReadDirRecursive takes minutes with tens of thousands of files."""
    for entry in gdal.ReadDir(f"{root}/{prefix}".rstrip("/"), _ALL) or ():
        name = f"{prefix}{entry}"
        if gdal.VSIStatL(f"{root}/{name}", gdal.VSI_STAT_NATURE_FLAG).IsDirectory():
            yield from _files(root, f"{name}/")
        else:
            yield name


main(sys.argv[1])
