"""The assets' new records: numbers filled in, and what did not change kept as it was."""

from collections.abc import Iterable, Mapping

from kili_export.archives.ledger.asset_ledger import AssetRecord, FileRecord, FragmentRecord
from kili_export.core.errors import IntegrityError
from kili_export.runs.segment_records import ConvertedAsset
from kili_export.steps.publishing.assets.numbering import Numbering


def new_records(
    converted: Iterable[ConvertedAsset],
    old: Mapping[str, AssetRecord],
    stood: Mapping[str, AssetRecord],
    numbering: Numbering,
) -> dict[str, AssetRecord]:
    """The records of converted assets, numbered in server order.

    Contents that differ only by what differs on every fetch count as unchanged: the old ones
    stay. `stood` are the records of before, whose media stay where they were not fetched again.
    """
    ordered = sorted(converted, key=lambda asset: (asset.order_key, asset.asset_id))
    return {
        asset.asset_id: record_of(
            asset, old.get(asset.asset_id), stood.get(asset.asset_id), numbering
        )
        for asset in ordered
    }


def record_of(
    asset: ConvertedAsset,
    old: AssetRecord | None,
    stood: AssetRecord | None,
    numbering: Numbering,
) -> AssetRecord:
    """The record of one converted asset; `old` and `stood` as in `new_records`."""
    kept_members = {member.path: member for member in old.members} if old else {}
    kept_fragments = {fragment.stream: fragment for fragment in old.fragments} if old else {}
    fragments, ids = numbering.fill(asset.fragments, old.ids if old else {})
    return AssetRecord(
        asset_id=asset.asset_id,
        order_key=asset.order_key,
        external_id=asset.external_id,
        fingerprint=asset.fingerprint,
        members=tuple(
            _same_or(
                kept_members.get(member.record.path),
                FileRecord(member.record.path, member.sha256, member.identity),
            )
            for member in asset.members
        ),
        fragments=tuple(
            _same_fragment_or(kept_fragments.get(fragment.stream), fragment)
            for fragment in fragments
        ),
        ids=ids,
        losses=asset.losses,
        exported=asset.exported,
        media=_media(asset, old, stood),
        known_media=asset.media.known if asset.media else None,
        left_out=asset.left_out,
        moments=asset.moments,
        reviewed=asset.reviewed,
        objects=asset.objects,
    )


def _media(
    asset: ConvertedAsset, old: AssetRecord | None, stood: AssetRecord | None
) -> tuple[FileRecord, ...]:
    if asset.media is None:
        return ()
    if asset.media.fetched is None:
        if stood is None or stood.known_media != asset.media.known:
            raise IntegrityError(f"the media of {asset.asset_id} are not those that were known")
        return stood.media
    kept = {member.path: member for member in old.media} if old else {}
    return tuple(
        _same_or(kept.get(one.record.path), FileRecord(one.record.path, one.sha256, one.identity))
        for one in asset.media.fetched
    )


def _same_or(kept: FileRecord | None, new: FileRecord) -> FileRecord:
    return kept if kept is not None and kept.identity == new.identity else new


def _same_fragment_or(kept: FragmentRecord | None, new: FragmentRecord) -> FragmentRecord:
    return kept if kept is not None and kept.identity == new.identity else new
