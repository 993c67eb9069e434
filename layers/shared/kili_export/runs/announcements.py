"""Tells the consumers what became of a run."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from pydantic import Field

from kili_export.archives.manifest import HoldReason, Manifest
from kili_export.archives.manifest_store import load_manifest
from kili_export.core.bucket_layout import manifest_key
from kili_export.core.document import Document, is_zero
from kili_export.core.errors import ExportError
from kili_export.registration.stored_registrations import load_registration
from kili_export.runs.lease import Lease, token_of
from kili_export.runs.messages import AggregateAnswer, FinishRequest, WorkflowError
from kili_export.runs.plan import RunPlan
from kili_export.storage.object_store import ObjectStore

_LONGEST_CAUSE = 1000
_log = logging.getLogger(__name__)


class EventPublisher(Protocol):
    """The event bus that consumers listen to."""

    def publish(self, detail_type: str, detail: Mapping[str, Any]) -> None:
        """Sends one event."""


class ExportPublished(Document):
    """An export has a new generation, or its archive was written again.

    `archive_generation` is the one that the archive holds; where it is below `generation`, the
    manifest's `deltas` follow. Without changes it is the archive alone that is new.
    `classes_changed`: the number of a class may mean another than in the generation before.
    `latest_held`: why `latest.zip` stays at a former generation; left out where it does not.
    """

    version: Literal["1"] = "1"
    project_id: str
    export_name: str
    format: str
    generation: int
    run_id: str
    bucket: str
    manifest_key: str
    archive_key: str
    archive_generation: int
    delta_key: str | None = None
    latest_key: str | None = None
    latest_held: tuple[HoldReason, ...] = Field(default=(), exclude_if=is_zero)
    size: int
    added: int
    changed: int
    removed: int
    quarantined: int
    classes_changed: bool = False
    published_at: datetime
    freshness_seconds: float | None = None


class AssetsQuarantined(Document):
    """Assets of an export could not be exported, and could be, or were unknown, before.

    `quarantined` counts all that the manifest lists, `newly_quarantined` those that this run added.
    """

    version: Literal["1"] = "1"
    project_id: str
    export_name: str
    format: str
    run_id: str
    quarantined: int
    newly_quarantined: int


@dataclass(frozen=True, slots=True)
class Announcer:
    """Sends the events of runs. An event may be sent more than once."""

    objects: ObjectStore
    publisher: EventPublisher
    bucket: str

    def published(self, plan: RunPlan, answer: AggregateAnswer) -> datetime | None:
        """Announces what this run published of an export. Answers when, of a new generation.

        That is a new generation, an archive that holds what deltas held before, or a copy at the
        fixed key that is not held back any more.
        """
        # An attempt before this one may have committed it: then the plan knows the generation.
        is_new = (
            answer.delta_key is not None
            or answer.generation != plan.export(answer.export).generation
        )
        if not (is_new or answer.rewritten or answer.released):
            return None
        manifest, _ = load_manifest(self.objects, plan.project_id, answer.export)
        if manifest is None or manifest.generation != answer.generation:
            # Another run published after this one, and announces it.
            return None
        fresh = freshness(plan.first_event_at, manifest.published_at) if is_new else None
        event = self._event(manifest, fresh)
        self.publisher.publish(PUBLISHED, event.model_dump(mode="json"))
        return manifest.published_at if is_new else None

    def quarantined(self, plan: RunPlan, answer: AggregateAnswer) -> None:
        """Announces which assets an export quarantined in this run, if it did."""
        if not answer.quarantined:
            return
        manifest, _ = load_manifest(self.objects, plan.project_id, answer.export)
        if manifest is not None:
            self._announce_quarantine(manifest, plan.run_id)

    def _announce_quarantine(self, manifest: Manifest, run_id: str) -> None:
        added = sum(one.run_id == run_id for one in manifest.quarantined)
        if added:
            event = AssetsQuarantined(
                project_id=manifest.project_id,
                export_name=manifest.export_name,
                format=manifest.format,
                run_id=run_id,
                quarantined=len(manifest.quarantined),
                newly_quarantined=added,
            )
            self.publisher.publish(QUARANTINED, event.model_dump(mode="json"))

    def catch_up(
        self,
        lease: Lease,
        *,
        until: int | None = None,
        failed: frozenset[str] = frozenset(),
    ) -> bool:
        """Announces what former holders published and perhaps did not announce.

        That is what is current since a run whose token comes after `announced_up_to` and, if given,
        before `until`; of exports that `failed` also that run's own: who published may die right
        after. Answers whether all was sent: a bus that is down holds nobody up.
        """
        if not failed and lease.announced_up_to >= (lease.token if until is None else until - 1):
            return True
        try:
            registration = load_registration(self.objects, lease.project_id)
            for export in registration.exports if registration else ():
                manifest, _ = load_manifest(self.objects, lease.project_id, export.name)
                if manifest is None or token_of(manifest.run_id) <= lease.announced_up_to:
                    continue
                own = until is not None and token_of(manifest.run_id) >= until
                if not own or export.name in failed:
                    fresh = freshness(manifest.first_event_at, manifest.published_at)
                    event = self._event(manifest, fresh)
                    self.publisher.publish(PUBLISHED, event.model_dump(mode="json"))
                    self._announce_quarantine(manifest, manifest.run_id)
        except ExportError:
            _log.warning("what is published could not be announced", exc_info=True)
            return False
        return True

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

    def _event(self, manifest: Manifest, freshness_seconds: float | None) -> ExportPublished:
        delta = manifest.own_delta
        return ExportPublished(
            project_id=manifest.project_id,
            export_name=manifest.export_name,
            format=manifest.format,
            generation=manifest.generation,
            run_id=manifest.run_id,
            bucket=self.bucket,
            manifest_key=manifest_key(manifest.project_id, manifest.export_name),
            archive_key=manifest.archive.key,
            archive_generation=manifest.archive.generation,
            delta_key=delta.key if delta else None,
            latest_key=manifest.latest_key,
            latest_held=manifest.latest.held if manifest.latest else (),
            size=manifest.archive.size,
            added=delta.added if delta else manifest.first_members,
            changed=delta.changed if delta else 0,
            removed=delta.removed if delta else 0,
            quarantined=len(manifest.quarantined),
            classes_changed=manifest.changes_classes,
            published_at=manifest.published_at,
            freshness_seconds=freshness_seconds,
        )


def freshness(first_event_at: datetime | None, published_at: datetime) -> float | None:
    """Seconds from the first change that a run answers for to the publishing."""
    if first_event_at is None:
        return None
    return max(0.0, (published_at - first_event_at).total_seconds())


PUBLISHED = "Export Published"
FAILED = "Export Failed"
QUARANTINED = "Assets Quarantined"
SOURCE = "kili-continuous-export"


class ExportFailed(Document):
    """A run, or one export of it, failed; nothing that was published changed."""

    version: Literal["1"] = "1"
    project_id: str
    export_name: str | None = None
    run_id: str | None = None
    execution_arn: str
    error: str
    cause: str
