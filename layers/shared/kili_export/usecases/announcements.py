"""Tells the consumers what became of a run."""

from dataclasses import dataclass
from datetime import datetime

from kili_export.contracts.manifest import Manifest
from kili_export.contracts.notifications import FAILED, PUBLISHED, ExportFailed, ExportPublished
from kili_export.contracts.run_plan import RunPlan
from kili_export.contracts.workflow import AggregateAnswer, FinishRequest, WorkflowError
from kili_export.domain.keys import manifest_key
from kili_export.ports import EventPublisher, ObjectStore
from kili_export.usecases.published_exports import load_manifest

_LONGEST_CAUSE = 1000


@dataclass(frozen=True, slots=True)
class Announcer:
    """Sends the events of runs. An event may be sent more than once."""

    objects: ObjectStore
    publisher: EventPublisher
    bucket: str

    def published(self, plan: RunPlan, answer: AggregateAnswer) -> datetime | None:
        """Announces what this run published of an export. Answers when, of a new generation.

        That is a new generation, or an archive that holds what deltas had told before.
        """
        is_new = answer.generation != plan.export(answer.export).generation
        if not is_new and not answer.rewritten:
            return None
        manifest, _ = load_manifest(self.objects, plan.project_id, answer.export)
        if manifest is None or manifest.generation != answer.generation:
            # Somebody published after this run, and has told or will tell.
            return None
        fresh = freshness(plan, manifest.published_at) if is_new else None
        event = self._event(plan, answer, manifest, fresh)
        self.publisher.publish(PUBLISHED, event.model_dump(mode="json"))
        return manifest.published_at if is_new else None

    def failed(
        self, request: FinishRequest, error: WorkflowError, export: str | None = None
    ) -> None:
        """Announces that an export, or without `export` a whole run, failed."""
        event = ExportFailed(
            project_id=request.project_id,
            export_name=export,
            run_id=request.run_id,
            execution_arn=request.execution_arn,
            error=error.error,
            cause=error.cause[:_LONGEST_CAUSE],
        )
        self.publisher.publish(FAILED, event.model_dump(mode="json"))

    def _event(
        self,
        plan: RunPlan,
        answer: AggregateAnswer,
        manifest: Manifest,
        freshness_seconds: float | None,
    ) -> ExportPublished:
        return ExportPublished(
            project_id=plan.project_id,
            export_name=answer.export,
            format=manifest.format,
            generation=manifest.generation,
            run_id=plan.run_id,
            bucket=self.bucket,
            manifest_key=manifest_key(plan.project_id, answer.export),
            archive_key=manifest.archive.key,
            archive_generation=manifest.archive.generation,
            delta_key=answer.delta_key,
            latest_key=manifest.latest_key,
            size=manifest.archive.size,
            added=answer.added,
            changed=answer.changed,
            removed=answer.removed,
            quarantined=answer.quarantined,
            published_at=manifest.published_at,
            freshness_seconds=freshness_seconds,
        )


def freshness(plan: RunPlan, published_at: datetime) -> float | None:
    """Seconds from the first change that the run answers for to the publishing."""
    if plan.first_event_at is None:
        return None
    return max(0.0, (published_at - plan.first_event_at).total_seconds())
