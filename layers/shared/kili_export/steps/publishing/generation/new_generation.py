"""What a run changes in one export, as the writer of generations asks for it."""

from collections.abc import Iterator, Mapping, Set
from typing import Protocol

from kili_export.archives.files_table import KnownFile
from kili_export.archives.loss_report.report_changes import LossChanges
from kili_export.archives.manifest import Counts, ReviewCount
from kili_export.archives.statistics import Statistics
from kili_export.archives.tables import NewTable
from kili_export.splicing.central_directory import Directory
from kili_export.splicing.splice import BaseArchive, SplicePlan
from kili_export.steps.publishing.generation.delta_list import DeltaHead, DeltaPlan


class NewGeneration(Protocol):
    """Everything that a run changes in one export: an increment, or an export made again."""

    @property
    def failed(self) -> Mapping[str, str]:
        """The assets that the run did not come to a good end with, and why."""

    @property
    def settled(self) -> Set[str]:
        """Those that were listed as failed and are not to be any more."""

    @property
    def next_ids(self) -> Mapping[str, int]:
        """The next number of each namespace."""

    @property
    def is_rebuild(self) -> bool:
        """Whether nothing of the archive that stood before is built upon."""

    @property
    def changes_archive(self) -> bool:
        """Whether there is to be a new archive."""

    @property
    def changes_ledger(self) -> bool:
        """Whether there is to be a new ledger."""

    @property
    def changes_losses(self) -> bool:
        """Whether the assets that the run touched lose something else than before."""

    @property
    def loss_changes(self) -> LossChanges | None:
        """What the report of losses can be brought up to date with; None if all is made again."""

    def archive(self) -> SplicePlan:
        """The new archive."""

    def ledger(self) -> NewTable:
        """The new ledger."""

    def delta(self, head: DeltaHead, written: BaseArchive | None) -> DeltaPlan:
        """What changes for readers of the archive that stood before, as an archive.

        What is large comes out of the new archive if that is `written`.
        """

    def files(self) -> Iterator[KnownFile]:
        """All files after it, by path."""

    def changed_files(self, delta: Directory, generation: int) -> NewTable | None:
        """What becomes of the files table, with the files that come as the delta has them.

        None of a generation that `is_rebuild`: the table of all files is written.
        """

    def counts(self, members: int) -> Counts:
        """The counts after it, of an archive with so many files."""

    def review(self) -> ReviewCount:
        """How many of its assets are reviewed after it, where records tell."""

    def statistics(self) -> Statistics | None:
        """How many objects of each class there are after it; None where not all were counted."""

    def changed_assets(self) -> int:
        """How many assets came, changed or went for readers of the archive."""

    def losses(self) -> int:
        """How much is lost in all after it."""
