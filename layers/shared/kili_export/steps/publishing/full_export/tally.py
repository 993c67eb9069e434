"""What is counted while the assets of a full export pass."""

from dataclasses import dataclass, field

from kili_export.archives.ledger.asset_ledger import AssetRecord
from kili_export.archives.loss_report.report_comparison import ReportDigest
from kili_export.archives.statistics import StatisticsTally


@dataclass(slots=True)
class Tally:
    """Counts of the assets so far, and digests of what the report says before and after."""

    assets: int = 0
    exported: int = 0
    reviewable: int = 0
    reviewed: int = 0
    losses: int = 0
    objects: StatisticsTally = field(default_factory=StatisticsTally)
    lost_before: ReportDigest = field(default_factory=ReportDigest)
    lost_after: ReportDigest = field(default_factory=ReportDigest)

    def after(self, record: AssetRecord) -> None:
        """Counts an asset of the new generation."""
        self.assets += 1
        self.exported += record.exported
        self.reviewable += record.reviewed is not None
        self.reviewed += record.reviewed is True
        self.losses += len(record.losses)
        self.objects.add(record)
        self.lost_after.add(record)
