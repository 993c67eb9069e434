"""What the directory of an archive says about one entry."""

from dataclasses import dataclass
from typing import Final

from kili_export.core.dos_time import FORMER_DATE

STORED: Final = 0
DEFLATED: Final = 8


@dataclass(frozen=True, slots=True)
class Record:
    """One entry: where it is and what it must decode to.

    `owner` is the id of the asset that it belongs to, empty for shared files. `method` is STORED
    or DEFLATED. `offset` is that of its local header, `local_length` counts header and payload.
    Sizes are in bytes. `modified` is the file's date (`dos_time`).
    """

    path: str
    owner: str
    crc32: int
    size: int
    compressed_size: int
    method: int
    offset: int
    local_length: int
    modified: int = FORMER_DATE

    @property
    def end(self) -> int:
        """The offset after the entry's last byte."""
        return self.offset + self.local_length

    @property
    def payload_start(self) -> int:
        """The offset of the entry's payload."""
        return self.end - self.compressed_size
