"""The tables that a manifest names: how they are opened, and what a change writes."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from kili_export.archives.manifest import Manifest, TableReference
from kili_export.core.bucket_layout import files_key, ledger_key
from kili_export.splicing.upload_parts import InlineBytes, Piece, Source
from kili_export.storage.object_store import ObjectStore, StoredObject
from kili_export.storage.tables.table_reader import WHOLE_BYTES, TableReader
from kili_export.storage.tables.table_set import TableSet, merged
from kili_export.storage.tables.table_writer import Pair, WrittenTable, write_table

_MOST_TABLES: Final = 3
_SHARE: Final = 4
"""Of the oldest table the later ones together may have a fourth."""
Compose = Callable[[str, Sequence[Piece]], StoredObject]
"""Writes an immutable object."""


@dataclass(frozen=True, slots=True)
class NewTable:
    """A table to be stored, behind those of before that stay."""

    kept: tuple[TableReference, ...]
    written: WrittenTable


def open_tables(objects: ObjectStore, references: Iterable[TableReference]) -> TableSet:
    """Tables as one, oldest first. Nothing is read yet."""
    return TableSet([_reader(objects, one) for one in references])


def with_changes(
    references: Sequence[TableReference],
    tables: TableSet,
    changes: Iterable[Pair],
    small: int | None = None,
) -> NewTable:
    """What tables become by changes, which come in ascending order and are held.

    `tables` are those of the `references`.

    The newest one is written again together with them as long as it has `small` bytes at most,
    `WHOLE_BYTES` by default: so there are few tables to look into. A removal stays only of what
    an older table has: nothing is left of a key that came and went.
    """
    newest = references[-1] if references else None
    kept, pairs = tuple(references), list(changes)
    if newest is not None and newest.size <= (WHOLE_BYTES if small is None else small):
        kept = kept[:-1]
        pairs = list(merged([tables.tables[-1].scan(), pairs]))
    removed = [key for key, value in pairs if value is None]
    hidden = TableSet(tables.tables[: len(kept)]).find(removed) if removed else {}
    return NewTable(
        kept, write_table(one for one in pairs if one[1] is not None or one[0] in hidden)
    )


def joined(objects: ObjectStore, references: Sequence[TableReference]) -> NewTable | None:
    """Tables with some of them written as one, where it is time for that; None where it is not.

    The later ones become one when there are more than three tables, and all do when the later ones
    have a fourth of the oldest. So each look-up has few tables to look into, and a change costs
    what it weighs a few times over, whatever the project's size.
    """
    oldest, later = references[0], references[1:]
    if sum(one.size for one in later) * _SHARE > oldest.size:
        return NewTable((), write_table(open_tables(objects, references).scan()))
    if len(references) > _MOST_TABLES:
        pairs = merged([_reader(objects, one).scan() for one in later])
        return NewTable((oldest,), write_table(pairs))
    return None


def store_table(compose: Compose, key: str, table: WrittenTable) -> TableReference:
    """Stores a table under a key that is not taken."""
    stored = compose(key, [InlineBytes(table.data)])
    return TableReference(key=key, etag=stored.etag, size=len(table.data), index=table.index)


def with_one_table_each(
    objects: ObjectStore, compose: Compose, manifest: Manifest, name: str
) -> Manifest:
    """The manifest with one table for the ledger and one for the files, without removals."""
    about = (manifest.project_id, manifest.export_name, manifest.generation, name)

    def joined(references: Iterable[TableReference], key: str) -> TableReference:
        return store_table(compose, key, write_table(open_tables(objects, references).scan()))

    ledger = joined((manifest.ledger, *manifest.ledger_changes), ledger_key(*about))
    files = joined(manifest.files, files_key(*about))
    return manifest.model_copy(update={"ledger": ledger, "ledger_changes": (), "files": (files,)})


def _reader(objects: ObjectStore, reference: TableReference) -> TableReader:
    source = Source(reference.key, reference.etag, reference.size)
    return TableReader(objects, source, reference.index)
