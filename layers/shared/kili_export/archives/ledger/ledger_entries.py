"""The entries of an asset ledger by their names: out of tables, or out of a former archive."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from kili_export.archives.ledger.asset_ledger import ASSETS, IDS, id_entry_name
from kili_export.archives.stored_archive import StoredArchive
from kili_export.storage.external_sort import ExternalSorter
from kili_export.storage.tables.table_set import TableSet

_END: Final = b"\0"
_SUFFIX: Final = len(".json")


class LedgerEntries(Protocol):
    """What a ledger is made of."""

    def find(self, names: Iterable[str]) -> dict[str, bytes]:
        """The contents of those of the entries that are there, by name."""

    def names(self, asset_ids: Collection[str]) -> dict[str, str]:
        """The entry names of those of the assets that it knows."""

    def scan(self, low: str, high: str, *, at_once: bool = False) -> Iterator[tuple[str, bytes]]:
        """The entries from one name to before another, ascending.

        `at_once`: they are few, and read more than once.
        """


@dataclass(frozen=True, slots=True)
class TabledEntries:
    """Entries in tables, with one more for each asset that names the entry of its record."""

    tables: TableSet

    def find(self, names: Iterable[str]) -> dict[str, bytes]:
        """The contents of those of the entries that are there, by name."""
        found = self.tables.find(name.encode() for name in names)
        return {key.decode(): value for key, value in found.items()}

    def names(self, asset_ids: Collection[str]) -> dict[str, str]:
        """The entry names of those of the assets that it knows."""
        found = self.find(id_entry_name(asset_id) for asset_id in asset_ids)
        return {key.removeprefix(IDS): value.decode() for key, value in found.items()}

    def scan(self, low: str, high: str, *, at_once: bool = False) -> Iterator[tuple[str, bytes]]:
        """The entries from one name to before another, ascending."""
        for key, value in self.tables.scan(low.encode(), high.encode(), at_once=at_once):
            yield key.decode(), value


@dataclass(frozen=True, slots=True)
class FormerEntries:
    """Entries of a ledger that is an archive, as version 0.1 wrote it."""

    archive: StoredArchive

    def find(self, names: Iterable[str]) -> dict[str, bytes]:
        """The contents of those of the entries that are there, by name."""
        directory = self.archive.directory
        records = [found for name in names if (found := directory.find(name)) is not None]
        return self.archive.read_at_once(records) if records else {}

    def names(self, asset_ids: Collection[str]) -> dict[str, str]:
        """The entry names of those of the assets that it knows, in one pass over its directory."""
        wanted = frozenset(asset_ids)
        return {
            asset_id: record.path
            for record in (self.archive.directory.with_prefix(ASSETS) if wanted else ())
            if (asset_id := asset_of(record.path)) in wanted
        }

    def scan(self, low: str, high: str, *, at_once: bool = False) -> Iterator[tuple[str, bytes]]:
        """The entries from one name to before another, ascending. They are read as they stand."""
        del at_once
        entries = ExternalSorter()
        for record, data in self.archive.scan(low.partition("/")[0]):
            if low <= record.path < high:
                entries.add(b"".join((record.path.encode(), _END, data)))
        for entry in entries:
            name, _, data = entry.partition(_END)
            yield name.decode(), data


def asset_of(name: str) -> str:
    """The asset of an entry's name."""
    return name.rpartition("/")[2][:-_SUFFIX]
