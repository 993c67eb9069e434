"""The files that belong to no asset: README, class files and documents that span the dataset."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from kili_export.archives.ledger.archive_files import FileDigest
from kili_export.archives.ledger.asset_ledger import FileRecord
from kili_export.archives.ledger.shard_index import ShardIndex, index_entry_name
from kili_export.core.file_dates import Moments, date_of, dated_identity, moments_of
from kili_export.formats.common.format import ExportContext, ExportFormat, SpanningDocument
from kili_export.runs.segment_records import identity_digest
from kili_export.splicing.held_bytes import ByteSource
from kili_export.steps.publishing.documents.fragment_streams import FragmentStreams
from kili_export.steps.publishing.documents.rendering import render, streams_of
from kili_export.steps.publishing.documents.shard_revision import Revision
from kili_export.steps.publishing.documents.shard_writing import literal_shards
from kili_export.steps.publishing.documents.sharded_files import PlacedShard, sharded_file
from kili_export.steps.publishing.documents.sharding import ShardRules
from kili_export.steps.publishing.documents.streamed_files import (
    StreamedFile,
    sha256_of,
    streamed_file,
)


@dataclass(slots=True)
class DatasetFileChanges:
    """Shared files that come and go, and all of them as they are then, by path.

    `since` is when the dataset was first exported as it is declared: files that show no labels are
    dated by it.
    `indexes` are those of documents in shards that come; `forgotten` had one and has none now.
    """

    members: dict[str, FileRecord]
    since: Moments = ()
    files: list[StreamedFile] = field(default_factory=list)
    digests: dict[str, FileDigest] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    indexes: dict[str, ShardIndex] = field(default_factory=dict)
    forgotten: set[str] = field(default_factory=set)

    def put(
        self,
        path: str,
        pieces: Sequence[ByteSource],
        *,
        identity: bytes | None = None,
        moments: Moments = (),
    ) -> None:
        """Takes a file in unless it is there already.

        `identity` is what tells a change, the contents themselves if None; `moments` are those of
        the labels that the file shows.
        """
        sha256 = sha256_of(pieces)
        contents = sha256 if identity is None else identity_digest(b"", identity)
        modified = date_of(moments or self.since, contents)
        dated = dated_identity(contents, modified)
        if self._is_kept(path, dated):
            return
        self._forget_index(path)
        self.members[path] = FileRecord(path, sha256, dated)
        self.files.append(streamed_file(path, pieces, modified))
        self.digests[path] = FileDigest(sha256, dated)

    def put_shards(
        self, path: str, sections: Sequence[Sequence[PlacedShard]], known: ShardIndex | None
    ) -> None:
        """Takes a document in that is kept in shards, unless it is there already.

        `known` is the index of before. Of a document that stays, other assets may be the newest.
        """
        index = ShardIndex(path, tuple(tuple(one.shard for one in part) for part in sections))
        modified = date_of(index.moments or self.since, index.contents)
        index = replace(index, modified=modified)
        identity = index.identity
        if self._is_kept(path, identity):
            if known is not None and (dated := known.with_moments_of(index)) != known:
                self.indexes[path] = dated
            return
        self.members[path] = FileRecord(path, "", identity)
        self.files.append(sharded_file(index, [one for part in sections for one in part]))
        self.digests[path] = FileDigest(index.digest, identity)
        self.indexes[path] = index

    def drop(self, path: str) -> None:
        """Leaves a file out."""
        self._forget_index(path)
        if self.members.pop(path, None) is not None:
            self.removed.add(path)

    def index_entries(self) -> list[tuple[str, bytes]]:
        """The ledger's entries for the indexes, by name."""
        return sorted(
            (index_entry_name(path), index.to_bytes()) for path, index in self.indexes.items()
        )

    def _is_kept(self, path: str, identity: str) -> bool:
        kept = self.members.get(path)
        return kept is not None and kept.identity == identity

    def _forget_index(self, path: str) -> None:
        kept = self.members.get(path)
        if kept is not None and not kept.sha256:
            self.forgotten.add(path)


@dataclass(frozen=True, slots=True)
class Documents:
    """Where the documents of a run come from.

    `streams` reads the fragments of all assets as they are after the run. Those in shards of
    which an index is known are revised; None where nothing is built upon.
    """

    rules: ShardRules
    streams: Callable[[Mapping[str, bytes]], FragmentStreams]
    revision: Revision | None = None
    index_of: Callable[[str], ShardIndex | None] = lambda _: None


def shared_changes(
    fmt: ExportFormat,
    context: ExportContext,
    before: Mapping[str, FileRecord],
    source: Documents,
) -> DatasetFileChanges:
    """Makes the shared files again that may have changed.

    `before` are those of the archive that is built upon. Documents are made again when one of
    the streams that the run touched is theirs, all of them where nothing is built upon.
    """
    changes = DatasetFileChanges(dict(before), moments_of(context.dated))
    for member in fmt.project_members(context):
        changes.put(member.path, [member.data], identity=member.identity)
    touched = source.revision.touched if source.revision else None
    documents = [
        document
        for document in fmt.documents(context)
        if touched is None or any(stream in touched for stream in streams_of([document]))
    ]
    whole = [one for one in documents if not _revise(changes, one, source)]
    streams = source.streams(streams_of(whole)) if whole else FragmentStreams({}, source.rules)
    for document in whole:
        _make(changes, document, streams, source.index_of(document.path))
    return changes


def _revise(changes: DatasetFileChanges, document: SpanningDocument, source: Documents) -> bool:
    """Makes those shards again that changed. Answers False where all are to be."""
    kept = changes.members.get(document.path)
    index = source.index_of(document.path) if kept is not None and not kept.sha256 else None
    if kept is None or index is None or source.revision is None or index.identity != kept.identity:
        return False
    sections = source.revision.of(document, index)
    if sections is None or not _is_large(document, sections, source.rules):
        return False
    changes.put_shards(document.path, sections, index)
    return True


def _is_large(
    document: SpanningDocument, sections: Sequence[Sequence[PlacedShard]], rules: ShardRules
) -> bool:
    literal = drawn = 0
    for section, part in zip(document.sections, sections, strict=True):
        size = sum(one.shard.size for one in part)
        if isinstance(section, bytes):
            literal += size
        else:
            drawn += size
    return rules.applies(literal, drawn)


def _make(
    changes: DatasetFileChanges,
    document: SpanningDocument,
    streams: FragmentStreams,
    known: ShardIndex | None,
) -> None:
    if streams.is_large(document):
        changes.put_shards(
            document.path,
            [
                [
                    PlacedShard.new(written)
                    for written in (
                        literal_shards(section)
                        if isinstance(section, bytes)
                        else streams.shards(section.stream)
                    )
                ]
                for section in document.sections
            ],
            known,
        )
        return
    pieces = render(document, streams.of(streams_of([document])))
    if pieces is None:
        changes.drop(document.path)
    else:
        moments = streams.moments(streams_of([document]))
        changes.put(document.path, pieces, moments=moments)
