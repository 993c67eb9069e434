"""The tables that a manifest names: how they are opened, and what a change writes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kili_export.archives.manifest import TableReference
from kili_export.splicing.upload_parts import Source
from kili_export.storage.object_store import ObjectStore
from kili_export.storage.tables.table_reader import WHOLE_BYTES, TableReader
from kili_export.storage.tables.table_set import TableSet, merged, standing
from kili_export.storage.tables.table_writer import Pair, WrittenTable, write_table


@dataclass(frozen=True, slots=True)
class NewTable:
    """A table to be stored, behind those of before that stay."""

    kept: tuple[TableReference, ...]
    written: WrittenTable


def open_tables(objects: ObjectStore, references: Iterable[TableReference]) -> TableSet:
    """Tables as one, oldest first. Nothing is read yet."""
    return TableSet([_reader(objects, one) for one in references])


def with_changes(
    objects: ObjectStore, references: Sequence[TableReference], changes: Iterable[Pair]
) -> NewTable:
    """What tables become by changes, which come in ascending order.

    The newest one is written again together with them as long as it is small (`WHOLE_BYTES`): so
    there are few tables to look into. Nothing is kept of what the oldest one lacks.
    """
    newest = references[-1] if references else None
    if newest is None or newest.size > WHOLE_BYTES:
        kept, pairs = tuple(references), changes
    else:
        kept = tuple(references[:-1])
        pairs = merged([_reader(objects, newest).scan(), changes])
    return NewTable(kept, write_table(pairs if kept else standing(pairs)))


def _reader(objects: ObjectStore, reference: TableReference) -> TableReader:
    source = Source(reference.key, reference.etag, reference.size)
    return TableReader(objects, source, reference.index)
