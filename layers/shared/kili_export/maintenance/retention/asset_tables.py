"""Which stored tables hold something of an asset."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from kili_export.archives.damage import DAMAGED
from kili_export.archives.files_table import open_files
from kili_export.archives.ledger.asset_ledger import id_entry_name
from kili_export.archives.ledger.ledger_reader import former_ledger
from kili_export.archives.manifest import Manifest, TableReference
from kili_export.archives.tables import open_tables
from kili_export.core.bucket_layout import files_prefix, is_of_changes, ledgers_prefix
from kili_export.core.errors import IntegrityError
from kili_export.splicing.upload_parts import Source
from kili_export.storage.object_store import ObjectStore, StoredObject


@dataclass(frozen=True, slots=True)
class TablesOfAsset:
    """The tables of an export. `manifest` is what is current, and does not have the asset."""

    objects: ObjectStore
    asset_id: str
    manifest: Manifest

    def hold(self, named: Manifest) -> bool:
        """Whether a manifest names tables that hold something of the asset, or cannot be read.

        A removal tells of what an older table has.
        """
        try:
            return self._hold(named)
        except DAMAGED:
            return True

    def by_name(self) -> dict[str, bool]:
        """Of stored ledgers that tell of all assets whether they know this one, by file name.

        Without its ending.
        """
        return {
            PurePosixPath(stored.key).stem: self._knows(stored)
            for stored in self.objects.list(ledgers_prefix(*self._export))
            if not is_of_changes(stored.key)
        }

    def to_erase(self, knows: Mapping[str, bool], clean: Iterable[Manifest]) -> Iterator[str]:
        """The keys of tables and ledgers that are not known to be free of the asset.

        `knows` is `by_name`. What is current goes as well where one table removes what another
        has; what `clean` snapshots name stays.
        """
        kept = {table.key for snapshot in clean for table in snapshot.tables}
        if len(self.manifest.files) <= 1 and not self.manifest.ledger_changes:
            kept.update(table.key for table in self.manifest.tables)
        for prefix in (ledgers_prefix, files_prefix):
            for stored in self.objects.list(prefix(*self._export)):
                if stored.key not in kept and knows.get(PurePosixPath(stored.key).stem, True):
                    yield stored.key

    def _hold(self, named: Manifest) -> bool:
        tables = (named.ledger, *named.ledger_changes)
        if not named.has_tables:
            return self._former_knows(named.ledger)
        files = open_files(self.objects, named)
        return any(map(self._has, tables)) or (
            files is not None and any(one.asset_id == self.asset_id for one in files.scan())
        )

    @property
    def _export(self) -> tuple[str, str]:
        return self.manifest.project_id, self.manifest.export_name

    def _knows(self, stored: StoredObject) -> bool:
        """Whether a ledger knows the asset, or cannot be read."""
        if stored.key.endswith(".zip"):
            return self._former_knows(stored)
        try:
            return self._has(TableReference(key=stored.key, etag=stored.etag, size=stored.size))
        except IntegrityError:
            return True

    def _has(self, table: TableReference) -> bool:
        return bool(
            open_tables(self.objects, [table])
            .tables[0]
            .find([id_entry_name(self.asset_id).encode()])
        )

    def _former_knows(self, stored: StoredObject | TableReference) -> bool:
        """Whether a ledger of version 0.1 knows the asset, or cannot be read."""
        source = Source(stored.key, stored.etag, stored.size)
        try:
            return bool(former_ledger(self.objects, source).names([self.asset_id]))
        except IntegrityError:
            return True
