"""Writes the tables of a generation."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from kili_export.archives.files_table import KnownFile, placed_files
from kili_export.archives.former_tables import former_entries, former_files
from kili_export.archives.ledger.ledger_reader import LedgerReader
from kili_export.archives.manifest import Manifest, TableReference
from kili_export.archives.tables import NewTable, joined, store_table
from kili_export.core.bucket_layout import files_key, ledger_key
from kili_export.splicing.central_directory import Directory
from kili_export.steps.publishing.generation.commit import Publisher
from kili_export.storage.tables.table_writer import WrittenTable, write_table

Tables = tuple[TableReference, ...]


class TableKey(Protocol):
    """The key of a table in the bucket."""

    def __call__(
        self, project_id: str, export: str, generation: int, run_id: str, *, changes: bool = False
    ) -> str:
        """It."""


@dataclass(frozen=True, slots=True)
class TableWriting:
    """Writes tables of one export. `attempt` is what their keys carry."""

    publisher: Publisher
    project_id: str
    export: str
    attempt: str

    def taken_over(self, manifest: Manifest, ledger: LedgerReader) -> Manifest:
        """What a version without tables published, with such."""
        number, objects = manifest.generation, self.publisher.objects
        files = (file.to_pair() for file in former_files(objects, manifest, ledger))
        entries = write_table(former_entries(ledger))
        return manifest.model_copy(
            update={
                "ledger": self._store(entries, ledger_key, number, which="former-"),
                "files": (self._store(write_table(files), files_key, number, which="former-"),),
            }
        )

    def ledger(self, table: NewTable, generation: int) -> Tables:
        """The tables of a ledger that is new or changes."""
        return self._stored(table, ledger_key, generation)

    def all_files(
        self, directory: Directory, files: Iterable[KnownFile], generation: int, which: str = ""
    ) -> Tables:
        """The table of all files, which come by path, as an archive of `generation` has them."""
        placed = placed_files(directory, files, generation)
        table = write_table(file.to_pair() for file in placed)
        return (self._store(table, files_key, generation, which=which),)

    def files(self, table: NewTable, generation: int) -> Tables:
        """The tables of files that change."""
        return self._stored(table, files_key, generation)

    def joined(self, manifest: Manifest, *, with_files: bool) -> dict[str, object]:
        """The fields of a manifest whose tables are written as one where it is time for that."""
        number = manifest.generation
        ledger = self._joined((manifest.ledger, *manifest.ledger_changes), ledger_key, number)
        files = self._joined(manifest.files, files_key, number) if with_files else None
        return {
            **({"ledger": ledger[0], "ledger_changes": ledger[1:]} if ledger else {}),
            **({"files": files} if files else {}),
        }

    def _joined(self, tables: Tables, key: TableKey, generation: int) -> Tables | None:
        new = joined(self.publisher.objects, tables)
        return None if new is None else self._stored(new, key, generation, which="joined-")

    def _stored(self, new: NewTable, key: TableKey, generation: int, *, which: str = "") -> Tables:
        changes = bool(new.kept)
        stored = self._store(new.written, key, generation, which=which, changes=changes)
        return (*new.kept, stored)

    def _store(
        self,
        table: WrittenTable,
        key: TableKey,
        generation: int,
        *,
        which: str = "",
        changes: bool = False,
    ) -> TableReference:
        name = key(self.project_id, self.export, generation, which + self.attempt, changes=changes)
        return store_table(self.publisher.compose, name, table)
