"""What readers cannot do, whoever wrote the archive. Each limit is tried, and must be real."""

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
    Limit("advzip", ("empty",), "refused", "deletes an archive without files"),
)


def by_cell(limits: tuple[Limit, ...] = LIMITS) -> Mapping[tuple[str, str], Limit]:
    """The limits by reader and kind."""
    return {(one.reader, kind): one for one in limits for kind in one.kinds}
