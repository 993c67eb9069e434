"""All file names that assets of a full export claim, and who gets each. Kept in files."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import orjson

from kili_export.archives.ledger.asset_ledger import PathClaim, PathConflict, claim_entry_name
from kili_export.archives.ledger.contested_paths import ConflictNote, contest_entry_name
from kili_export.archives.ledger.path_conflicts import grouped_by_name, settle
from kili_export.core.errors import IntegrityError
from kili_export.splicing.assembly import VirtualArchive
from kili_export.splicing.central_directory import Directory
from kili_export.splicing.entries import Entry, entry_from_raw
from kili_export.splicing.entry_record import Record
from kili_export.splicing.numbers import offset_of, put_offset
from kili_export.splicing.regions import Gap, Region
from kili_export.splicing.zip_headers import decode_record, encode_name, encode_record, record_span
from kili_export.steps.publishing.assets.converted_assets import LocatedMember
from kili_export.storage.external_sort import ExternalSorter, SpooledItems
from kili_export.storage.object_store import ObjectStore
from kili_export.storage.spool import Spool

_END: Final = b"\0"
_META: Final = struct.Struct(">I")


class NamedFile(NamedTuple):
    """A file that has its name. `raw` is its directory record, offsets counted in the assembly.

    Files that are not in there have none.
    """

    path: str
    sha256: str
    identity: str
    asset_id: str
    raw: bytes


class _Claimed(NamedTuple):
    region: int
    sha256: str
    identity: str
    asset_id: str
    order_key: str
    size: int
    kept: bool = False
    """The bytes are with the claim, where others have the record of an entry."""


@dataclass(slots=True)
class FullPathConflicts:
    """Takes claims as they come; `settle_all` then decides about every name."""

    objects: ObjectStore
    assembly: VirtualArchive = field(default_factory=VirtualArchive)
    claims: ExternalSorter = field(default_factory=ExternalSorter)
    """What the ledger is to remember and to tell of contested names: entry name, NUL, contents."""
    gaps: list[Gap] = field(default_factory=list)
    """The entries in the assembly that do not have their name."""
    lost: int = 0
    """How many files do not have their name, also of those that are not in the assembly."""
    restored: list[tuple[Region, Entry]] = field(default_factory=list)
    """Files that have their name again, which the ledger kept. They are not in the assembly."""
    count: int = 0
    size: int = 0
    """Of all files that have their name, uncompressed, in bytes."""
    _names: ExternalSorter = field(default_factory=ExternalSorter)
    _records: Spool = field(default_factory=Spool)
    _named: SpooledItems = field(default_factory=SpooledItems)

    def add(self, file: LocatedMember, asset_id: str, order_key: str) -> None:
        """Takes in a file that an asset claims, and gives it a place."""
        record = file.member.record
        at = self.assembly.place(file.region, file.source, file.start, record.local_length)
        claimed = _Claimed(
            int(file.region),
            file.member.sha256,
            file.member.identity,
            asset_id,
            order_key,
            record.size,
        )
        raw = encode_record(_at(record, at, asset_id))
        self._names.add(_pack(encode_name(record.path), claimed, raw))

    def keep(self, path: str, claim: PathClaim) -> None:
        """Takes in a claim that comes with its contents: it lost its name before."""
        claimed = _Claimed(
            int(Region.MEDIA if claim.media else Region.LABELS),
            claim.sha256,
            claim.identity,
            claim.asset_id,
            claim.order_key,
            claim.size,
            kept=True,
        )
        contents = PathConflict(path, (claim,)).to_bytes()
        self._names.add(_pack(encode_name(path), claimed, contents))

    def settle_all(self) -> None:
        """Decides who has which name, once all claims were taken in. Raises IntegrityError."""
        self._names.settle()
        regions = self.assembly.regions
        begins = {int(region): regions.span(region)[0] for region in Region}
        placed = 0
        for group, is_folder in grouped_by_name(self._names):
            claims = [_placed(item, begins) for item in group]
            alone = len(claims) == 1 and not is_folder
            winner = claims[0] if alone else self._contest(claims, is_folder=is_folder)
            if winner is None:
                continue
            name, claimed, raw = winner
            self.size += claimed.size
            if claimed.kept:
                self.restored.append(_restored(claimed, raw))
                self._named.add(_pack(name, claimed, b""))
                continue
            self.count += 1
            self._records.write(raw)
            self._named.add(_pack(name, claimed, raw))
            placed += record_span(raw, 0).local_length
        placed += sum(gap.length for gap in self.gaps)
        if placed != regions.documents_end:
            raise IntegrityError("an asset claims one file name twice")

    @property
    def directory(self) -> Directory:
        """The entries that have their name, by name, as they stand in the assembly."""
        return Directory(self._records, self.count)

    def named(self) -> Iterator[NamedFile]:
        """Every file that has its name, by name."""
        for item in self._named:
            name, claimed, raw = _unpack(item)
            yield NamedFile(name.decode(), claimed.sha256, claimed.identity, claimed.asset_id, raw)

    def _contest(
        self, claims: list[tuple[bytes, _Claimed, bytes]], *, is_folder: bool
    ) -> tuple[bytes, _Claimed, bytes] | None:
        path = claims[0][0].decode()
        by_asset = {claimed.asset_id: (name, claimed, raw) for name, claimed, raw in claims}
        current = {
            asset_id: PathClaim(
                asset_id,
                claimed.order_key,
                claimed.sha256,
                claimed.identity,
                media=claimed.region == Region.MEDIA,
            )
            for asset_id, (_, claimed, _) in by_asset.items()
        }
        settled = settle(path, {}, by_asset, current, is_folder=is_folder)
        remembered = [self._kept_aside(lost.claim, by_asset) for lost in settled.losers]
        self.lost += len(remembered)
        winner = settled.winner.claim if settled.winner else None
        if winner is not None:
            remembered.append(winner)
        claimed = PathConflict(path, tuple(remembered))
        for entry, contents in (
            (claim_entry_name(path), claimed.to_bytes()),
            (contest_entry_name(path), ConflictNote.of(claimed).to_bytes()),
        ):
            self.claims.add(b"".join((entry.encode(), _END, contents)))
        return None if winner is None else by_asset[winner.asset_id]

    def _kept_aside(
        self, claim: PathClaim, by_asset: dict[str, tuple[bytes, _Claimed, bytes]]
    ) -> PathClaim:
        """A claim that lost, with its contents, which leave a gap."""
        _, claimed, raw = by_asset[claim.asset_id]
        if claimed.kept:
            return PathConflict.from_bytes(raw).claims[0]
        record = decode_record(raw, 0)
        self.gaps.append(Gap(record.offset, record.local_length))
        payload = b"".join(
            self.objects.get_range(
                piece.source.key, piece.start, piece.length, if_match=piece.source.etag
            )
            for piece in self.assembly.pieces(record.payload_start, record.compressed_size)
        )
        return PathClaim(
            claim.asset_id,
            claim.order_key,
            claim.sha256,
            claim.identity,
            crc32=record.crc32,
            size=record.size,
            method=record.method,
            payload=payload,
            media=claim.media,
            modified=record.modified,
        )


def _at(record: Record, offset: int, owner: str) -> Record:
    return Record(
        record.path,
        owner,
        record.crc32,
        record.size,
        record.compressed_size,
        record.method,
        offset,
        record.local_length,
        record.modified,
    )


def _restored(claimed: _Claimed, contents: bytes) -> tuple[Region, Entry]:
    """The entry around what a claim keeps."""
    named = PathConflict.from_bytes(contents)
    (claim,) = named.claims
    entry = entry_from_raw(
        named.path,
        claim.payload or b"",
        method=claim.method,
        crc32=claim.crc32,
        size=claim.size,
        owner=claim.asset_id,
        modified=claim.modified,
    )
    return Region(claimed.region), entry


def _pack(name: bytes, claimed: _Claimed, raw: bytes) -> bytes:
    meta = orjson.dumps(tuple(claimed))
    return b"".join((name, _END, _META.pack(len(meta)), meta, raw))


def _unpack(item: bytes) -> tuple[bytes, _Claimed, bytes]:
    name, _, rest = item.partition(_END)
    (length,) = _META.unpack_from(rest, 0)
    end = _META.size + length
    return name, _Claimed(*orjson.loads(rest[_META.size : end])), rest[end:]


def _placed(item: bytes, begins: dict[int, int]) -> tuple[bytes, _Claimed, bytes]:
    """A claim, its record's offset counted from the assembly's first byte."""
    name, claimed, raw = _unpack(item)
    if claimed.kept:
        return name, claimed, raw
    moved = bytearray(raw)
    offset = offset_of(moved, 0, len(moved))
    put_offset(moved, 0, len(moved), offset + begins[claimed.region])
    return name, claimed, bytes(moved)
