"""The files that belong to no asset: README, class files and documents that span the dataset."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from kili_export.domain.archive.held import HeldBytes
from kili_export.domain.conversion import identity_digest
from kili_export.domain.documents import render, streams_of
from kili_export.domain.formats.base import ExportContext, ExportFormat
from kili_export.domain.ledger import AssetRecord, FragmentRecord, MemberRecord
from kili_export.usecases.aggregation.names import FileDigest
from kili_export.usecases.aggregation.spool import Spool
from kili_export.usecases.aggregation.streamed_files import (
    StreamedFile,
    sha256_of,
    streamed_file,
)


@dataclass(slots=True)
class SharedChanges:
    """Shared files that come and go, and all of them as they are then, by path."""

    members: dict[str, MemberRecord]
    files: list[StreamedFile] = field(default_factory=list)
    digests: dict[str, FileDigest] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)

    def put(self, path: str, pieces: Sequence[HeldBytes], identity: bytes | None = None) -> None:
        """Takes a file in unless it is there already.

        `identity` is what tells a change, the contents themselves if None.
        """
        sha256 = sha256_of(pieces)
        told_by = sha256 if identity is None else identity_digest(b"", identity)
        kept = self.members.get(path)
        if kept is not None and kept.identity == told_by:
            return
        self.members[path] = MemberRecord(path, sha256, told_by)
        self.files.append(streamed_file(path, pieces))
        self.digests[path] = FileDigest(sha256, told_by)

    def drop(self, path: str) -> None:
        """Leaves a file out."""
        if self.members.pop(path, None) is not None:
            self.removed.add(path)


class FragmentStreams:
    """Every stream of some documents, separators in place. Takes the assets in server order."""

    def __init__(self, separators: Mapping[str, bytes]) -> None:
        self._separators = separators
        self._begun: set[str] = set()
        self._spools = {stream: Spool() for stream in separators}

    def add(self, record: AssetRecord) -> None:
        """Takes in an asset's fragments."""
        for fragment in record.fragments:
            spool = self._spools.get(fragment.stream)
            if spool is None:
                continue
            if fragment.stream in self._begun:
                spool.write(self._separators[fragment.stream])
            self._begun.add(fragment.stream)
            spool.write(fragment.text.encode())

    def of(self, streams: Iterable[str]) -> Mapping[str, HeldBytes]:
        """Some of the streams, as far as they were taken in."""
        return {stream: self._spools[stream] for stream in streams}


def streams_from(
    separators: Mapping[str, bytes], records: Iterable[AssetRecord]
) -> Mapping[str, HeldBytes]:
    """The streams, in one pass over the assets."""
    streams = FragmentStreams(separators)
    if separators:
        for record in records:
            streams.add(record)
    return streams.of(separators)


def shared_changes(
    fmt: ExportFormat,
    context: ExportContext,
    before: Mapping[str, MemberRecord],
    dirty: Collection[str] | None,
    read_streams: Callable[[Mapping[str, bytes]], Mapping[str, HeldBytes]],
) -> SharedChanges:
    """Makes the shared files anew that may have changed.

    `before` are those of the archive that is built upon. Documents are made again when one of
    the `dirty` streams is theirs; None stands for all streams. `read_streams` gives the streams
    of which the separators are given, with the fragments of all assets as they are after the run.
    """
    changes = SharedChanges(dict(before))
    for member in fmt.project_members(context):
        changes.put(member.path, [member.data], member.identity)
    documents = [
        document
        for document in fmt.documents(context)
        if dirty is None or any(stream in dirty for stream in streams_of([document]))
    ]
    streams = read_streams(streams_of(documents)) if documents else {}
    for document in documents:
        pieces = render(document, streams)
        if pieces is None:
            changes.drop(document.path)
        else:
            changes.put(document.path, pieces)
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
