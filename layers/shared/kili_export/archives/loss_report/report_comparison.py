"""Whether a run changes the report of losses, without reading the report."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from kili_export.archives.ledger.asset_ledger import AssetRecord
from kili_export.archives.ledger.contested_paths import ConflictNote
from kili_export.archives.ledger.ledger_reader import LedgerReader
from kili_export.archives.loss_report.report_rows import row_of


@dataclass(slots=True)
class ReportDigest:
    """What a report of all assets says, as sums of digests: their order does not matter.

    `others` is of assets without losses of their own. A contest may give any of them a line.
    """

    losing: int = 0
    others: int = 0
    contests: int = 0

    def add(self, record: AssetRecord) -> None:
        """Counts an asset's line, if it has one."""
        digest = _digest(record.entry_name.encode() + row_of(record))
        if record.losses:
            self.losing += digest
        else:
            self.others += digest

    def add_contest(self, contents: bytes) -> None:
        """Counts a contest, as the ledger holds it."""
        self.contests += _digest(contents)

    def differs(self, other: "ReportDigest") -> bool:
        """Whether the two reports may say something else."""
        if (self.losing, self.contests) != (other.losing, other.contests):
            return True
        return self.contests != 0 and self.others != other.others


def changes_rows(
    old: Mapping[str, AssetRecord], new: Mapping[str, AssetRecord], known: LedgerReader
) -> bool:
    """Whether the report has other lines for assets that were `old` and are `new`, by their ids.

    Names and files stand in a line beside the losses. An asset without losses of its own has a line
    when other assets have the names of its files: that is looked up only if something changed.
    """
    before, after = ({one.entry_name: one for one in side.values()} for side in (old, new))
    changed = {
        entry for entry in before.keys() | after.keys() if _row(before, entry) != _row(after, entry)
    }
    if any(entry in side and side[entry].losses for entry in changed for side in (before, after)):
        return True
    return any(
        entry in changed
        for data in (known.contests() if changed else ())
        for entry, _ in ConflictNote.from_bytes(data).losses()
    )


def _row(records: Mapping[str, AssetRecord], entry: str) -> bytes | None:
    record = records.get(entry)
    return None if record is None else row_of(record)


def _digest(data: bytes) -> int:
    return int.from_bytes(hashlib.sha256(data).digest())
