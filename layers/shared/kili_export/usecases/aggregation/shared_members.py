"""The files that belong to no asset: README, class files and documents that span the dataset."""

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from tempfile import SpooledTemporaryFile
from typing import IO

from kili_export.domain.archive.entries import Entry, encode_entry
from kili_export.domain.conversion import identity_digest
from kili_export.domain.documents import render, streams_of
from kili_export.domain.formats.base import (
    ExportContext,
    ExportFormat,
    FragmentStream,
    SpanningDocument,
)
from kili_export.domain.ledger import AssetRecord, FragmentRecord, MemberRecord
from kili_export.usecases.aggregation.names import FileDigest

_SPOOL_BYTES = 8 << 20
_CHUNK_BYTES = 1 << 20


@dataclass(slots=True)
class SharedChanges:
    """Shared files that come and go, and all of them as they are then, by path."""

    members: dict[str, MemberRecord]
    entries: list[Entry] = field(default_factory=list)
    digests: dict[str, FileDigest] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)

    def put(self, path: str, data: bytes, identity: str) -> None:
        """Takes a file in unless it is there already."""
        kept = self.members.get(path)
        if kept is not None and kept.identity == identity:
            return
        sha256 = hashlib.sha256(data).hexdigest()
        self.members[path] = MemberRecord(path, sha256, identity)
        self.entries.append(encode_entry(path, data))
        self.digests[path] = FileDigest(sha256, identity)

    def drop(self, path: str) -> None:
        """Leaves a file out."""
        if self.members.pop(path, None) is not None:
            self.removed.add(path)


def shared_changes(
    fmt: ExportFormat,
    context: ExportContext,
    before: Mapping[str, MemberRecord],
    dirty: Collection[str] | None,
    read_records: Callable[[], Iterator[AssetRecord]],
) -> SharedChanges:
    """Makes the shared files anew that may have changed.

    `before` are those of the archive that is built upon. Documents are made again when one of
    the `dirty` streams is theirs; None stands for all streams. `read_records` gives all assets
    as they are after the run, in server order.
    """
    changes = SharedChanges(dict(before))
    for member in fmt.project_members(context):
        changes.put(member.path, member.data, identity_digest(member.data, member.identity))
    documents = [
        document
        for document in fmt.documents(context)
        if dirty is None or any(stream in dirty for stream in streams_of([document]))
    ]
    if documents:
        with ExitStack() as stack:
            spools = _spool(documents, read_records(), stack)
            for document in documents:
                _put_document(changes, document, spools)
    return changes


def dirty_streams(
    old: Mapping[str, AssetRecord], new: Mapping[str, AssetRecord], gone: Iterable[str]
) -> set[str]:
    """The streams of which an asset's share changed, came or went."""
    dirty: set[str] = set()
    for asset_id in {*new, *gone}:
        before, after = old.get(asset_id), new.get(asset_id)
        had = _shares(before)
        has = _shares(after)
        moved = before is not None and after is not None and before.order_key != after.order_key
        dirty.update(
            stream for stream in {*had, *has} if moved or had.get(stream) != has.get(stream)
        )
    return dirty


def _shares(record: AssetRecord | None) -> dict[str, FragmentRecord]:
    return {fragment.stream: fragment for fragment in record.fragments} if record else {}


def _put_document(
    changes: SharedChanges, document: SpanningDocument, spools: Mapping[str, IO[bytes]]
) -> None:
    data = render(document, lambda stream: _chunks(spools[stream]))
    if data is None:
        changes.drop(document.path)
    else:
        changes.put(document.path, data, identity_digest(data, None))


def _spool(
    documents: Iterable[SpanningDocument], records: Iterable[AssetRecord], stack: ExitStack
) -> dict[str, IO[bytes]]:
    """Every stream of the documents, separators in place, in one pass over the assets."""
    separators = {
        section.stream: section.separator
        for document in documents
        for section in document.sections
        if isinstance(section, FragmentStream)
    }
    spools: dict[str, IO[bytes]] = {
        stream: stack.enter_context(SpooledTemporaryFile(max_size=_SPOOL_BYTES))  # noqa: SIM115
        for stream in separators
    }
    begun: set[str] = set()
    for record in records:
        for fragment in record.fragments:
            spool = spools.get(fragment.stream)
            if spool is None:
                continue
            if fragment.stream in begun:
                spool.write(separators[fragment.stream])
            begun.add(fragment.stream)
            spool.write(fragment.text.encode())
    return spools


def _chunks(spool: IO[bytes]) -> Iterator[bytes]:
    spool.seek(0)
    while chunk := spool.read(_CHUNK_BYTES):
        yield chunk
