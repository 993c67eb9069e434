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
class LocatedClaim:
    """A claim, and where its contents are."""

    claim: PathClaim
    origin: Origin


@dataclass(frozen=True, slots=True)
class PathDecision:
    """Who has a name from now on. `winner` is None when nobody claims it, or it is a folder's."""

    path: str
    winner: LocatedClaim | None
    losers: tuple[LocatedClaim, ...]

    @property
    def contested(self) -> bool:
        """Whether the name must be remembered, because some who claim it do not have it."""
        return bool(self.losers)


def standing_claims(
    stored: PathConflict | None, holder: PathClaim | None
) -> dict[str, LocatedClaim]:
    """The claims to a name before the run, by asset.

    `stored` is what the ledger remembers of a contested name, `holder` the claim of the asset
    that alone has it otherwise.
    """
    if stored is not None:
        return {
            claim.asset_id: LocatedClaim(
                claim, Origin.ARCHIVE if claim.payload is None else Origin.LEDGER
            )
            for claim in stored.claims
        }
    return {} if holder is None else {holder.asset_id: LocatedClaim(holder, Origin.ARCHIVE)}


def settle(
    path: str,
    standing: Mapping[str, LocatedClaim],
    changed: Iterable[str],
    claims: Mapping[str, PathClaim],
    *,
    is_folder: bool = False,
) -> PathDecision:
    """Decides a name again after `changed` assets changed, of which `claims` claim it now.

    A changed asset whose contents are what they were keeps what is stored of it. `is_folder`:
    other files are in a folder of that name, so that nobody has it.
    """
    current = dict(standing)
    for asset_id in changed:
        before = current.pop(asset_id, None)
        claim = claims.get(asset_id)
        if claim is None:
            continue
        same = before is not None and before.claim.identity == claim.identity
        current[asset_id] = (
            LocatedClaim(before.claim, before.origin)
            if same and before
            else LocatedClaim(claim, Origin.CONVERSION)
        )
    ranked = _ranked(current.values())
    if is_folder or not ranked:
        return PathDecision(path, None, tuple(ranked))
    return PathDecision(path, ranked[-1], tuple(ranked[:-1]))


def _ranked(candidates: Iterable[LocatedClaim]) -> list[LocatedClaim]:
    """The winner is last. A label file is written over whatever was downloaded before."""
    ordered = sorted(candidates, key=lambda one: one.claim.precedence)
    media = [one for one in reversed(ordered) if one.claim.media]
    return media + [one for one in ordered if not one.claim.media]


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
