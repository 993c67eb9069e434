"""Which labels of an asset are its latest ones, and where the asset stands in the workflow.

The real server's rules are not published in full; these are the stand-in's, chosen so that each
export type selects something different. "Newest" is by creation date. Labels that are not visible
yet (see `Lag`) are left out before any rule is applied.

- A label belongs to the first workflow step of its own type (DEFAULT, REVIEW), unless it names
  another one. AUTOSAVE, PREDICTION and INFERENCE labels belong to none.
- `latestLabel`: the newest label that is not an AUTOSAVE, of whatever other type.
- `isLatestLabelForUser`: no newer label of the same author on the asset.
- `isLastForStep`: the newest label of its step; on a consensus asset, the newest of its author
  in its step.
- `latestLabels`: the labels with `isLastForStep` of the step that the newest submitted label
  belongs to, oldest first. So sending back and labelling again moves an asset back to its first
  step. On a consensus asset there is one entry for each assignee first, in order of assignment,
  null for one who has not labelled in that step, then those of other authors.
- Asset status: TODO without labels by people; ONGOING with only a draft or when the newest
  submitted label was sent back; else TO_REVIEW when so marked; else REVIEWED or LABELED by the
  type of the newest submitted label.
- Current step: the first without a submitted label, the first again (REDO) when sent back, the
  next step (TO_DO) after a label of another one, the last step (DONE) after a label of it.
  Skipping an asset keeps the step and makes its status SKIPPED.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from kili_export.local.kili_standin.state.model import (
    SUBMITTED,
    Asset,
    Label,
    Project,
    Step,
    StepStatus,
    User,
)


def newest_submitted(labels: Sequence[Label]) -> Label | None:
    """The newest DEFAULT or REVIEW label."""
    return next((label for label in reversed(labels) if label.label_type in SUBMITTED), None)


def latest_label(labels: Sequence[Label]) -> Label | None:
    """The newest label that is not a draft."""
    return next((label for label in reversed(labels) if label.label_type != "AUTOSAVE"), None)


def is_latest_for_user(labels: Sequence[Label], label: Label) -> bool:
    """Whether its author has no newer label among these."""
    newest = next((one for one in reversed(labels) if one.author.id == label.author.id), None)
    return newest is label


def is_latest_of_type(labels: Sequence[Label], label: Label, label_type: str) -> bool:
    """Whether it is the newest label of this type among these."""
    newest = next((one for one in reversed(labels) if one.label_type == label_type), None)
    return newest is label


def is_last_for_step(asset: Asset, labels: Sequence[Label], label: Label) -> bool:
    """Whether the label is the last one of its step (of its author in it, under consensus)."""
    if label.label_type not in SUBMITTED:
        return False
    rivals = (
        one
        for one in reversed(labels)
        if (one.label_type, one.step_id) == (label.label_type, label.step_id)
        and (not asset.is_used_for_consensus or one.author.id == label.author.id)
    )
    return next(rivals, None) is label


def latest_labels(asset: Asset, labels: Sequence[Label]) -> list[Label | None]:
    """The last labels of the step that the asset reached; null for who is still to label."""
    newest = newest_submitted(labels)
    if newest is None:
        return []
    last = [
        label
        for label in labels
        if (label.label_type, label.step_id) == (newest.label_type, newest.step_id)
        and is_last_for_step(asset, labels, label)
    ]
    if not asset.is_used_for_consensus:
        return list(last)
    assigned = [_by_author(last, user) for user in asset.assignees]
    return [*assigned, *(label for label in last if label not in assigned)]


def _by_author(labels: Sequence[Label], user: User) -> Label | None:
    return next((label for label in labels if label.author.id == user.id), None)


def asset_status(asset: Asset, labels: Sequence[Label]) -> str:
    """The asset's status in the vocabulary of the first workflow version."""
    newest = newest_submitted(labels)
    if newest is None:
        drafted = any(label.label_type == "AUTOSAVE" for label in labels)
        return "ONGOING" if drafted else "TODO"
    if newest.is_sent_back:
        return "ONGOING"
    if asset.to_review:
        return "TO_REVIEW"
    return "REVIEWED" if newest.label_type == "REVIEW" else "LABELED"


@dataclass(frozen=True, slots=True)
class Position:
    """The step at which an asset stands, and its status there."""

    step: Step
    status: StepStatus


def position(project: Project, asset: Asset, labels: Sequence[Label]) -> Position | None:
    """Where the asset stands; None in a project without steps."""
    if not project.steps:
        return None
    here = _position_by_labels(project, labels)
    return Position(here.step, "SKIPPED") if asset.skipped else here


def _position_by_labels(project: Project, labels: Sequence[Label]) -> Position:
    first, last = project.steps[0], project.steps[-1]
    newest = newest_submitted(labels)
    if newest is None:
        drafted = any(label.label_type == "AUTOSAVE" for label in labels)
        return Position(first, "IN_PROGRESS" if drafted else "TO_DO")
    if newest.is_sent_back:
        return Position(first, "REDO")
    reached = project.step_of_label(newest) or last
    if reached is last:
        return Position(last, "DONE")
    return Position(project.steps[project.steps.index(reached) + 1], "TO_DO")
