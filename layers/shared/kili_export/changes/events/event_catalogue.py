"""Every event of Kili and its consequence. Source: the event models that Kili publishes."""

from collections.abc import Mapping
from types import MappingProxyType

from kili_export.changes.events.change_events import (
    Action,
    ChangeEvent,
    Decision,
    ExportDependencies,
    Row,
)

UNKNOWN_EVENT = "unknown event"
INTERNAL_EVENT = "internal to Kili"
NOT_IN_EXPORTS = "shows in no export"
LABEL_TYPE_NOT_EXPORTED = "label type not exported"
NOT_FILTERED_ON = "no export filters on it"
STEPS_NOT_USED = "no export depends on workflow steps"
SETTING_NOT_EXPORTED = "setting shows in no export"
# These can become the latest label of an asset and push an exported one aside, so that a change
# of them matters even to an export that does not hold their type.
_PEOPLES_LABELS = frozenset({"DEFAULT", "REVIEW"})
_EXPORTED_SETTINGS = frozenset({"title", "description", "geospatialsettings"})


def _label_type_exported(event: ChangeEvent, interests: ExportDependencies) -> bool:
    kind = event.label_type
    return kind is None or kind in _PEOPLES_LABELS or kind in interests.label_types


def _predictions_exported(_event: ChangeEvent, interests: ExportDependencies) -> bool:
    return "PREDICTION" in interests.label_types


def _inferences_exported(_event: ChangeEvent, interests: ExportDependencies) -> bool:
    return "INFERENCE" in interests.label_types


def _marks_matter(_event: ChangeEvent, interests: ExportDependencies) -> bool:
    return interests.marks


def _assignees_matter(_event: ChangeEvent, interests: ExportDependencies) -> bool:
    return interests.assignees


def _issues_matter(_event: ChangeEvent, interests: ExportDependencies) -> bool:
    return interests.issues


def _steps_matter(_event: ChangeEvent, interests: ExportDependencies) -> bool:
    return interests.steps


def _setting_shows(event: ChangeEvent, _interests: ExportDependencies) -> bool:
    changed = {name.lower() for name in event.fields}
    return not changed or bool(changed & _EXPORTED_SETTINGS)


_EXPORT = Row(Action.EXPORT_ASSET)
_REMOVE = Row(Action.REMOVE_ASSET)
_RECONCILE = Row(Action.RECONCILE)
_STOP = Row(Action.STOP)
_INTERNAL = Row(Action.IGNORE, reason=INTERNAL_EVENT)
_IGNORE = Row(Action.IGNORE, reason=NOT_IN_EXPORTS)
_BY_LABEL_TYPE = Row(Action.EXPORT_ASSET, _label_type_exported, LABEL_TYPE_NOT_EXPORTED)
_PREDICTION = Row(Action.EXPORT_ASSET, _predictions_exported, LABEL_TYPE_NOT_EXPORTED)
_INFERENCE = Row(Action.EXPORT_ASSET, _inferences_exported, LABEL_TYPE_NOT_EXPORTED)
_MARKS = Row(Action.EXPORT_ASSET, _marks_matter, NOT_FILTERED_ON)
_ASSIGNEE = Row(Action.EXPORT_ASSET, _assignees_matter, NOT_FILTERED_ON)
_ASSIGNEES = Row(Action.RECONCILE, _assignees_matter, NOT_FILTERED_ON)
_ISSUE = Row(Action.EXPORT_ASSET, _issues_matter, NOT_FILTERED_ON)
_STEPS = Row(Action.REBUILD, _steps_matter, STEPS_NOT_USED)
_SETTINGS = Row(Action.REBUILD, _setting_shows, SETTING_NOT_EXPORTED)
CATALOGUE: Mapping[str, Row] = MappingProxyType(
    {
        # the older calls
        "onSubmit": _BY_LABEL_TYPE,
        "onReview": _BY_LABEL_TYPE,
        "onSendBackToQueue": _EXPORT,
        "onCustomInterfaceClick": _IGNORE,
        # labels
        "label.workflow.created.default": _EXPORT,
        "label.workflow.created.review": _EXPORT,
        "label.workflow.created.honeypot": _EXPORT,
        "label.workflow.created.prediction": _PREDICTION,
        "label.workflow.created.inference": _INFERENCE,
        "label.workflow.edited": _EXPORT,
        "label.workflow.validated": _EXPORT,
        "label.workflow.rejected": _EXPORT,
        "label.workflow.revisionStarted": _EXPORT,
        "label.analytics.metrics.save.started": _INTERNAL,
        "label.jsonResponse.store.started": _INTERNAL,
        # assets
        "asset.created": _EXPORT,
        "asset.updated": _EXPORT,
        "asset.skipped": _EXPORT,
        "asset.unskipped": _EXPORT,
        "asset.deleted": _REMOVE,
        "asset.destroyed": _REMOVE,
        "asset.workflow.currentStep.changed": _EXPORT,
        "asset.workflow.currentStep.statusChanged": _EXPORT,
        "asset.workflow.setToNextStep": _EXPORT,
        "asset.workflow.step.consensus.activated": _EXPORT,
        "asset.workflow.step.consensus.deactivated": _EXPORT,
        "asset.workflow.assigned": _ASSIGNEE,
        "asset.workflow.lock.created": _IGNORE,
        "asset.workflow.lock.deleted": _IGNORE,
        "asset.issue.created": _ISSUE,
        "asset.issue.resolved": _ISSUE,
        "asset.issue.cancelled": _ISSUE,
        "asset.question.created": _ISSUE,
        "asset.question.resolved": _ISSUE,
        "asset.question.cancelled": _ISSUE,
        "asset.analytics.consensus.computed": _MARKS,
        "asset.analytics.honeypot.computed": _MARKS,
        "asset.analytics.reviewScore.computed": _MARKS,
        "asset.analytics.labelMetric.consensus.started": _INTERNAL,
        "asset.analytics.labelMetric.consensus.computed": _MARKS,
        "asset.analytics.labelMetric.honeypot.started": _INTERNAL,
        "asset.analytics.labelMetric.honeypot.computed": _MARKS,
        "asset.analytics.labelMetric.inference.started": _INTERNAL,
        "asset.analytics.labelMetric.inference.computed": _MARKS,
        "asset.analytics.labelMetric.reviewScore.started": _INTERNAL,
        "asset.analytics.labelMetric.reviewScore.computed": _MARKS,
        # the project
        "project.interface.updated": Row(Action.REBUILD),
        "project.settings.updated": _SETTINGS,
        "project.workflow.settings.updated": _STEPS,
        "project.workflow.step.created": _STEPS,
        "project.workflow.step.updated": _STEPS,
        "project.workflow.step.deleted": _STEPS,
        "project.workflow.stepGroup.created": _STEPS,
        "project.workflow.stepGroup.updated": _STEPS,
        "project.workflow.stepGroup.deleted": _STEPS,
        "project.workflow.distribution.rebuild.started": _INTERNAL,
        "project.workflow.distribution.rebuild.completed": _INTERNAL,
        # Bulk actions tell that they began and name no asset.
        "project.workflow.bulkAction.delete.started": _RECONCILE,
        "project.workflow.bulkAction.sendBackToQueue.started": _RECONCILE,
        "project.workflow.bulkAction.setToNextStep.started": _RECONCILE,
        "project.workflow.bulkAction.addToConsensus.started": _RECONCILE,
        "project.workflow.bulkAction.removeFromConsensus.started": _RECONCILE,
        "project.workflow.bulkAction.assign.started": _ASSIGNEES,
        "project.workflow.bulkAction.prioritize.started": _IGNORE,
        "project.archived": _STOP,
        "project.deleted": _STOP,
        "project.created": _IGNORE,
        "project.exported": _IGNORE,
        "project.auditTrail.export.requested": _IGNORE,
        "project.member.created": _IGNORE,
        "project.member.updated": _IGNORE,
        "project.member.deleted": _IGNORE,
        "project.member.analytics.labelerMetrics.rebuild.started": _INTERNAL,
        "project.member.analytics.projectUserMetrics.rebuild.started": _INTERNAL,
        "smartTool.interactiveSegmentation.created": _IGNORE,
        "smartTool.videoTracking.created": _IGNORE,
        # the customer's own storage: assets appear and vanish with it
        "assetStorage.connection.created": _RECONCILE,
        "assetStorage.connection.data.synchronized": _RECONCILE,
        "assetStorage.connection.deleted": _RECONCILE,
        "assetStorage.connection.filter.updated": _RECONCILE,
        "assetStorage.integration.created": _IGNORE,
        "assetStorage.integration.updated": _IGNORE,
        "assetStorage.integration.deleted": _IGNORE,
    }
)
EVENT_MATCHER = (
    "label.workflow.*",
    "asset.created",
    "asset.updated",
    "asset.deleted",
    "asset.destroyed",
    "asset.skipped",
    "asset.unskipped",
    "asset.workflow.*",
    "asset.issue.*",
    "asset.question.*",
    "asset.analytics.*",
    "project.interface.updated",
    "project.settings.updated",
    "project.workflow.*",
    "project.archived",
    "project.deleted",
    "assetStorage.connection.*",
)
"""The patterns of events that a webhook is installed for: all that any export may react to."""
HANDLER_TYPES = ("onSubmit", "onReview", "onSendBackToQueue")
"""The older calls that a webhook is installed for."""


def decide(event: ChangeEvent, interests: ExportDependencies) -> Decision:
    """What an event means for exports with these interests. Unknown events mean nothing."""
    row = CATALOGUE.get(event.name)
    return Decision(Action.IGNORE, UNKNOWN_EVENT) if row is None else row.decide(event, interests)


def names_an_asset(event_name: str) -> bool:
    """Whether an event of this name must carry an asset's id."""
    row = CATALOGUE.get(event_name)
    return row is not None and row.names_an_asset
