"""How far a listing has come that the exports are to be compared with."""

from datetime import datetime
from typing import Literal

from kili_export.contracts.base import Document


class PendingComparison(Document):
    """A listing that is under way.

    `parts` are the keys of the objects that hold what was listed so far. `about` is the version of
    the mark that asked for the comparison, None for the scheduled one. `offset`, `seen` and
    `recent` are where Kili's pages are gone on with (see domain.fetching.ListingPosition).
    """

    schema_version: Literal[1] = 1
    begun_at: datetime
    about: str | None = None
    parts: tuple[str, ...] = ()
    offset: int = 0
    seen: int = 0
    recent: tuple[str, ...] = ()
