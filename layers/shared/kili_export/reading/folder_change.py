"""The difference between a folder and an export, and which paths may be written.

The journal of a change is in `folder.py`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from kili_export.core.errors import IntegrityError
from kili_export.core.file_paths import OWN_FOLDER


@dataclass(frozen=True, slots=True)
class FolderChange:
    """Files to write, by path with their digest, and files to remove first.

    `dates` are those of the files to write, and of files that stay and bear another one, in
    seconds since 1970 (UTC).
    """

    write: Mapping[str, str] = field(default_factory=dict)
    remove: Collection[str] = ()
    dates: Mapping[str, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.write or self.remove or self.dates)

    @property
    def redated(self) -> Mapping[str, int]:
        """The dates of the files that stay."""
        return {path: date for path, date in self.dates.items() if path not in self.write}


@dataclass(frozen=True, slots=True)
class FileDates:
    """Dates of files by path, in seconds since 1970: as they are, and as they shall be.

    Of files that are not among the latter nothing is known, and their dates stay.
    """

    have: Mapping[str, float] = field(default_factory=dict)
    wanted: Mapping[str, int] = field(default_factory=dict)


_NO_DATES = FileDates()


def folder_change(
    have: Mapping[str, str],
    wanted: Mapping[str, str],
    *,
    damaged: Collection[str] = (),
    foreign: Collection[str] = (),
    dates: FileDates = _NO_DATES,
) -> FolderChange:
    """What makes a folder hold exactly `wanted`, both by path with the digest of the contents.

    `damaged` are files of `have` that are not any more what was written; `foreign` are files that
    somebody else put there and that shall go.
    """
    write = {
        path: digest
        for path, digest in wanted.items()
        if have.get(path) != digest or path in damaged
    }
    return FolderChange(
        write=write,
        remove=sorted((have.keys() | set(foreign)) - wanted.keys()),
        dates={
            path: date
            for path, date in dates.wanted.items()
            if path in write or (path in wanted and dates.have.get(path) != date)
        },
    )


def checked_path(path: str) -> str:
    """The path of a file of an archive, if it may be written below a folder.

    Archives are written with safe paths; this does not rely on it. Raises IntegrityError.
    """
    parts = path.split("/")
    unsafe = (
        any(part in {"", ".", ".."} for part in parts)
        or "\\" in path
        or any(ord(character) < ord(" ") for character in path)
        or parts[0].casefold() == OWN_FOLDER
    )
    if unsafe:
        raise IntegrityError(f"the archive has a file {path[:200]!r}, which must not be written")
    return path
