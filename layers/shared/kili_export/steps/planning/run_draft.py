"""A run that is being planned, and what its plan says of each export."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from kili_export.changes.comparison.declared_exports import ExportState
from kili_export.changes.comparison.definition import date_of, rebuild_reason
from kili_export.changes.comparison.listing_slices import Listing
from kili_export.changes.events.pending_changes import CHECK, REBUILD
from kili_export.core.export_options import OptionsDocument
from kili_export.core.project import Project
from kili_export.runs.failed_run_checkpoint import ReusedResults
from kili_export.runs.full_export_session import SessionStep, StoredSession
from kili_export.runs.lease import Lease, token_of
from kili_export.runs.plan import ExportPlan
from kili_export.steps.planning.select_changes import ChosenChanges


@dataclass(frozen=True, slots=True)
class RunLimits:
    """How much one run takes on.

    Assets in a batch, batches at once, changed assets, and assets of a full export.
    """

    batch_size: int
    max_concurrency: int
    marks_per_run: int
    slice_assets: int


@dataclass(slots=True)
class RunDraft:
    """A run in the making, for the holder of the lease."""

    lease: Lease
    registration: str | None
    """The incarnation of the registration that it works for."""
    run_id: str
    started_at: datetime
    project: Project
    marks: ChosenChanges
    stored: StoredSession
    exports: Sequence[ExportState] = ()
    plans: list[ExportPlan] = field(default_factory=list)
    listing: Listing | None = None
    step: SessionStep | None = None
    taken_over: ReusedResults = field(default_factory=ReusedResults)
    is_listed: bool = True
    """False when the time was up before all assets were listed."""

    @property
    def project_id(self) -> str:
        """The project."""
        return self.lease.project_id

    def may_be_half_published(self, export: ExportState) -> bool:
        """Whether a run, or an attempt of this one, committed its manifest and did not end.

        What follows the commit, such as the copy at the fixed key, may be missing.
        """
        manifest = export.manifest
        return manifest is not None and token_of(manifest.run_id) > self.lease.announced_up_to


def first_event_at(run: RunDraft) -> datetime | None:
    """When the oldest change happened that this run publishes: a full export comes at its end."""
    if run.step is not None and not run.step.final:
        return ChosenChanges(assets=run.marks.assets).first_event_at()
    return run.marks.first_event_at()


def listed_assets(run: RunDraft) -> int | None:
    """How many assets Kili had when they were listed, None when nothing is made again."""
    if run.stored.session is not None:
        return run.stored.session.listed
    return run.listing.count if run.listing else None


def plan_of(export: ExportState, run: RunDraft, *, followed: bool) -> ExportPlan:
    """What a run does with one export that can be made."""
    reason = rebuild_reason(
        export.published,
        export.definition,
        # What is made again in slices was asked for already; what of it is published is done.
        asked=REBUILD in run.marks.project and run.stored.session is None,
        followed=followed,
    )
    return ExportPlan(
        name=export.name,
        options=OptionsDocument.of(export.options),
        mode="rebuild" if reason else "incremental",
        reason=reason,
        manifest_etag=export.manifest_etag,
        generation=export.generation,
        definition=export.definition,
        converter=export.converter,
        dated=date_of(export.published, export.definition, run.started_at),
        pseudonym_key=export.pseudonym_key,
        rewrite=_is_to_be_rewritten(export, run),
        publish=export.publish,
        tree=export.has_tree,
    )


def _is_to_be_rewritten(export: ExportState, run: RunDraft) -> bool:
    """Whether somebody asked for an archive without deltas after it. A session asks itself."""
    followed = export.manifest is not None and bool(export.manifest.deltas)
    return followed and CHECK in run.marks.project and run.stored.session is None
