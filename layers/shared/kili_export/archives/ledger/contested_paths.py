"""Notes who claims a file name and does not have it, for the report of losses.

The ledger keeps this beside the claims, which bear the contents of the files: reading those again
to write a report would cost as much as the files are large. `path_conflicts.py` decides.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import orjson

from kili_export.archives.ledger.asset_ledger import PathConflict, entry_name
from kili_export.core.errors import IntegrityError

CONTESTS: Final = "contests/"
_ANOTHER: Final = "another asset's file has the name of this one, which is not in the archive"
_FOLDER: Final = "a folder of other assets has the name of this file, which is not in the archive"


@dataclass(frozen=True, slots=True)
class ConflictNote:
    """A file name, the asset that has it (None: a folder has), and those that do not.

    `losers` are pairs of id and order key.
    """

    path: str
    winner: str | None
    losers: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, claimed: PathConflict) -> "ConflictNote":
        """What is reported of the claims to a name."""
        lost = [claim for claim in claimed.claims if claim.payload is not None]
        has = next((one.asset_id for one in claimed.claims if one.payload is None), None)
        return cls(claimed.path, has, tuple((one.asset_id, one.order_key) for one in lost))

    def losses(self) -> Iterator[tuple[str, tuple[str, str]]]:
        """The ledger's name for each asset that loses a file, with the reason and the place."""
        if self.winner is None:
            loss = (_FOLDER, self.path)
        else:
            loss = (_ANOTHER, f"{self.path} (asset {self.winner})")
        for asset_id, order_key in self.losers:
            yield entry_name(order_key, asset_id), loss

    def to_bytes(self) -> bytes:
        """The entry's contents."""
        return orjson.dumps([self.path, self.winner, self.losers])

    @classmethod
    def from_bytes(cls, data: bytes) -> "ConflictNote":
        """Reads what `to_bytes` wrote. Raises IntegrityError."""
        try:
            path, winner, losers = orjson.loads(data)
            return cls(path, winner, tuple((asset_id, order) for asset_id, order in losers))
        except (ValueError, TypeError) as error:
            raise IntegrityError("a contested name of the ledger cannot be read") from error


def contest_entry_name(path: str) -> str:
    """The ledger's name for what it tells of a contested file name."""
    return f"{CONTESTS}{hashlib.sha256(path.encode()).hexdigest()}.json"
