"""What a run achieved: which assets it settled, and which exports."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from kili_export.archives.removal_guard import Removals
from kili_export.changes.events.pending_changes import RECONCILE, PendingChange, asset_of
from kili_export.runs.batch_results import AssetResults
from kili_export.runs.messages import AggregateAnswer
from kili_export.runs.plan import RunPlan
from kili_export.runs.planned_changes import PlannedChange, is_planned

_PUBLISHED = frozenset({"committed", "unchanged"})
_MOST_FAILURES = 3


@dataclass(frozen=True, slots=True)
class ExportOutcomes:
    """What became of the exports of a run, by name."""

    published: frozenset[str]
    """Every asset of the run is in what is current, or listed there as quarantined."""
    held_rebuilds: frozenset[str]
    """Nothing was committed: too many assets would have gone."""
    failed: frozenset[str]
    most_held: Removals = field(default_factory=Removals)
    """What waits for confirmation, in the export with the most."""

    @classmethod
    def of(cls, plan: RunPlan, answers: Iterable[AggregateAnswer]) -> "ExportOutcomes":
        """Sorts the answers. An export of the plan without an answer failed.

        Those of which the run converts a slice alone are in none of the sets.
        """
        by_name = {answer.export: answer for answer in answers}
        published: set[str] = set()
        held: set[str] = set()
        exports = [export for export in plan.exports if export.mode != "slice"]
        for export in exports:
            answer = by_name.get(export.name)
            if answer is None:
                continue
            if answer.status == "held" and export.mode == "rebuild":
                held.add(export.name)
            elif answer.status in _PUBLISHED or answer.status == "held":
                published.add(export.name)
        names = {export.name for export in exports}
        return cls(
            published=frozenset(published),
            held_rebuilds=frozenset(held),
            failed=frozenset(names - published - held),
            most_held=max(map(losses_of, by_name.values()), key=_count, default=Removals()),
        )


@dataclass(frozen=True, slots=True)
class Progress:
    """What a run did for a full export in slices. `stuck`: it came no further."""

    sliced: bool = False
    """Whether it had a part in one."""
    is_open: bool = False
    stuck: bool = False

    @property
    def goes_on(self) -> bool:
        """Whether the next run is to begin at once."""
        return self.is_open and not self.stuck


@dataclass(frozen=True, slots=True)
class RunVerdict:
    """Which of a run's marks are done with."""

    planned: Mapping[str, PlannedChange]
    """Each mark that the run read, by subject."""
    assets: AssetResults
    exports: ExportOutcomes
    unpublished: frozenset[str] = field(default=frozenset())
    """Assets that are gone, or of which nothing is exported, where an export holds them."""
    progress: Progress = field(default=Progress())
    """How far the run brought a full export in slices; its conversions are safe by now."""

    @classmethod
    def of(
        cls,
        planned: Mapping[str, PlannedChange],
        assets: AssetResults,
        answers: Iterable[AggregateAnswer],
        exports: ExportOutcomes,
        progress: Progress,
    ) -> "RunVerdict":
        """Judges a run by its results."""
        held = any(
            answer.held_removals and answer.export not in exports.held_rebuilds
            for answer in answers
        )
        waiting = assets.missing | assets.left_out if held else frozenset()
        return cls(planned, assets, exports, waiting, progress)

    def concerns(self, mark: PendingChange) -> bool:
        """Whether the run read this very mark: nobody marked its subject again since."""
        return is_planned(self.planned, mark.subject, mark.version)

    def clears(self, mark: PendingChange) -> bool:
        """Whether every export that was subscribed at plan time has committed the change.

        Only positive results count. A rebuild that is held is not subscribed any more: it will
        be made again as a whole.
        """
        if not self.concerns(mark) or self.exports.failed:
            return False
        asset_id = asset_of(mark.subject)
        if asset_id is None:
            return self._clears_project(mark)
        return self.assets.is_settled(asset_id) and asset_id not in self.unpublished

    def rests(self, mark: PendingChange) -> bool:
        """Whether a mark that stays was tried in vain, rather than only not be done with yet."""
        waits = self.progress.sliced and not self.progress.stuck and asset_of(mark.subject) is None
        return self.concerns(mark) and not waits

    def awaits_word(self, mark: PendingChange) -> bool:
        """Whether all that keeps an asset's mark is that removals wait for confirmation."""
        asset_id = asset_of(mark.subject)
        if not self.concerns(mark) or self.exports.failed or asset_id is None:
            return False
        return self.assets.is_settled(asset_id) and asset_id in self.unpublished

    def _clears_project(self, mark: PendingChange) -> bool:
        """Until all slices are published, these marks are what resumes them after a crash.

        What a comparison was asked for may have changed after its slice was converted: they are
        compared once more when all is published.
        """
        if not self.progress.sliced:
            return True
        return not self.progress.is_open and mark.subject != RECONCILE

    def unanswered(self) -> int:
        """How many assets changed that no batch answered for."""
        changed = (asset_of(subject) for subject in self.planned)
        return sum(one is not None and not self.assets.is_answered(one) for one in changed)

    def to_be_replaced(self) -> frozenset[str]:
        """Exports that failed again and again: what is stored of them may be damaged."""
        tried = max((line.attempts for line in self.planned.values()), default=0)
        return self.exports.failed if tried >= _MOST_FAILURES else frozenset()


def losses_of(answer: AggregateAnswer) -> Removals:
    """What of an export waits for confirmation."""
    failed, left = answer.held_failures, answer.held_exits
    return Removals(answer.held_removals - failed - left, failed, left)


def _count(losses: Removals) -> int:
    return losses.count
