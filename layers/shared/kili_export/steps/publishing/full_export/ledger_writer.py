"""A ledger that is written again, entry by entry, into files."""

from kili_export.core.errors import IntegrityError
from kili_export.splicing.central_directory import Directory
from kili_export.splicing.entries import encode_entry
from kili_export.splicing.splice import SplicePlan, whole_archive
from kili_export.splicing.zip_headers import encode_record
from kili_export.storage.spool import Spool


class NewLedger:
    """Takes the entries in the order of their names' UTF-8 bytes."""

    def __init__(self) -> None:
        self._entries = Spool()
        self._records = Spool()
        self._count = 0
        self._last = b""

    def add(self, name: str, data: bytes) -> None:
        """Appends an entry. Raises IntegrityError unless its name comes after all others."""
        encoded = name.encode()
        if encoded <= self._last:
            raise IntegrityError(f"the ledger's entries come out of order at {name!r}")
        self._last = encoded
        entry = encode_entry(name, data)
        self._records.write(encode_record(entry.record(len(self._entries))))
        self._entries.write(entry.local)
        self._count += 1

    def finish(self) -> SplicePlan:
        """The ledger."""
        return whole_archive(self._entries, Directory(self._records, self._count))
