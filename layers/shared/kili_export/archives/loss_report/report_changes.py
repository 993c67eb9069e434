"""Brings a report of losses up to what changed assets lose, without reading the ledger."""

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from kili_export.archives.ledger.asset_ledger import AssetRecord
from kili_export.archives.ledger.ledger_reader import LedgerReader
from kili_export.archives.loss_report.report_rows import ReportRows, UnreadableReport, row_of


@dataclass(frozen=True, slots=True)
class LossChanges:
    """The assets that a run touched, as they were and as they are. `known` is the ledger before."""

    old: Mapping[str, AssetRecord]
    new: Mapping[str, AssetRecord]
    known: LedgerReader

    def applied_to(self, report: ReportRows, most_assets: int) -> ReportRows:
        """The report after the changes.

        Raises UnreadableReport when it does not fit them, or does not list what has to come in
        for those that leave it.
        """
        stays, comes = self._placed(report)
        if report.left_out:
            # Behind the last one that is listed there are others: only before it a place is known.
            last = self._names(list(report.rows)[-1:])
            comes = [one for one in comes if last and one[0] < last[-1]]
            if len(stays) + len(comes) < most_assets:
                raise UnreadableReport("assets come in that it does not list")
        rows = dict(self._merged(stays, comes))
        listed = dict(list(rows.items())[:most_assets])
        count = report.count - sum(map(_loses, self.old.values()))
        count += sum(map(_loses, self.new.values()))
        return ReportRows(listed, count - len(listed), self._reasons(report.reasons))

    def _placed(self, report: ReportRows) -> tuple[dict[str, bytes], list[tuple[bytes, str]]]:
        """The rows that keep their places, and the assets that get one, by their entry's name."""
        stays = dict(report.rows)
        comes = []
        for asset_id in {*self.old, *self.new}:
            before, after = self.old.get(asset_id), self.new.get(asset_id)
            if before and before.losses and not report.left_out and asset_id not in stays:
                raise UnreadableReport("it lacks an asset")
            same_place = before and after and before.entry_name == after.entry_name
            if after and after.losses and same_place and asset_id in stays:
                stays[asset_id] = row_of(after)
                continue
            stays.pop(asset_id, None)
            if after and after.losses:
                comes.append((after.entry_name.encode(), asset_id))
        return stays, sorted(comes)

    def _merged(
        self, stays: Mapping[str, bytes], comes: Sequence[tuple[bytes, str]]
    ) -> Iterator[tuple[str, bytes]]:
        """All rows in server order."""
        if not comes:
            return iter(stays.items())
        placed = zip(self._names(stays), stays, strict=True)
        rows = {asset_id: row_of(self.new[asset_id]) for _, asset_id in comes}
        return (
            (asset_id, rows.get(asset_id) or stays[asset_id])
            for _, asset_id in heapq.merge(placed, comes)
        )

    def _names(self, asset_ids: Iterable[str]) -> list[bytes]:
        """The names of their entries, which must be in the order of the assets."""
        listed = list(asset_ids)
        names = self.known.names(listed) if listed else {}
        if list(names) != listed:
            raise UnreadableReport("it lists other assets than the ledger, or in another order")
        return [name.encode() for name in names.values()]

    def _reasons(self, before: Mapping[str, int]) -> Counter[str]:
        reasons = Counter(before)
        for record in self.old.values():
            reasons.subtract(reason for reason, _ in record.losses)
        for record in self.new.values():
            reasons.update(reason for reason, _ in record.losses)
        if min(reasons.values(), default=0) < 0:
            raise UnreadableReport("it counts fewer losses than there were")
        return +reasons


def _loses(record: AssetRecord) -> bool:
    return bool(record.losses)
