"""Publishes what changed assets change: a generation that is built on the archive before it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from kili_export.archives.archive_with_deltas import open_archive
from kili_export.archives.files_table import open_files
from kili_export.archives.ledger.asset_ledger import AssetRecord
from kili_export.archives.ledger.ledger_reader import LedgerReader, open_ledger
from kili_export.archives.manifest import Manifest
from kili_export.archives.removal_guard import NONE, Removals, must_ask
from kili_export.core.bucket_layout import work_key
from kili_export.core.errors import IntegrityError
from kili_export.runs.messages import AggregateAnswer
from kili_export.steps.publishing.assets.asset_records import new_records
from kili_export.steps.publishing.assets.converted_assets import (
    Outcome,
    collect_outcome,
    listed_ids,
)
from kili_export.steps.publishing.assets.numbering import Numbering
from kili_export.steps.publishing.documents.fragment_streams import FragmentStreams
from kili_export.steps.publishing.documents.shard_revision import Revision, touched_fragments
from kili_export.steps.publishing.documents.spanning_documents import (
    DatasetFileChanges,
    Documents,
    shared_changes,
)
from kili_export.steps.publishing.generation.export_run import ExportRun
from kili_export.steps.publishing.increment.base_files import BaseFiles
from kili_export.steps.publishing.increment.increment import Increment
from kili_export.steps.publishing.path_conflicts.in_increment import IncrementPathConflicts


def publish_increment(run: ExportRun, ledger: LedgerReader) -> AggregateAnswer:
    """Commits what the run found of the assets that changed; removals only as far as allowed.

    Raises IntegrityError when there is nothing to build upon.
    """
    previous = run.previous
    if previous is None:
        raise IntegrityError(f"export {run.export.name} has nothing to build an increment on")
    found = _allowed(run, previous, ledger, _found(_outcome(run), ledger))
    files = open_files(run.objects, previous)
    if files is None:
        raise IntegrityError(f"the files of export {run.export.name} are not known")
    base = BaseFiles(run.objects, files)
    numbering = Numbering(previous.next_ids)
    converted = (located.asset for located in found.outcome.converted.values())
    new = new_records(converted, found.old, found.old, numbering)
    settler = IncrementPathConflicts(run.objects, base, ledger, found.outcome.converted)
    increment = Increment(
        previous=previous,
        old=found.old,
        new=new,
        gone=found.gone,
        names=settler.settle_all(found.old, new, found.gone),
        shared=_shared(run, base, ledger, found, new),
        next_ids=numbering.next_ids,
        failed=found.outcome.failed,
        settled=frozenset(found.outcome.converted) | found.outcome.missing,
        base=base,
        open_base=partial(open_archive, run.objects, previous, whole=run.whole),
        known=ledger,
    )
    return run.writer.publish(increment, held=found.held, removed=found.losses.count)


def still_held(run: ExportRun, published: Manifest) -> Removals:
    """What the run held when it published: the ledger of that has those assets yet."""
    if run.export.mode != "incremental":
        return NONE
    return _found(_outcome(run), open_ledger(run.objects, published)).losses


@dataclass(frozen=True, slots=True)
class _Findings:
    """What the run found of the assets. `old` has their records, as far as there were some.

    `gone` and `exits` are the ids of those that leave the export, because Kili has them no more
    and because nothing is exported of them any more; `held` is what would leave and was kept.
    """

    outcome: Outcome
    old: Mapping[str, AssetRecord]
    gone: frozenset[str]
    exits: frozenset[str]
    held: Removals = NONE

    @property
    def losses(self) -> Removals:
        """What leaves."""
        return Removals(len(self.gone), left=len(self.exits))

    def holding(self) -> "_Findings":
        """The same without anything that leaves."""
        outcome = Outcome(
            {one: at for one, at in self.outcome.converted.items() if one not in self.exits},
            self.outcome.failed,
            self.outcome.missing - self.gone,
        )
        old = {one: record for one, record in self.old.items() if one in outcome.converted}
        return _Findings(outcome, old, frozenset(), frozenset(), self.losses)


def _outcome(run: ExportRun) -> Outcome:
    outcome = Outcome()
    for batches in run.batches():
        outcome.override(collect_outcome(run.objects, batches, run.export.name))
    return outcome


def _found(outcome: Outcome, ledger: LedgerReader) -> _Findings:
    orders: dict[str, str | None] = {
        asset_id: located.asset.order_key for asset_id, located in outcome.converted.items()
    }
    old = ledger.find({**orders, **dict.fromkeys(outcome.missing)})
    return _Findings(
        outcome, old, frozenset(outcome.missing & old.keys()), frozenset(_exits(outcome, old))
    )


def _exits(outcome: Outcome, old: Mapping[str, AssetRecord]) -> Iterator[str]:
    """The assets that the export has contents of, and has none of any more."""
    for asset_id, located in outcome.converted.items():
        if not located.asset.exported and asset_id in old and old[asset_id].exported:
            yield asset_id


def _allowed(
    run: ExportRun, previous: Manifest, ledger: LedgerReader, found: _Findings
) -> _Findings:
    """What may be published of it: without the removals when a person has to be asked."""
    count = found.losses.count
    asks = must_ask(
        count,
        previous.counts.assets,
        run.plan.confirmed_removals,
        lately=run.removed_lately(),
        unanswered=_unanswered(run, found.outcome, ledger) if count else 0,
    )
    return found.holding() if asks else found


def _unanswered(run: ExportRun, outcome: Outcome, ledger: LedgerReader) -> int:
    """How many assets of the export the run was to look at and has no result for.

    Their batch failed. What else is gone may be the other half of what they are part of. The
    run may list all assets for a full export of another export: this one has no result for them,
    and needs none.
    """
    work = work_key(run.plan.project_id, run.plan.run_id)
    listed = listed_ids(run.objects, [work], changed_only=True)
    answered = outcome.converted.keys() | outcome.failed.keys() | outcome.missing
    open_ones = {key.decode() for key in listed if key.decode() not in answered}
    return len(ledger.names(open_ones))


def _shared(
    run: ExportRun,
    base: BaseFiles,
    ledger: LedgerReader,
    found: _Findings,
    new: Mapping[str, AssetRecord],
) -> DatasetFileChanges:
    """How spanning documents change: they come out of the ledger and what changes in it."""
    replaced = {found.old[one].entry_name for one in {*new, *found.gone} & found.old.keys()}
    touched = touched_fragments(found.old, new, found.gone)
    documents = Documents(
        run.sharding,
        lambda separators: FragmentStreams.of_records(
            separators, run.sharding, ledger.merged(new.values(), replaced)
        ),
        Revision(run.sharding, base, ledger.fragments, touched),
        ledger.index,
    )
    return shared_changes(run.format, run.context, ledger.shared(), documents)
