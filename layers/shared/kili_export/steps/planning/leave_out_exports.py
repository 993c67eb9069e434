"""Leaves out of a run the exports that cannot be made now, and tells their consumers."""

from dataclasses import dataclass

from kili_export.changes.comparison.declared_exports import ExportState
from kili_export.runs.announcements import FAILED, EventPublisher, ExportFailed
from kili_export.runs.held_removals import RemovalStore
from kili_export.runs.tracked_exports import TrackedExports, TrackedExportsStore
from kili_export.steps.planning.run_draft import RunDraft
from kili_export.storage.object_store import ObjectStore


@dataclass(frozen=True, slots=True)
class LeaveOut:
    """Sorts the exports of a run."""

    objects: ObjectStore
    removals: RemovalStore
    publisher: EventPublisher

    def __call__(self, run: RunDraft) -> list[ExportState]:
        """The exports that can be made now; the others are not followed any more, from now on."""
        held = self.removals.held(run.project_id)
        waiting = held.exports if held else frozenset()
        reasons = {
            export.name: export.problem or "waits for removals to be confirmed"
            for export in run.exports
            if export.problem or export.name in waiting
        }
        followed = TrackedExportsStore(self.objects, run.registration)
        before = followed.read(run.project_id)
        declared = {export.name for export in run.exports}
        names = (before.names & declared) - reasons.keys()
        followed.leave_out(
            run.project_id,
            TrackedExports(names=frozenset(names), left_out=reasons, registration=run.registration),
        )
        for export in run.exports:
            if export.problem and before.left_out.get(export.name) != export.problem:
                self._tell_left_out(run, export)
        return [export for export in run.exports if export.name not in reasons]

    def _tell_left_out(self, run: RunDraft, export: ExportState) -> None:
        failed = ExportFailed(
            project_id=run.project_id,
            export_name=export.name,
            run_id=run.run_id,
            execution_arn=run.lease.holder or "",
            error="IncompatibleProject",
            cause=export.problem,
        )
        self.publisher.publish(FAILED, failed.model_dump(mode="json"))
