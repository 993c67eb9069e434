"""Writes the tables of a generation."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kili_export.archives.files_table import KnownFile, placed_files
from kili_export.archives.former_tables import former_files
from kili_export.archives.ledger.ledger_reader import LedgerReader
from kili_export.archives.manifest import Manifest, TableReference
from kili_export.archives.tables import with_changes
from kili_export.core.bucket_layout import files_key
from kili_export.splicing.central_directory import Directory
from kili_export.splicing.upload_parts import InlineBytes
from kili_export.steps.publishing.generation.commit import Publisher
from kili_export.storage.tables.table_writer import Pair, WrittenTable, write_table

Tables = tuple[TableReference, ...]


@dataclass(frozen=True, slots=True)
class TableWriting:
    """Writes tables of one export. `attempt` is what their keys carry."""

    publisher: Publisher
    project_id: str
    export: str
    attempt: str

    def taken_over(self, manifest: Manifest, ledger: LedgerReader) -> Manifest:
        """What a version without files tables published, with such a table."""
        pairs = (file.to_pair() for file in former_files(self.publisher.objects, manifest, ledger))
        files = self._store((), write_table(pairs), manifest.generation, "former-")
        return manifest.model_copy(update={"files": files})

    def all_files(
        self, directory: Directory, files: Iterable[KnownFile], generation: int
    ) -> Tables:
        """The table of all files, which come by path, as an archive of `generation` has them."""
        placed = placed_files(directory, files, generation)
        return self._store((), write_table(file.to_pair() for file in placed), generation)

    def change_files(self, tables: Tables, changes: Iterable[Pair], generation: int) -> Tables:
        """The tables of files after ascending changes."""
        changed = with_changes(self.publisher.objects, tables, changes)
        return self._store(changed.kept, changed.written, generation)

    def _store(
        self,
        kept: Sequence[TableReference],
        table: WrittenTable,
        generation: int,
        which: str = "",
    ) -> Tables:
        key = files_key(self.project_id, self.export, generation, which + self.attempt)
        stored = self.publisher.compose(key, [InlineBytes(table.data)])
        size = len(table.data)
        return (*kept, TableReference(key=key, etag=stored.etag, size=size, index=table.index))
