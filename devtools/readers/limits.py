"""What readers cannot do with any archive. Each limit is tried, and must be real."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Limit:
    """Kinds of archive that a reader does not take, and why: in a cell's width, and in full."""

    reader: str
    kinds: tuple[str, ...]
    label: str
    reason: str


_ZIPIMPORT: Final = ("Python zipimport",) if sys.version_info < (3, 13) else ()
"""Python 3.13 has brought ZIP64 for it."""
_EMPTY: Final = "refuses an archive without files"

LIMITS: Final[tuple[Limit, ...]] = (
    *(
        Limit(reader, ("empty",), "refused", _EMPTY)
        for reader in (
            "Info-ZIP unzip",
            "minizip",
            "zziplib",
            "Perl IO::Uncompress",
            "R unzip",
            "fsspec zip:// on S3",
        )
    ),
    *(
        Limit(reader, ("70,000", "4 GiB"), "no ZIP64", "it does not do ZIP64")
        for reader in ("zziplib", "advzip", *_ZIPIMPORT)
    ),
    *(
        Limit(reader, ("4 GiB",), "no ZIP64", "it does not do ZIP64 for offsets")
        for reader in ("BusyBox unzip", "unar", "minizip")
    ),
    *(
        Limit(reader, ("4 GiB",), "2 GiB", "it wants the archive in one buffer, at most 2 GiB")
        for reader in ("Node adm-zip", "Node jszip", "Node fflate unzipSync")
    ),
    Limit("advzip", ("empty",), "refused", "deletes an archive without files"),
)


def by_cell(limits: tuple[Limit, ...] = LIMITS) -> Mapping[tuple[str, str], Limit]:
    """The limits by reader and kind."""
    return {(one.reader, kind): one for one in limits for kind in one.kinds}
