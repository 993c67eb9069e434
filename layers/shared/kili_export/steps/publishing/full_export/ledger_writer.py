"""A ledger that is written again, entry by entry, into files."""

from typing import Final

from kili_export.archives.ledger.asset_ledger import id_entry_name
from kili_export.storage.external_sort import ExternalSorter
from kili_export.storage.tables.table_writer import TableWriter, WrittenTable

_END: Final = b"\0"


class NewLedger:
    """Takes the entries in the order of their names' UTF-8 bytes, those of assets first."""

    def __init__(self) -> None:
        self._table = TableWriter()
        self._ids = ExternalSorter()

    def add_asset(self, asset_id: str, name: str, data: bytes) -> None:
        """Appends an asset's entry, and notes what leads to it."""
        self.add(name, data)
        self._ids.add(b"".join((id_entry_name(asset_id).encode(), _END, name.encode())))

    def add(self, name: str, data: bytes) -> None:
        """Appends an entry. Raises IntegrityError unless its name comes after all others."""
        self._table.add(name.encode(), data)

    def add_ids(self) -> None:
        """Appends what leads from the assets' ids to their entries."""
        for item in self._ids:
            key, _, name = item.partition(_END)
            self._table.add(key, name)

    def finish(self) -> WrittenTable:
        """The ledger."""
        return self._table.finish()
