"""An archive in a file, and readers that are functions, for tests of the comparing."""

import zipfile
from collections.abc import Mapping
from pathlib import Path

from devtools.readers.kinds.sample import SampleArchive
from devtools.readers.listing import Listing, listing_of
from devtools.readers.python_readers import with_zipfile
from devtools.readers.reader import ARCHIVE, Needs, Reader, extracting

FILES: Mapping[str, bytes] = {
    "a.txt": b"first",
    "labels/é.txt": b"second",
    "labels/e\u0301.json": b"third",
}


def sample(folder: Path, files: Mapping[str, bytes] = FILES) -> SampleArchive:
    path = folder / "archive.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return SampleArchive(path, listing_of(files))


def reader(name: str = "honest", **changes: bytes | None) -> Reader:
    """A reader that finds what is there, less the files that `changes` takes or alters."""

    def read(archive: Path, folder: Path) -> Listing:
        found = {**with_zipfile(archive, folder)}
        for changed, data in changes.items():
            path = changed.replace("__", ".")
            del found[path]
            if data is not None:
                found |= listing_of({path: data})
        return found

    return Reader(name, read)


def absent_reader() -> Reader:
    needs = Needs(("no-such-program",), ("no-such-package",))
    return Reader("absent", extracting("no-such-program", ARCHIVE), needs)
