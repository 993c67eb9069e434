"""The files of the archive that a full export replaces, as its ledger knows them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple

import orjson

from kili_export.archives.ledger.asset_ledger import (
    AssetRecord,
    FileRecord,
)
from kili_export.archives.ledger.path_conflicts import (
    grouped_by_name,
)
from kili_export.core.file_paths import folders_of
from kili_export.storage.external_sort import ExternalSorter

_END: Final = b"\0"


class _Kind(IntEnum):
    """Files of equal names, what gives way first."""

    MEDIUM = 0
    LABEL = 1
    SHARED = 2


class FormerFile(NamedTuple):
    """A file that readers have. `identity` tells whether it changed."""

    path: str
    identity: str
    asset_id: str | None


class FormerFiles:
    """Takes the assets in server order; gives the files by path. Kept in files."""

    def __init__(self) -> None:
        self._files = ExternalSorter()
        self._serial = 0

    def add(self, record: AssetRecord) -> None:
        """Takes in an asset as it was."""
        for medium in record.media:
            self._put(medium, _Kind.MEDIUM, record.asset_id)
        for member in record.members:
            self._put(member, _Kind.LABEL, record.asset_id)

    def add_shared(self, members: Iterable[FileRecord]) -> None:
        """Takes in the files that belonged to no asset."""
        for member in members:
            self._put(member, _Kind.SHARED, None)

    def __iter__(self) -> Iterator[FormerFile]:
        """Of equal names the last claim has a file, of media the first one; no folder's is one."""
        for group, is_folder in grouped_by_name(self._files):
            if is_folder:
                continue
            last = group[-1].partition(_END)
            is_medium = last[2][0] == _Kind.MEDIUM
            name, _, rest = group[0].partition(_END) if is_medium else last
            identity, asset_id = orjson.loads(rest[9:])
            yield FormerFile(name.decode(), identity, asset_id)

    def _put(self, file: FileRecord, kind: _Kind, asset_id: str | None) -> None:
        self._serial += 1
        rank = bytes((kind,)) + self._serial.to_bytes(8)
        meta = orjson.dumps((file.identity, asset_id))
        self._files.add(b"".join((file.path.encode(), _END, rank, meta)))


@dataclass(frozen=True, slots=True)
class FileDigest:
    """What is known of a file that comes: its SHA-256, what tells a change, whose it is."""

    sha256: str
    identity: str
    asset_id: str | None = None


def files_of(records: Iterable[AssetRecord], shared: Iterable[FileRecord]) -> dict[str, FileDigest]:
    """The files that an archive has, from its ledger in server order.

    The last claim has a name, of media the first one; nobody has that of a folder.
    """
    files: dict[str, FileDigest] = {}
    media: dict[str, FileDigest] = {}
    for record in records:
        for one in record.media:
            media.setdefault(one.path, FileDigest(one.sha256, one.identity, record.asset_id))
        for one in record.members:
            files[one.path] = FileDigest(one.sha256, one.identity, record.asset_id)
    files = {**media, **files}
    files.update({m.path: FileDigest(m.sha256, m.identity) for m in shared})
    folders = {folder for path in files for folder in folders_of(path)}
    return {path: digest for path, digest in files.items() if path not in folders}
