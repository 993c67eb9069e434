"""Plans one run's part in a full export that is made in slices."""

from collections.abc import Sequence
from dataclasses import dataclass

from kili_export.archives.manifest import Manifest
from kili_export.changes.comparison.kili_listing import KiliListing
from kili_export.changes.comparison.listing_slices import Listing, ListingSlices
from kili_export.changes.comparison.resumable_listing import ProjectListing
from kili_export.changes.events.pending_changes import (
    CHECK,
    REBUILD,
    RECONCILE,
    PendingChange,
    PendingChangeRecorder,
    PendingChangeStore,
)
from kili_export.core.bucket_layout import listing_key
from kili_export.core.clock import TimeLeft
from kili_export.core.errors import ConflictError
from kili_export.runs.full_export_session import (
    FullExportSession,
    SessionExport,
    SessionStep,
    SessionStore,
    StoredSession,
)
from kili_export.runs.plan import ExportPlan
from kili_export.runs.tracked_exports import TrackedExportsStore
from kili_export.steps.planning.select_changes import ChosenChanges
from kili_export.storage.object_store import ObjectStore


@dataclass(frozen=True, slots=True)
class SessionPlanner:
    """Opens sessions, and says whether one can be continued. For the lease's holder alone."""

    objects: ObjectStore
    kili: KiliListing
    marks: PendingChangeRecorder
    slice_assets: int

    @property
    def store(self) -> SessionStore:
        """Where the session is."""
        return SessionStore(self.objects)

    def fits(
        self,
        project_id: str,
        session: FullExportSession,
        plans: Sequence[ExportPlan],
        registration: str | None,
    ) -> bool:
        """Whether the session makes again what must be, as it must be, and nothing else."""
        if session.registration != registration:
            # Nobody marked what changed since it was converted.
            return False
        definitions = {plan.name: plan.definition for plan in plans}
        outdated = {plan.name for plan in plans if plan.mode == "rebuild"}
        same = all(definitions.get(one.name) == one.definition for one in session.exports)
        if not same or not outdated <= session.names or not self.store.is_usable(session):
            return False
        slices = ListingSlices(self.objects, project_id)
        return session.position == session.slices or slices.is_readable(
            session.session_id, session.position
        )

    def list_assets(
        self,
        project_id: str,
        run_id: str,
        stored: StoredSession,
        known: Sequence[Manifest],
        time_left: TimeLeft | None,
    ) -> Listing | None:
        """Everything that Kili has, and what the exports of `known` know besides.

        None when the time is up: then the next invocation goes on.
        """
        listing = ProjectListing(self.objects, self.kili, project_id, self.slice_assets, known)
        return listing.read(run_id, base=stored.etag, time_left=time_left)

    def open(
        self,
        project_id: str,
        listing: Listing,
        plans: Sequence[ExportPlan],
        marks: ChosenChanges,
        stored: StoredSession,
        changes: PendingChangeStore,
        registration: str | None,
    ) -> tuple[StoredSession, PendingChange]:
        """Begins to make exports again. Answers what is stored, and the mark that keeps it going.

        Raises ConflictError when another run opened one meanwhile.
        """
        rebuilt = [plan for plan in plans if plan.mode == "rebuild"]
        # From now on marks are cleared for conversions that are not published yet: should these
        # get lost, the exports must be made again whatever else is known of them.
        TrackedExportsStore(self.objects, registration).follow(
            project_id, published=frozenset(), stopped=frozenset(plan.name for plan in rebuilt)
        )
        check = self._mark(project_id, changes)
        rebuild, compared = marks.project.get(REBUILD), marks.project.get(RECONCILE)
        session = FullExportSession(
            session_id=listing.session_id,
            registration=registration,
            exports=tuple(
                SessionExport(
                    name=plan.name,
                    definition=plan.definition,
                    dated=plan.dated,
                    reason=plan.reason,
                )
                for plan in rebuilt
            ),
            listed=listing.count,
            slices=listing.slices,
            slice_assets=self.slice_assets,
            rebuild_mark=rebuild.version if rebuild else None,
            compared_mark=compared.version if compared else None,
        )
        etag = self.store.write(project_id, session, etag=stored.etag)
        self.objects.delete([listing_key(project_id)])
        return StoredSession(session, etag), check

    def _mark(self, project_id: str, changes: PendingChangeStore) -> PendingChange:
        """A mark that no other run can have read, and that stays until all is published.

        By it the sweep resumes a full export that a crash stopped.
        """
        self.marks.mark(project_id, CHECK)
        for mark in changes.marks(project_id):
            if mark.subject == CHECK:
                return mark
        raise ConflictError("another run cleared what this one marked")


def plan_step(
    stored: StoredSession, plans: Sequence[ExportPlan], marks: ChosenChanges
) -> tuple[list[ExportPlan], SessionStep]:
    """What one run does: the changes, then a slice, or the changes alone if others wait for them.

    Exports that are published meanwhile get changes before the next slice begins. Not twice in a
    row: however many changes come, each second run takes a slice.
    """
    session = stored.session
    if session is None or stored.etag is None:
        raise ValueError("no full export is made in slices")
    others = any(plan.name not in session.names for plan in plans)
    yields = bool(marks.assets) and others and not session.yielded
    taken = None if yields or session.position == session.slices else session.position
    final = not yields and session.position + (taken is not None) == session.slices
    compared = marks.project.get(RECONCILE)
    step = SessionStep(
        session_id=session.session_id,
        etag=stored.etag,
        slices=session.slices,
        taken=taken,
        final=final,
        compared_mark=compared.version if compared else session.compared_mark,
    )
    members = {export.name: export for export in session.exports}
    return [
        _sliced(plan, members[plan.name], session, final=final) if plan.name in members else plan
        for plan in plans
    ], step


def _sliced(
    plan: ExportPlan, export: SessionExport, session: FullExportSession, *, final: bool
) -> ExportPlan:
    return plan.model_copy(
        update={
            "mode": "rebuild" if final else "slice",
            "reason": export.reason,
            "dated": export.dated,
            "earlier_results": session.results if final else (),
        }
    )
