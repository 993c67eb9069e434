"""Settles who has which file name after a run, and what that does to archive and ledger."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from kili_export.archives.ledger.archive_files import FileDigest
from kili_export.archives.ledger.asset_ledger import (
    AssetRecord,
    PathClaim,
    PathConflict,
    claim_entry_name,
)
from kili_export.archives.ledger.contested_paths import ConflictNote, contest_entry_name
from kili_export.archives.ledger.ledger_reader import LedgerReader
from kili_export.archives.ledger.path_conflicts import (
    LocatedClaim,
    Origin,
    PathDecision,
    settle,
    standing_claims,
)
from kili_export.core.errors import IntegrityError
from kili_export.core.file_paths import folders_of
from kili_export.runs.segment_records import ConvertedMedium, ConvertedMember
from kili_export.splicing.entries import Entry, entry_from_raw
from kili_export.splicing.regions import Region
from kili_export.steps.publishing.assets.converted_assets import LocatedAsset, LocatedMember
from kili_export.steps.publishing.increment.base_files import BaseFiles
from kili_export.storage.object_store import ObjectStore


@dataclass(slots=True)
class PathChanges:
    """Files that go, come from conversions, or come back from the ledger; claims to remember.

    `digests` describes every file that comes, and `folders` are those that such files are in. Of
    the touched paths those may be folders of other files that are `known_folders`.
    `claims` maps a ledger entry to its new contents, None to remove it. `lost` is how many files
    more than before are claimed and not there; with `tells_otherwise` others are.
    """

    removed: set[str] = field(default_factory=set)
    located: list[LocatedMember] = field(default_factory=list)
    restored: list[tuple[Region, Entry]] = field(default_factory=list)
    digests: dict[str, FileDigest] = field(default_factory=dict)
    claims: dict[str, bytes | None] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    known_folders: frozenset[str] = frozenset()
    lost: int = 0
    tells_otherwise: bool = False


@dataclass(frozen=True, slots=True)
class IncrementPathConflicts:
    """Decides about the names that a run touches.

    `files` and `ledger` are what stands before the run; media that were known are in there.
    """

    objects: ObjectStore
    files: BaseFiles
    ledger: LedgerReader
    located: Mapping[str, LocatedAsset]

    def settle_all(
        self, old: Mapping[str, AssetRecord], new: Mapping[str, AssetRecord], gone: Iterable[str]
    ) -> PathChanges:
        """The consequences of assets having their `new` records and of `gone` assets leaving."""
        touched = _touched_names(old, new, gone)
        changes = PathChanges()
        folders = {folder for path in touched for folder in folders_of(path)}
        self.files.expect({*touched, *folders})
        remembered = self.ledger.claimed_of({*touched, *folders})
        for folder in folders:
            if folder in remembered or self._is_owned(folder):
                touched.setdefault(folder, set())
        changes.known_folders = self.files.published.folders_of(touched)
        holders = self._holders(touched.keys() - remembered.keys(), old)
        # What is in a folder comes before it, and decides whether a file may be called like it.
        for path in sorted(touched, reverse=True):
            stored = remembered.get(path)
            standing = standing_claims(stored, holders.get(path))
            self._settle(path, touched[path], stored, standing, new, changes)
        return changes

    def _settle(
        self,
        path: str,
        assets: set[str],
        stored: PathConflict | None,
        standing: Mapping[str, LocatedClaim],
        new: Mapping[str, AssetRecord],
        changes: PathChanges,
    ) -> None:
        current = {
            asset_id: claim
            for asset_id in assets
            if asset_id in new and (claim := self._claim(path, new[asset_id])) is not None
        }
        is_folder = self._is_folder(path, changes)
        settled = settle(path, standing, assets, current, is_folder=is_folder)
        self._apply(settled, changes)
        claimed = self._claimed(settled) if settled.contested else None
        if claimed is not None or stored is not None:
            entry = claim_entry_name(path)
            changes.claims[entry] = None if claimed is None else claimed.to_bytes()
            self._tell(path, stored, claimed, changes)

    def _claimed(self, settled: PathDecision) -> PathConflict:
        """What is to be remembered of a name that some who claim it do not have."""
        claims = [self._kept_aside(settled.path, lost) for lost in settled.losers]
        if settled.winner is not None:
            claims.append(replace(settled.winner.claim, payload=None))
        return PathConflict(settled.path, tuple(claims))

    def _tell(
        self,
        path: str,
        stored: PathConflict | None,
        claimed: PathConflict | None,
        changes: PathChanges,
    ) -> None:
        """Notes for the report who does not have the name."""
        entry = contest_entry_name(path)
        # Ledgers of former versions have claims without a note.
        noted = stored is not None and self.ledger.has(entry)
        before = ConflictNote.of(stored) if stored is not None and noted else None
        after = None if claimed is None else ConflictNote.of(claimed)
        changes.lost += len(after.losers if after else ()) - len(before.losers if before else ())
        if before != after:
            changes.tells_otherwise = True
            changes.claims[entry] = None if after is None else after.to_bytes()

    def _apply(self, settled: PathDecision, changes: PathChanges) -> None:
        path, winner = settled.path, settled.winner
        if winner is None:
            if path in self.files:
                changes.removed.add(path)
            return
        if winner.origin is Origin.ARCHIVE:
            return
        claim = winner.claim
        changes.folders.update(folders_of(path))
        changes.digests[path] = FileDigest(claim.sha256, claim.identity, claim.asset_id)
        if winner.origin is Origin.CONVERSION:
            changes.located.append(self._located(path, claim))
        else:
            changes.restored.append((_region(claim), _restored(path, claim)))

    def _is_owned(self, path: str) -> bool:
        """Whether an asset has a file of that name."""
        file = self.files.find(path)
        return file is not None and file.asset_id is not None

    def _is_folder(self, path: str, changes: PathChanges) -> bool:
        """Whether files are in a folder of that name, once all below it was decided."""
        if path in changes.folders:
            return True
        return path in changes.known_folders and any(
            file.path not in changes.removed for file in self.files.published.scan(f"{path}/")
        )

    def _holders(
        self, paths: Iterable[str], old: Mapping[str, AssetRecord]
    ) -> dict[str, PathClaim]:
        """The claims of the assets whose files are in the archive under these names.

        Owners that the run does not touch are looked for together.
        """
        found = {path: file for path in paths if (file := self.files.find(path)) is not None}
        owners = {path: file.asset_id or "" for path, file in found.items()}
        others = self.ledger.find(dict.fromkeys(set(owners.values()) - old.keys()))
        return {
            path: self._held(path, old.get(owner) or others.get(owner))
            for path, owner in owners.items()
        }

    def _held(self, path: str, owner: AssetRecord | None) -> PathClaim:
        claim = self._claim(path, owner) if owner else None
        if claim is None:
            raise IntegrityError(f"the archive has {path!r}, the ledger does not know it")
        return claim

    def _claim(self, path: str, record: AssetRecord) -> PathClaim | None:
        for place, one in enumerate(record.files):
            if one.path == path:
                return PathClaim(
                    record.asset_id,
                    record.order_key,
                    one.sha256,
                    one.identity,
                    media=place >= len(record.members),
                )
        return None

    def _located(self, path: str, claim: PathClaim) -> LocatedMember:
        located = self.located[claim.asset_id]
        if claim.media:
            return self._located_medium(path, claim, located)
        asset = located.asset
        member = _member(located, path)
        return LocatedMember(
            member=member,
            source=located.source,
            start=located.start + member.record.offset,
            position=(asset.order_key, asset.asset_id, member.record.offset),
        )

    def _located_medium(self, path: str, claim: PathClaim, located: LocatedAsset) -> LocatedMember:
        """Where a media file stands: in an object of its batch, or in the archive."""
        medium = _fetched(located, path)
        if medium is not None:
            record, source = medium.record, located.media[medium.object_index]
            start = record.offset
        else:
            found = self.files.find(path)
            if found is None or found.asset_id != claim.asset_id:
                raise IntegrityError(f"the archive does not have {path!r} of its asset")
            record, source = found.record, self.files.source(found)
            start = record.offset
        return LocatedMember(
            member=ConvertedMember(record, claim.sha256, claim.identity),
            source=source,
            start=start,
            position=(claim.order_key, claim.asset_id, record.offset),
            region=Region.MEDIA,
        )

    def _kept_aside(self, path: str, lost: LocatedClaim) -> PathClaim:
        """A claim that lost, with its contents."""
        if lost.origin is Origin.LEDGER:
            return lost.claim
        if lost.origin is Origin.CONVERSION:
            located = self._located(path, lost.claim)
            record = located.member.record
            payload = self.objects.get_range(
                located.source.key,
                located.start + record.local_length - record.compressed_size,
                record.compressed_size,
                if_match=located.source.etag,
            )
        else:
            found = self.files.find(path)
            if found is None:
                raise IntegrityError(f"the archive does not have {path!r}, which the ledger knows")
            record, payload = found.record, self.files.payload(found)
        return PathClaim(
            asset_id=lost.claim.asset_id,
            order_key=lost.claim.order_key,
            sha256=lost.claim.sha256,
            identity=lost.claim.identity,
            crc32=record.crc32,
            size=record.size,
            method=record.method,
            payload=payload,
            media=lost.claim.media,
            modified=record.modified,
        )


def _touched_names(
    old: Mapping[str, AssetRecord], new: Mapping[str, AssetRecord], gone: Iterable[str]
) -> dict[str, set[str]]:
    """Names whose claims changed, each with the assets of which they did."""
    touched: dict[str, set[str]] = {}
    for asset_id in {*new, *gone}:
        before, after = old.get(asset_id), new.get(asset_id)
        moved = before is not None and after is not None and before.order_key != after.order_key
        had = {m.path: m.identity for m in before.files} if before else {}
        has = {m.path: m.identity for m in after.files} if after else {}
        for path in {*had, *has}:
            if moved or had.get(path) != has.get(path):
                touched.setdefault(path, set()).add(asset_id)
    return touched


def _member(located: LocatedAsset, path: str) -> ConvertedMember:
    for member in located.asset.members:
        if member.record.path == path:
            return member
    raise IntegrityError(f"no conversion of {path!r} for asset {located.asset.asset_id}")


def _fetched(located: LocatedAsset, path: str) -> ConvertedMedium | None:
    media = located.asset.media
    fetched = media.fetched if media is not None else None
    return next((one for one in fetched or () if one.record.path == path), None)


def _region(claim: PathClaim) -> Region:
    return Region.MEDIA if claim.media else Region.LABELS


def _restored(path: str, claim: PathClaim) -> Entry:
    if claim.payload is None:
        raise IntegrityError(f"the ledger keeps no contents of {path!r} for {claim.asset_id}")
    return entry_from_raw(
        path,
        claim.payload,
        method=claim.method,
        crc32=claim.crc32,
        size=claim.size,
        owner=claim.asset_id,
        modified=claim.modified,
    )
