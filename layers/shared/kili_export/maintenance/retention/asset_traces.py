"""Which stored objects hold something of an asset, as far as it is known of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from kili_export.splicing.central_directory import Directory


@dataclass(frozen=True, slots=True)
class Trace:
    """An archive or a delta that is stored.

    `names_asset` tells that its own list names the asset; `has_shared` that it holds files made
    of all assets, such as COCO's labels.json, so that only the ledger beside it can tell.
    """

    key: str
    names_asset: bool
    has_shared: bool


def tainted(
    traces: Iterable[Trace], ledgers: Mapping[str, bool], vouched: Mapping[str, bool]
) -> list[str]:
    """The keys of what holds something of the asset, or may.

    `ledgers` tells of each stored ledger whether it knows the asset, by the ledger's file name
    without its ending: archive, delta and ledger of one generation have the same. `vouched` tells
    it of objects that a snapshot names together with its ledger.
    """
    return [
        trace.key
        for trace in traces
        if trace.names_asset
        or (
            trace.has_shared
            and vouched.get(trace.key, ledgers.get(PurePosixPath(trace.key).stem, True))
        )
    ]


def owns_entries(directory: Directory, asset_id: str) -> bool:
    """Whether an archive has files that belong to the asset."""
    owner = asset_id.encode()
    return any(owner in records for records in directory.slices(0, len(directory.raw))) and any(
        record.owner == asset_id for record in directory.records()
    )
