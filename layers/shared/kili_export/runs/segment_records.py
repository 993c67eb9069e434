"""What a conversion leaves for the aggregation: an asset's entries and what is known of them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from kili_export.core.asset import FetchedAsset
from kili_export.core.errors import IntegrityError
from kili_export.core.file_dates import Moments, date_of, dated_identity
from kili_export.core.media import KnownMedia
from kili_export.core.object_counts import AssetObjects
from kili_export.formats.common.format import Conversion, Fragment, IdSlot, Member
from kili_export.splicing.entries import encode_entry
from kili_export.splicing.entry_record import Record

_UNTOLD: Final[list[Any]] = [False, (), None, None]
"""`left_out`, `moments`, `reviewed` and `objects` of an asset, where a line does not have them."""
_RECORD_NUMBERS: Final = (6, 7)
"""How many numbers a record has: version 0.1 gave no date."""


@dataclass(frozen=True, slots=True)
class ConvertedMember:
    """A file as an archive's entry; `record.offset` counts from the segment's first byte.

    `identity` is the digest that tells whether the contents or the date changed.
    """

    record: Record
    sha256: str
    identity: str


@dataclass(frozen=True, slots=True)
class ConvertedMedium:
    """A media file as an archive's entry in one of the media objects of its batch.

    `object_index` counts the export's media objects; `record.offset` counts from the first byte
    of that one.
    """

    record: Record
    sha256: str
    identity: str
    object_index: int


@dataclass(frozen=True, slots=True)
class AssetMedia:
    """An asset's media: those that were fetched now, or none of them when all were known."""

    known: KnownMedia
    fetched: tuple[ConvertedMedium, ...] | None


@dataclass(frozen=True, slots=True)
class PendingFragment:
    """An asset's share of a spanning document, its numbers not yet filled in.

    `identity` tells whether it or the moments of its labels changed.
    """

    stream: str
    template: tuple[str | IdSlot, ...]
    identity: str


@dataclass(frozen=True, slots=True)
class ConvertedAsset:
    """One asset in one export. It is `exported` when the export holds labels of it.

    `left_out`: the export's filters on the server do not let it through, whatever its labels.
    `moments` are what the documents that it has a share in are dated by. `reviewed` is None where
    nobody counts, or the export does not ask for the asset. `objects` is None where the export
    holds nothing of it, and in lines of former versions.
    """

    asset_id: str
    order_key: str
    external_id: str
    fingerprint: str
    exported: bool = False
    members: tuple[ConvertedMember, ...] = ()
    fragments: tuple[PendingFragment, ...] = ()
    losses: tuple[tuple[str, str], ...] = ()
    media: AssetMedia | None = None
    left_out: bool = False
    moments: Moments = ()
    reviewed: bool | None = None
    objects: AssetObjects | None = None

    def to_line(self) -> bytes:
        """One line of JSON, with its end."""
        return orjson.dumps(
            [
                self.asset_id,
                self.order_key,
                self.external_id,
                self.fingerprint,
                self.exported,
                [_member_values(member) for member in self.members],
                [_fragment_values(fragment) for fragment in self.fragments],
                self.losses,
                _media_values(self.media),
                self.left_out,
                self.moments,
                *_counted_values(self.reviewed, self.objects),
            ],
            option=orjson.OPT_APPEND_NEWLINE,
        )

    @classmethod
    def from_line(cls, line: bytes) -> "ConvertedAsset":
        """Reads what `to_line` wrote. Raises IntegrityError."""
        try:
            (
                asset_id,
                order_key,
                name,
                fingerprint,
                exported,
                members,
                fragments,
                losses,
                media,
                *more,
            ) = orjson.loads(line)
            # A full export in slices may go on with lines of former versions.
            left_out, moments, reviewed, objects = more + _UNTOLD[len(more) :]
            return cls(
                asset_id=asset_id,
                order_key=order_key,
                external_id=name,
                fingerprint=fingerprint,
                exported=exported,
                members=tuple(_member(row, asset_id) for row in members),
                fragments=tuple(map(_fragment, fragments)),
                losses=tuple((reason, where) for reason, where in losses),
                media=_media(media, asset_id),
                left_out=bool(left_out),
                moments=tuple(moments),
                reviewed=reviewed,
                objects=AssetObjects.from_row(objects),
            )
        except (ValueError, TypeError) as error:
            raise IntegrityError("a conversion's record cannot be read") from error


class SegmentWriter:
    """Collects the entries and records of one export in one batch.

    `empty` are the assets that the export holds nothing of.
    """

    def __init__(self) -> None:
        self.empty: set[str] = set()
        self._entries: list[bytes] = []
        self._records: list[bytes] = []
        self._size = 0

    def add(
        self,
        asset: FetchedAsset,
        conversion: Conversion | None,
        media: AssetMedia | None = None,
        *,
        moments: Moments = (),
        left_out: bool = False,
        reviewed: bool | None = None,
        objects: AssetObjects | None = None,
    ) -> None:
        """Adds what an asset became; None when the export holds no label of it.

        Its files are dated by `moments`.
        """
        if conversion is None:
            self.empty.add(asset.asset_id)
        converted = conversion or Conversion()
        last = {member.path: member for member in converted.members}
        self._records.append(
            ConvertedAsset(
                asset_id=asset.asset_id,
                order_key=asset.order_key,
                external_id=asset.external_id,
                fingerprint=asset.fingerprint,
                exported=conversion is not None,
                members=tuple(
                    self._entry(member, asset.asset_id, moments) for member in last.values()
                ),
                fragments=tuple(_pending(one, moments) for one in converted.fragments),
                losses=tuple((loss.reason, loss.where) for loss in converted.losses),
                media=media,
                left_out=left_out,
                moments=moments if converted.fragments else (),
                reviewed=reviewed,
                objects=objects,
            ).to_line()
        )

    def __len__(self) -> int:
        return len(self._records)

    def finish(self) -> tuple[bytes, bytes]:
        """The entries and the records, as bytes."""
        return b"".join(self._entries), b"".join(self._records)

    def _entry(self, member: Member, asset_id: str, moments: Moments) -> ConvertedMember:
        contents = identity_digest(member.data, member.identity)
        modified = date_of(moments, contents)
        entry = encode_entry(member.path, member.data, owner=asset_id, modified=modified)
        converted = ConvertedMember(
            record=entry.record(self._size),
            sha256=hashlib.sha256(member.data).hexdigest(),
            identity=dated_identity(contents, modified),
        )
        self._entries.append(entry.local)
        self._size += len(entry.local)
        return converted


def identity_digest(data: bytes, identity: bytes | None) -> str:
    """The digest that tells whether contents changed."""
    return hashlib.sha256(data if identity is None else identity).hexdigest()


def _counted_values(reviewed: bool | None, objects: AssetObjects | None) -> tuple[Any, ...]:
    """What is at the end of a line, as far as somebody counts."""
    if objects is not None:
        return (reviewed, objects.to_row())
    return () if reviewed is None else (reviewed,)


def _pending(fragment: Fragment, moments: Moments) -> PendingFragment:
    template = tuple(
        item.decode() if isinstance(item, bytes) else item for item in fragment.template
    )
    shown = orjson.dumps(_template_values(template))
    contents = identity_digest(shown, fragment.identity)
    identity = hashlib.sha256(orjson.dumps((contents, moments))).hexdigest()
    return PendingFragment(fragment.stream, template, identity)


def _member_values(member: ConvertedMember) -> list[Any]:
    return [*_record_values(member.record), member.sha256, member.identity]


def _record_values(record: Record) -> list[Any]:
    return [
        record.path,
        record.crc32,
        record.size,
        record.compressed_size,
        record.method,
        record.offset,
        record.local_length,
        record.modified,
    ]


def _member(row: Sequence[Any], asset_id: str) -> ConvertedMember:
    *record, sha256, identity = row
    return ConvertedMember(_record(record, asset_id), sha256, identity)


def _record(row: Sequence[Any], asset_id: str) -> Record:
    path, *numbers = row
    if len(numbers) not in _RECORD_NUMBERS:
        raise ValueError("not a record")
    return Record(path, asset_id, *numbers)


def _media_values(media: AssetMedia | None) -> list[Any] | None:
    if media is None:
        return None
    fetched = None
    if media.fetched is not None:
        fetched = [
            [*_record_values(one.record), one.sha256, one.identity, one.object_index]
            for one in media.fetched
        ]
    known = media.known
    return [known.digest, known.paths, known.size, known.frames, fetched]


def _media(row: Sequence[Any] | None, asset_id: str) -> AssetMedia | None:
    if row is None:
        return None
    digest, paths, size, frames, fetched = row
    return AssetMedia(
        KnownMedia(digest, tuple(paths), None if size is None else (size[0], size[1]), frames),
        None if fetched is None else tuple(_medium(one, asset_id) for one in fetched),
    )


def _medium(row: Sequence[Any], asset_id: str) -> ConvertedMedium:
    *record, sha256, identity, object_index = row
    return ConvertedMedium(_record(record, asset_id), sha256, identity, object_index)


def _fragment_values(fragment: PendingFragment) -> list[Any]:
    return [fragment.stream, _template_values(fragment.template), fragment.identity]


def _fragment(row: Sequence[Any]) -> PendingFragment:
    stream, template, identity = row
    items = tuple(item if isinstance(item, str) else _slot(*item) for item in template)
    return PendingFragment(stream, items, identity)


def _slot(namespace: str, key: str, first: int, *others: str) -> IdSlot:
    return IdSlot(namespace, key, first, others)


def _template_values(template: Sequence[str | IdSlot]) -> list[Any]:
    return [
        item if isinstance(item, str) else [item.namespace, item.key, item.first, *item.others]
        for item in template
    ]
