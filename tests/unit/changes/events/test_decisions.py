"""What events mean for exports of different interests."""

import pytest

from kili_export.changes.events.change_events import (
    Action,
    ChangeEvent,
    Decision,
    ExportDependencies,
)
from kili_export.changes.events.event_catalogue import (
    INTERNAL_EVENT,
    LABEL_TYPE_NOT_EXPORTED,
    NOT_FILTERED_ON,
    NOT_IN_EXPORTS,
    SETTING_NOT_EXPORTED,
    STEPS_NOT_USED,
    UNKNOWN_EVENT,
    decide,
)
from kili_export.core.export_options import ExportOptions, ExportType

PLAIN = ExportDependencies(frozenset({"DEFAULT", "REVIEW"}))


def _on(name: str, **details: object) -> ChangeEvent:
    given = {"asset_id": "A", **details}
    return ChangeEvent(name, "P", **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name",
    [
        "onSubmit",
        "onReview",
        "onSendBackToQueue",
        "label.workflow.created.default",
        "label.workflow.created.review",
        "label.workflow.created.honeypot",
        "label.workflow.edited",
        "label.workflow.validated",
        "label.workflow.rejected",
        "label.workflow.revisionStarted",
        "asset.created",
        "asset.updated",
        "asset.skipped",
        "asset.unskipped",
        "asset.workflow.currentStep.changed",
        "asset.workflow.currentStep.statusChanged",
        "asset.workflow.setToNextStep",
        "asset.workflow.step.consensus.activated",
        "asset.workflow.step.consensus.deactivated",
    ],
)
def test_what_may_show_in_any_export_exports_the_asset(name: str) -> None:
    assert decide(_on(name), PLAIN) == Decision(Action.EXPORT_ASSET)


@pytest.mark.parametrize("name", ["asset.deleted", "asset.destroyed"])
def test_a_deleted_asset_is_removed(name: str) -> None:
    assert decide(_on(name), PLAIN) == Decision(Action.REMOVE_ASSET)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("label.workflow.created.prediction", "PREDICTION"),
        ("label.workflow.created.inference", "INFERENCE"),
    ],
)
def test_machine_labels_matter_to_who_exports_them(name: str, kind: str) -> None:
    assert decide(_on(name), PLAIN) == Decision(Action.IGNORE, LABEL_TYPE_NOT_EXPORTED)
    assert decide(_on(name), ExportDependencies(frozenset({kind}))).action is Action.EXPORT_ASSET


@pytest.mark.parametrize("name", ["onSubmit", "onReview"])
@pytest.mark.parametrize("kind", ["PREDICTION", "INFERENCE", "AUTOSAVE"])
def test_a_submitted_label_of_a_type_that_nobody_exports_is_ignored(name: str, kind: str) -> None:
    event = _on(name, label_type=kind)

    assert decide(event, PLAIN) == Decision(Action.IGNORE, LABEL_TYPE_NOT_EXPORTED)
    assert decide(event, ExportDependencies(frozenset({kind}))).action is Action.EXPORT_ASSET


def test_a_persons_label_matters_even_to_who_exports_another_type() -> None:
    only_reviews = ExportDependencies(frozenset({"REVIEW"}))

    assert decide(_on("onSubmit", label_type="DEFAULT"), only_reviews).action is Action.EXPORT_ASSET


@pytest.mark.parametrize(
    ("name", "interest"),
    [
        ("asset.workflow.assigned", "assignees"),
        ("asset.issue.created", "issues"),
        ("asset.issue.resolved", "issues"),
        ("asset.question.cancelled", "issues"),
        ("asset.analytics.consensus.computed", "marks"),
        ("asset.analytics.honeypot.computed", "marks"),
        ("asset.analytics.reviewScore.computed", "marks"),
    ],
)
def test_what_only_filters_see_matters_where_they_are_used(name: str, interest: str) -> None:
    interested = ExportDependencies(PLAIN.label_types, **{interest: True})

    assert decide(_on(name), PLAIN) == Decision(Action.IGNORE, NOT_FILTERED_ON)
    assert decide(_on(name), interested).action is Action.EXPORT_ASSET


@pytest.mark.parametrize(
    "name",
    [
        "project.workflow.settings.updated",
        "project.workflow.step.created",
        "project.workflow.step.updated",
        "project.workflow.step.deleted",
        "project.workflow.stepGroup.updated",
    ],
)
def test_the_workflow_matters_where_labels_are_taken_by_step(name: str) -> None:
    assert decide(ChangeEvent(name, "P"), PLAIN) == Decision(Action.IGNORE, STEPS_NOT_USED)
    by_step = ExportDependencies(PLAIN.label_types, steps=True)
    assert decide(ChangeEvent(name, "P"), by_step).action is Action.REBUILD


@pytest.mark.parametrize(
    ("fields", "decision"),
    [
        ((), Decision(Action.REBUILD)),
        (("title",), Decision(Action.REBUILD)),
        (("color", "description"), Decision(Action.REBUILD)),
        (("geospatialSettings",), Decision(Action.REBUILD)),
        (("useHoneyPot",), Decision(Action.IGNORE, SETTING_NOT_EXPORTED)),
    ],
)
def test_settings_matter_that_show_in_an_archive(
    fields: tuple[str, ...], decision: Decision
) -> None:
    event = ChangeEvent("project.settings.updated", "P", fields=fields)

    assert decide(event, PLAIN) == decision


def test_another_interface_rebuilds() -> None:
    event = ChangeEvent("project.interface.updated", "P")

    assert decide(event, PLAIN) == Decision(Action.REBUILD)


@pytest.mark.parametrize(
    "name",
    [
        "project.workflow.bulkAction.delete.started",
        "project.workflow.bulkAction.sendBackToQueue.started",
        "project.workflow.bulkAction.setToNextStep.started",
        "project.workflow.bulkAction.addToConsensus.started",
        "project.workflow.bulkAction.removeFromConsensus.started",
        "assetStorage.connection.data.synchronized",
        "assetStorage.connection.deleted",
        "assetStorage.connection.filter.updated",
    ],
)
def test_a_change_of_nobody_knows_which_assets_is_reconciled(name: str) -> None:
    assert decide(ChangeEvent(name, "P"), PLAIN) == Decision(Action.RECONCILE)


def test_a_change_of_an_asset_that_is_not_named_is_reconciled() -> None:
    event = ChangeEvent("label.workflow.edited", "P")

    assert decide(event, PLAIN) == Decision(Action.RECONCILE)


@pytest.mark.parametrize("name", ["project.archived", "project.deleted"])
def test_a_closed_project_stops(name: str) -> None:
    assert decide(ChangeEvent(name, "P"), PLAIN) == Decision(Action.STOP)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("project.exported", NOT_IN_EXPORTS),
        ("project.member.created", NOT_IN_EXPORTS),
        ("asset.workflow.lock.created", NOT_IN_EXPORTS),
        ("onCustomInterfaceClick", NOT_IN_EXPORTS),
        ("project.workflow.bulkAction.prioritize.started", NOT_IN_EXPORTS),
        ("label.jsonResponse.store.started", INTERNAL_EVENT),
        ("label.workflow", UNKNOWN_EVENT),
        ("label.workflow.created.tomorrow", UNKNOWN_EVENT),
        ("ONSUBMIT", UNKNOWN_EVENT),
    ],
)
def test_the_rest_is_ignored_with_a_reason(name: str, reason: str) -> None:
    assert decide(_on(name), PLAIN) == Decision(Action.IGNORE, reason)


def _interests(**options: object) -> ExportDependencies:
    return ExportDependencies.of([ExportOptions("coco"), ExportOptions("kili", **options)])  # type: ignore[arg-type]


def test_the_interests_of_exports_are_taken_together() -> None:
    assert _interests() == PLAIN
    assert _interests(label_type_in=("PREDICTION",)).label_types == {
        "DEFAULT",
        "REVIEW",
        "PREDICTION",
    }


@pytest.mark.parametrize(
    ("options", "interest"),
    [
        ({"export_type": ExportType.LATEST_FROM_LAST_STEP}, "steps"),
        ({"export_type": ExportType.LATEST_FROM_ALL_STEPS}, "steps"),
        ({"filters": {"step_status_in": ["DONE"]}}, "steps"),
        ({"filters": {"step_name_in": ["Review"]}}, "steps"),
        ({"filters": {"group_name_not_in": ["g"]}}, "steps"),
        ({"filters": {"assignee_not_in": ["u"]}}, "assignees"),
        ({"filters": {"issue_type": "ISSUE"}}, "issues"),
        ({"filters": {"honeypot_mark_gte": 0.5}}, "marks"),
        ({"filters": {"label_author_in": ["u"]}}, None),
        ({"export_type": ExportType.NORMAL}, None),
    ],
)
def test_options_and_filters_are_interests(
    options: dict[str, object], interest: str | None
) -> None:
    interests = _interests(**options)

    held = {name for name in ("marks", "assignees", "issues", "steps") if getattr(interests, name)}
    assert held == ({interest} if interest else set())
