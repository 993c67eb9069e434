"""File names that several assets claim: who gets the name, and whose contents are kept aside.

The export that is reproduced writes its files one asset after another, in the server's order:
of two assets that claim one name, the last one keeps it; of media, which it does not download
again when a file of that name is there, the first one. Nobody keeps the name of a folder that
other files are in. An increment must come to the same result whichever of them changes, so a
claim that lost is remembered with its contents.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from kili_export.archives.ledger.asset_ledger import PathClaim, PathConflict
from kili_export.core.file_paths import named_like_folders
from kili_export.storage.external_sort import ExternalSorter, grouped


class Origin(Enum):
    """Where a claim's contents are."""

    ARCHIVE = "the archive's own entry of that name"
    LEDGER = "the payload that the ledger keeps"
    CONVERSION = "what this run converted"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A claim, and where its contents are."""

    claim: PathClaim
    origin: Origin


@dataclass(frozen=True, slots=True)
class PathDecision:
    """Who has a name from now on. `winner` is None when nobody claims it, or it is a folder's."""

    path: str
    winner: Candidate | None
    losers: tuple[Candidate, ...]

    @property
    def contested(self) -> bool:
        """Whether the name must be remembered, because some who claim it do not have it."""
        return bool(self.losers)


def standing_bids(stored: PathConflict | None, holder: PathClaim | None) -> dict[str, Candidate]:
    """The claims to a name before the run, by asset.

    `stored` is what the ledger remembers of a contested name, `holder` the claim of the asset
    that alone has it otherwise.
    """
    if stored is not None:
        return {
            claim.asset_id: Candidate(
                claim, Origin.ARCHIVE if claim.payload is None else Origin.LEDGER
            )
            for claim in stored.claims
        }
    return {} if holder is None else {holder.asset_id: Candidate(holder, Origin.ARCHIVE)}


def settle(
    path: str,
    standing: Mapping[str, Candidate],
    changed: Iterable[str],
    bids: Mapping[str, PathClaim],
    *,
    is_folder: bool = False,
) -> PathDecision:
    """Decides a name again after `changed` assets changed, of which `bids` claim it now.

    A changed asset whose contents are what they were keeps what is stored of it. `is_folder`:
    other files are in a folder of that name, so that nobody has it.
    """
    current = dict(standing)
    for asset_id in changed:
        before = current.pop(asset_id, None)
        claim = bids.get(asset_id)
        if claim is None:
            continue
        same = before is not None and before.claim.identity == claim.identity
        current[asset_id] = (
            Candidate(before.claim, before.origin)
            if same and before
            else Candidate(claim, Origin.CONVERSION)
        )
    ranked = _ranked(current.values())
    if is_folder or not ranked:
        return PathDecision(path, None, tuple(ranked))
    return PathDecision(path, ranked[-1], tuple(ranked[:-1]))


def _ranked(bids: Iterable[Candidate]) -> list[Candidate]:
    """The bids, the winner last. A label file is written over whatever was downloaded before."""
    ordered = sorted(bids, key=lambda bid: bid.claim.precedence)
    media = [bid for bid in reversed(ordered) if bid.claim.media]
    return media + [bid for bid in ordered if not bid.claim.media]


_END: Final = b"\0"


def grouped_by_name(items: ExternalSorter) -> Iterator[tuple[list[bytes], bool]]:
    """Items of one name together, and whether a folder of that name has other files in it.

    Each item begins with its name and a NUL. They are read twice, because what is in a folder
    may come long after its name.
    """
    like_folders = ExternalSorter()
    for name in named_like_folders(map(_name, items)):
        like_folders.add(name)
    remaining = iter(like_folders)
    folder = next(remaining, None)
    for group in grouped(items, _name):
        is_folder = _name(group[0]) == folder
        if is_folder:
            folder = next(remaining, None)
        yield group, is_folder


def _name(item: bytes) -> bytes:
    return item.partition(_END)[0]
