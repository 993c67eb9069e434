"""The asset ledger: what an export knows of each asset of its project.

The ledger is in tables, committed by the same manifest as the archive. It has one entry for each
asset, named so that the order of names is the server's order, and one that leads from its id to
that name; one entry for each file name that an asset claims and does not get (and one that tells
the report of it), one for the files that belong to none, and one for each document that is kept in
shards.
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from kili_export.core.dos_time import FORMER_DATE
from kili_export.core.errors import IntegrityError
from kili_export.core.file_dates import Moments
from kili_export.core.media import KnownMedia
from kili_export.core.object_counts import AssetObjects

ASSETS = "assets/"
CLAIMS = "claims/"
IDS = "ids/"
INDEXES = "shards/"
SHARED = "shared.json"
_DATED = 9
"""Fields of a claim before its date."""
_LOSES_NOTHING = b'"losses":[],"exported":'
"""What an entry has where nothing is lost. Texts do not look like it: JSON escapes their quotes."""
_UNSAFE = re.compile(r"[^0-9A-Za-z:.+_-]")


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file that an asset claims. `identity` is the digest that tells whether it changed.

    Its contents or its date, that is; version 0.1 gave no dates.

    `sha256` is empty for a document in shards: its index has theirs.
    """

    path: str
    sha256: str
    identity: str


@dataclass(frozen=True, slots=True)
class FragmentRecord:
    """An asset's share of a spanning document, with its numbers filled in."""

    stream: str
    text: str
    identity: str


@dataclass(frozen=True, slots=True)
class AssetRecord:
    """What an export knows of one asset. `ids` are its numbers, by namespace and key.

    `members` are its label files, `media` its pictures, films and texts, and `known_media` tells
    which of those need not be fetched again. `moments` are what documents that it has fragments in
    are dated by. `reviewed` is None where nobody counts, or the export does not ask for the asset.
    `objects` is None where the export holds nothing of it, or a former version wrote the record.
    """

    asset_id: str
    order_key: str
    external_id: str
    fingerprint: str
    members: tuple[FileRecord, ...] = ()
    fragments: tuple[FragmentRecord, ...] = ()
    ids: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    losses: tuple[tuple[str, str], ...] = ()
    exported: bool = False
    media: tuple[FileRecord, ...] = ()
    known_media: KnownMedia | None = None
    left_out: bool = False
    moments: Moments = ()
    reviewed: bool | None = None
    objects: AssetObjects | None = None

    @property
    def files(self) -> tuple[FileRecord, ...]:
        """All files that it claims."""
        return self.members + self.media

    @property
    def entry_name(self) -> str:
        """The name of its entry in the ledger."""
        return entry_name(self.order_key, self.asset_id)

    @property
    def precedence(self) -> tuple[str, str]:
        """What decides between assets that claim one name: the last of the server's order wins."""
        return (self.order_key, self.asset_id)


@dataclass(frozen=True, slots=True)
class PathClaim:
    """One asset's claim to a file name. `payload` and `modified` are kept for those that lost."""

    asset_id: str
    order_key: str
    sha256: str
    identity: str
    crc32: int = 0
    size: int = 0
    method: int = 0
    payload: bytes | None = None
    media: bool = False
    modified: int = FORMER_DATE

    @property
    def precedence(self) -> tuple[str, str]:
        """What decides between claims: the last of the server's order wins."""
        return (self.order_key, self.asset_id)


@dataclass(frozen=True, slots=True)
class PathConflict:
    """A file name that several assets claim, or one, when a folder has the name."""

    path: str
    claims: tuple[PathClaim, ...]

    def to_bytes(self) -> bytes:
        """The entry's contents."""
        return orjson.dumps(
            {
                "path": self.path,
                "claims": [
                    [
                        claim.asset_id,
                        claim.order_key,
                        claim.sha256,
                        claim.identity,
                        claim.crc32,
                        claim.size,
                        claim.method,
                        None
                        if claim.payload is None
                        else base64.b64encode(claim.payload).decode("ascii"),
                        claim.media,
                        claim.modified,
                    ]
                    for claim in self.claims
                ],
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> "PathConflict":
        """Reads what `to_bytes` wrote. Raises IntegrityError."""
        try:
            values = orjson.loads(data)
            claims = tuple(
                PathClaim(
                    asset_id=row[0],
                    order_key=row[1],
                    sha256=row[2],
                    identity=row[3],
                    crc32=row[4],
                    size=row[5],
                    method=row[6],
                    payload=None if row[7] is None else base64.b64decode(row[7]),
                    media=row[8],
                    # Version 0.1 did not tell.
                    modified=row[9] if len(row) > _DATED else FORMER_DATE,
                )
                for row in values["claims"]
            )
            return cls(values["path"], claims)
        except (ValueError, TypeError, KeyError, IndexError) as error:
            raise IntegrityError("a claimed name of the ledger cannot be read") from error


def entry_name(order_key: str, asset_id: str) -> str:
    """The ledger's name for an asset: sorts as the server does, ends with the id."""
    return f"{ASSETS}{_UNSAFE.sub('_', order_key) or '_'}/{asset_id}.json"


def id_entry_name(asset_id: str) -> str:
    """The ledger's name for what leads from an asset to its entry."""
    return IDS + asset_id


def claim_entry_name(path: str) -> str:
    """The ledger's name for a file name that some asset claims and does not get."""
    return f"{CLAIMS}{hashlib.sha256(path.encode()).hexdigest()}.json"


def record_to_bytes(record: AssetRecord) -> bytes:
    """The contents of an asset's entry."""
    return orjson.dumps(_record_values(record))


def record_from_bytes(data: bytes) -> AssetRecord:
    """Reads what `record_to_bytes` wrote. Raises IntegrityError."""
    try:
        return _record(orjson.loads(data))
    except (ValueError, TypeError, KeyError) as error:
        raise IntegrityError("an asset's record of the ledger cannot be read") from error


def loses_nothing(data: bytes) -> bool:
    """Whether an asset's entry says so at first sight; of a false answer its record tells."""
    return _LOSES_NOTHING in data


def shared_to_bytes(members: Iterable[FileRecord]) -> bytes:
    """The list of the files that belong to no asset."""
    return orjson.dumps([[member.path, member.sha256, member.identity] for member in members])


def shared_from_bytes(data: bytes) -> dict[str, FileRecord]:
    """Reads what `shared_to_bytes` wrote, by path. Raises IntegrityError."""
    try:
        return {row[0]: FileRecord(*row) for row in orjson.loads(data)}
    except (ValueError, TypeError, IndexError) as error:
        raise IntegrityError("the ledger's list of shared files cannot be read") from error


def _record_values(record: AssetRecord) -> dict[str, Any]:
    return {
        "id": record.asset_id,
        "order": record.order_key,
        "name": record.external_id,
        "fingerprint": record.fingerprint,
        "members": [[m.path, m.sha256, m.identity] for m in record.members],
        "fragments": [[f.stream, f.text, f.identity] for f in record.fragments],
        "ids": record.ids,
        "losses": record.losses,
        "exported": record.exported,
        **({"left_out": True} if record.left_out else {}),
        **({"moments": record.moments} if record.moments else {}),
        **({} if record.reviewed is None else {"reviewed": record.reviewed}),
        **({} if record.objects is None else {"objects": record.objects.to_row()}),
        **_media_values(record),
    }


def _record(values: Mapping[str, Any]) -> AssetRecord:
    return AssetRecord(
        asset_id=values["id"],
        order_key=values["order"],
        external_id=values["name"],
        fingerprint=values["fingerprint"],
        members=tuple(FileRecord(*row) for row in values["members"]),
        fragments=tuple(FragmentRecord(*row) for row in values["fragments"]),
        ids=values["ids"],
        losses=tuple((row[0], row[1]) for row in values["losses"]),
        exported=values["exported"],
        media=tuple(FileRecord(*row) for row in values.get("media", ())),
        known_media=_known_media(values.get("known")),
        left_out=values.get("left_out", False),
        moments=tuple(values.get("moments", ())),
        reviewed=values.get("reviewed"),
        objects=AssetObjects.from_row(values.get("objects")),
    )


def _media_values(record: AssetRecord) -> dict[str, Any]:
    """Nothing where an export has no media: most ledgers are smaller for it."""
    if record.known_media is None:
        return {}
    known = record.known_media
    return {
        "media": [[m.path, m.sha256, m.identity] for m in record.media],
        "known": [known.digest, known.paths, known.size, *([known.frames] if known.frames else [])],
    }


def _known_media(row: Sequence[Any] | None) -> KnownMedia | None:
    if row is None:
        return None
    digest, paths, size, *frames = row
    shown = None if size is None else (size[0], size[1])
    return KnownMedia(digest, tuple(paths), shown, frames[0] if frames else 0)
