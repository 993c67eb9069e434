"""Choices among labels that compare labels with each other, as Kili's filters cannot."""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from kili_export.core.asset import sortable_moment

DRAFT = "AUTOSAVE"
SUBMITTED = "DEFAULT"


class LabelChoice(StrEnum):
    """Which of the labels that match the filters are wanted."""

    ALL = "all"
    LATEST_PER_ASSET = "latest_per_asset"
    """The newest of each asset; drafts do not count, as in Kili's own `latestLabel`."""
    LATEST_REVIEW_PER_USER = "latest_review_per_user"
    """Those that Kili marks as `isLatestReviewLabelForUser`."""
    LATEST_PER_ANNOTATOR = "latest_per_annotator"
    """The newest submitted one (DEFAULT) of each author on each asset."""


@dataclass(frozen=True, slots=True)
class LabelMarks:
    """What a choice looks at. `author` is an e-mail or an id, empty for a label of a model."""

    label_id: str
    asset_id: str
    author: str
    label_type: str
    created_at: str
    is_latest_review: bool


def chosen_labels(choice: LabelChoice, labels: Iterable[LabelMarks]) -> list[str]:
    """The ids of the labels that the choice leaves, in the order in which they were given.

    "Newest" is by creation; of two labels of one moment the first is taken.
    """
    candidates = list(labels)
    if choice is LabelChoice.LATEST_REVIEW_PER_USER:
        candidates = [label for label in candidates if label.is_latest_review]
    elif choice is LabelChoice.LATEST_PER_ASSET:
        settled = [label for label in candidates if label.label_type != DRAFT]
        candidates = _newest(settled, lambda label: label.asset_id)
    elif choice is LabelChoice.LATEST_PER_ANNOTATOR:
        submitted = [label for label in candidates if label.label_type == SUBMITTED]
        candidates = _newest(submitted, lambda label: (label.asset_id, label.author))
    return [label.label_id for label in candidates]


def _newest(labels: list[LabelMarks], group: Callable[[LabelMarks], Hashable]) -> list[LabelMarks]:
    newest: dict[Hashable, LabelMarks] = {}
    for label in labels:
        rival = newest.get(group(label))
        if rival is None or sortable_moment(label.created_at) > sortable_moment(rival.created_at):
            newest[group(label)] = label
    kept = {label.label_id for label in newest.values()}
    return [label for label in labels if label.label_id in kept]
