"""What has to change in a folder for it to equal an export, and which paths may be written."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from kili_export.core.errors import IntegrityError

OWN_FOLDER = ".kili-export"
"""The folder's own place, beside the files of the export."""


@dataclass(frozen=True, slots=True)
class FolderChange:
    """Files to write, by path with their digest, and files to remove first."""

    write: Mapping[str, str] = field(default_factory=dict)
    remove: Collection[str] = ()

    def __bool__(self) -> bool:
        return bool(self.write or self.remove)


def folder_change(
    have: Mapping[str, str],
    wanted: Mapping[str, str],
    *,
    damaged: Collection[str] = (),
    foreign: Collection[str] = (),
) -> FolderChange:
    """What makes a folder hold exactly `wanted`, both by path with the digest of the contents.

    `damaged` are files of `have` that are not any more what was written; `foreign` are files that
    somebody else put there and that shall go.
    """
    return FolderChange(
        write={
            path: digest
            for path, digest in wanted.items()
            if have.get(path) != digest or path in damaged
        },
        remove=sorted((have.keys() | set(foreign)) - wanted.keys()),
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
