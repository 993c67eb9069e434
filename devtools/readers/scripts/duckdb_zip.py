"""Prints SHA-256, size and name of every file that DuckDB reads by zip:// out of an archive."""

import glob
import sys

import duckdb
import fsspec

_QUERY = "SELECT size, sha256(content) FROM read_blob(?)"


def main(archive: str) -> None:
    """Lists the archive. Names are asked for one by one: DuckDB takes folders for files."""
    files = fsspec.filesystem("zip", fo=archive)
    connection = duckdb.connect()
    connection.register_filesystem(files)
    for name in files.find(""):
        address = f"zip://{glob.escape(name)}"
        for size, digest in connection.execute(_QUERY, [address]).fetchall():
            sys.stdout.write(f"{digest} {size} {name}\n")


main(sys.argv[1])
