"""Prints SHA-256, size and name of every file that DuckDB reads by zip:// out of an archive."""

import sys
from typing import Any

import duckdb
from fsspec.implementations.zip import ZipFileSystem

_QUERY = "SELECT filename, size, sha256(content) FROM read_blob('zip://**')"


class FilesAlone(ZipFileSystem):  # type: ignore[misc]
    """The files of an archive. DuckDB would take folders that match a pattern for files too."""

    def glob(self, path: str, **options: Any) -> list[str]:
        """The files that match."""
        found = super().glob(path, detail=True, **options)
        return [name for name, entry in found.items() if entry["type"] == "file"]


def main(archive: str) -> None:
    """Lists the archive."""
    connection = duckdb.connect()
    connection.execute("SET threads = 1")
    connection.register_filesystem(FilesAlone(archive))
    rows = connection.execute(_QUERY)
    while (row := rows.fetchone()) is not None:
        name, size, digest = row
        sys.stdout.write(f"{digest} {size} {name.removeprefix('zip://')}\n")


main(sys.argv[1])
