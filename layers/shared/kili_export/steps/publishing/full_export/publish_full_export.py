"""Publishes an export made again: a generation that needs nothing of the archive before it."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Final

from kili_export.archives.archive_with_deltas import open_archive
from kili_export.archives.ledger.ledger_reader import LedgerReader
from kili_export.archives.manifest import Manifest
from kili_export.archives.removal_guard import Removals, must_ask
from kili_export.archives.stored_archive import StoredArchive
from kili_export.core.bucket_layout import slice_key, work_key
from kili_export.core.errors import IntegrityError
from kili_export.runs.messages import AggregateAnswer
from kili_export.runs.plan import ExportPlan, RunPlan
from kili_export.splicing.part_limits import MIB
from kili_export.steps.publishing.assets.converted_assets import ConvertedAssets, listed_ids
from kili_export.steps.publishing.assets.held_entries import HeldEntries
from kili_export.steps.publishing.assets.numbering import Numbering
from kili_export.steps.publishing.full_export.all_assets import AllAssets
from kili_export.steps.publishing.full_export.deadline import ComputingTime
from kili_export.steps.publishing.full_export.full_export import FullExport
from kili_export.steps.publishing.generation.export_run import ExportRun
from kili_export.steps.publishing.path_conflicts.in_full_export import FullPathConflicts

_MOST_HELD: Final = 16 * MIB
"""Bytes of entries that are read with the records, in case the archive turns out to be small."""


def publish_rebuild(run: ExportRun, ledger: LedgerReader, time: ComputingTime) -> AggregateAnswer:
    """Commits the whole export, or nothing when more would leave it than may unasked.

    Raises OutlastsInvocation when `time` is up before everything is computed.
    """
    previous = run.previous
    roster = _roster(run, ledger, time)
    former = cache(lambda: open_archive(run.objects, previous) if previous else None)
    carries = _carries(run.export, previous, roster, former)
    losses = _losses(run, roster, carries=carries)
    if must_ask(
        losses.count,
        roster.known_count,
        run.plan.confirmed_removals,
        lately=run.removed_lately(),
    ):
        return AggregateAnswer(
            export=run.export.name,
            status="held",
            generation=run.export.generation or None,
            held_removals=losses.count,
            held_failures=losses.failed,
            held_exits=losses.left,
        )
    rebuild = FullExport(
        roster=roster,
        claims=FullPathConflicts(run.objects),
        numbering=Numbering(previous.next_ids if previous else {}),
        fmt=run.format,
        context=run.context,
        former=former,
        sharding=run.sharding,
        carries=carries,
    )
    rebuild.make(time.over)
    time.end()
    return run.writer.publish(rebuild, removed=losses.count)


def _roster(run: ExportRun, ledger: LedgerReader, time: ComputingTime) -> AllAssets:
    """All assets of the export with what was converted of them; none that was listed lacks."""
    held = HeldEntries(min(run.writer.publisher.limits.rewrite_below, _MOST_HELD))
    conversions = ConvertedAssets(run.objects, run.export.name, held)
    for batches in run.batches():
        conversions.take(time.over(batches))
    conversions.settle()
    roster = AllAssets.build(conversions, ledger, listed_ids(run.objects, _work_lists(run.plan)))
    roster.require_complete()
    return roster


def _work_lists(plan: RunPlan) -> Iterator[str]:
    """The lists of all assets that a rebuild must have: this run's, and all slices of a session."""
    yield work_key(plan.project_id, plan.run_id)
    if plan.session is not None:
        for number in range(plan.session.slices):
            yield slice_key(plan.project_id, plan.session.session_id, number)


def _losses(run: ExportRun, roster: AllAssets, *, carries: bool) -> Removals:
    previous = run.previous
    # Other filters or another interface are meant to select other labels.
    same = previous is not None and previous.definition == run.export.definition
    return Removals(
        roster.vanished_count,
        0 if carries else roster.failed_count,
        roster.left_count if same else 0,
    )


def _carries(
    export: ExportPlan,
    previous: Manifest | None,
    roster: AllAssets,
    former: Callable[[], StoredArchive | None],
) -> bool:
    """Whether assets that failed keep their files: not where these are of another definition.

    Nor where the archive that has them cannot be read: making it again is what mends that.
    """
    if previous is None or not roster.failed_count or previous.definition != export.definition:
        return False
    try:
        former()
    except IntegrityError:
        return False
    return True
