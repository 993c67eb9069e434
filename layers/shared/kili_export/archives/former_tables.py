"""The files table of an export that a version without such tables published."""

from collections.abc import Iterator
from dataclasses import replace
from heapq import merge
from typing import Final

from kili_export.archives.archive_with_deltas import open_archive
from kili_export.archives.files_table import KnownFile, StoredFile
from kili_export.archives.ledger.asset_ledger import id_entry_name
from kili_export.archives.ledger.ledger_entries import asset_of
from kili_export.archives.ledger.ledger_reader import LedgerReader
from kili_export.archives.manifest import Manifest
from kili_export.core.errors import IntegrityError
from kili_export.storage.external_sort import ExternalSorter
from kili_export.storage.object_store import ObjectStore
from kili_export.storage.tables.table_writer import Pair

_END: Final = "\0"


def former_files(
    objects: ObjectStore, manifest: Manifest, ledger: LedgerReader
) -> Iterator[StoredFile]:
    """All files by path, out of the directories of archive and deltas and of the ledger.

    Raises IntegrityError where these do not fit together.
    """
    archive = open_archive(objects, manifest)
    generations = {delta.key: delta.generation for delta in manifest.deltas}
    claims = iter(_claims(ledger))
    claim = next(claims, None)
    for record in archive.directory.records():
        wanted = (record.path, record.owner)
        while claim is not None and claim[:2] < wanted:
            claim = next(claims, None)
        if claim is None or claim[:2] != wanted:
            raise IntegrityError(f"the archive has {record.path!r}, the ledger does not know it")
        source, start = archive.locate(record)
        placed = replace(record, offset=start)
        generation = generations.get(source.key, manifest.archive.generation)
        yield KnownFile(record.path, claim[2], record.owner or None).placed(placed, generation)


def former_entries(ledger: LedgerReader) -> Iterator[Pair]:
    """All entries of a ledger by name, with what leads from the assets' ids to theirs."""
    ids = ExternalSorter()
    for name, _ in ledger.scan():
        ids.add(b"\0".join((id_entry_name(asset_of(name)).encode(), name.encode())))
    named = (item.partition(b"\0")[::2] for item in ids)
    entries = ((name.encode(), data) for name, data in ledger.everything())
    return merge(entries, named)


def _claims(ledger: LedgerReader) -> Iterator[tuple[str, str, str]]:
    """Path, asset and digest of every file that an asset claims, and of those of none, sorted.

    Of a path that an asset claims as a label and as a medium the label counts.
    """
    sorter = ExternalSorter()
    for record in ledger.all():
        files = {file.path: file.sha256 for file in (*record.media, *record.members)}
        for path, digest in files.items():
            sorter.add(_packed(path, record.asset_id, digest))
    for file in ledger.shared_with_digests():
        sorter.add(_packed(file.path, "", file.sha256))
    for item in sorter:
        claimed, asset_id, digest = item.decode().split(_END)
        yield claimed, asset_id, digest


def _packed(path: str, asset_id: str, digest: str) -> bytes:
    return _END.join((path, asset_id, digest)).encode()
