"""Prints what a reader wrote into a folder, as lines of `SHA256 SIZE NAME`.

    python -m devtools.readers.folder_listing FOLDER

A process of its own: threads of one process would wait for each other at every one of many files.
"""

import sys
from pathlib import Path

from devtools.readers.listing import files_below


def main(folder: str) -> None:
    """Prints the listing."""
    for name, entry in files_below(Path(folder)).items():
        line = f"{entry.sha256} {entry.size} {name}\n"
        sys.stdout.buffer.write(line.encode(errors="surrogateescape"))


if __name__ == "__main__":
    main(sys.argv[1])
