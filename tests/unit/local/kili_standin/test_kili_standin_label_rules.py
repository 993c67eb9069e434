"""Which labels count as latest, and where an asset stands."""

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kili_export.local.kili_standin.state import label_rules
from kili_export.local.kili_standin.state.model import (
    EMPTY_CONTENT,
    SUBMITTED,
    Asset,
    Label,
    LabelType,
    Project,
    Step,
    User,
)

ALICE = User("u1", "alice@example.com", "Alice", "Adams")
BOB = User("u2", "bob@example.com", "Bob", "Baker")
CHLOE = User("u3", "chloe@example.com", "Chloé", "Çelik", "REVIEWER")
START = datetime(2026, 1, 5, tzinfo=UTC)
STEPS = [Step("s1", "Labeling", "DEFAULT"), Step("s2", "Review", "REVIEW")]


def _asset(**settings: object) -> Asset:
    asset = Asset("a", "a.png", START, START)
    for name, value in settings.items():
        setattr(asset, name, value)
    return asset


def _labels(*written: tuple[User, LabelType]) -> list[Label]:
    return [
        Label(f"l{n}", author, kind, START + timedelta(seconds=n), START, EMPTY_CONTENT)
        for n, (author, kind) in zip(count(), written, strict=False)
    ]


def _project() -> Project:
    return Project("p", "T", None, "IMAGE", {}, START, START, [ALICE, BOB, CHLOE], STEPS)


def test_the_latest_label_is_the_newest_of_any_type_but_a_draft() -> None:
    labels = _labels((ALICE, "DEFAULT"), (BOB, "PREDICTION"), (ALICE, "AUTOSAVE"))
    assert label_rules.latest_label(labels) is labels[1]


def test_nothing_is_latest_without_labels() -> None:
    assert label_rules.latest_label([]) is None
    assert label_rules.latest_labels(_asset(), []) == []


def test_the_latest_labels_are_those_of_the_step_that_was_reached() -> None:
    labels = _labels((ALICE, "DEFAULT"), (BOB, "DEFAULT"), (CHLOE, "REVIEW"))
    assert label_rules.latest_labels(_asset(), labels) == [labels[2]]


def test_labelling_again_after_a_review_returns_to_the_first_step() -> None:
    labels = _labels((ALICE, "DEFAULT"), (CHLOE, "REVIEW"), (ALICE, "DEFAULT"))
    assert label_rules.latest_labels(_asset(), labels) == [labels[2]]


def test_consensus_has_one_entry_for_each_assignee_and_null_for_who_has_not_labelled() -> None:
    asset = _asset(is_used_for_consensus=True, assignees=[BOB, ALICE])
    labels = _labels((CHLOE, "DEFAULT"), (ALICE, "DEFAULT"), (ALICE, "DEFAULT"))
    assert label_rules.latest_labels(asset, labels) == [None, labels[2], labels[0]]


def test_without_consensus_only_the_newest_label_of_a_step_is_its_last() -> None:
    labels = _labels((ALICE, "DEFAULT"), (BOB, "DEFAULT"))
    last = [label_rules.is_last_for_step(_asset(), labels, label) for label in labels]
    assert last == [False, True]


def test_a_label_is_the_latest_of_its_author_whatever_others_wrote() -> None:
    labels = _labels((ALICE, "DEFAULT"), (ALICE, "DEFAULT"), (BOB, "DEFAULT"))
    latest = [label_rules.is_latest_for_user(labels, label) for label in labels]
    assert latest == [False, True, True]


@pytest.mark.parametrize(
    ("written", "sent_back", "status", "step", "step_status"),
    [
        ([], False, "TODO", "s1", "TO_DO"),
        ([(BOB, "PREDICTION")], False, "TODO", "s1", "TO_DO"),
        ([(ALICE, "AUTOSAVE")], False, "ONGOING", "s1", "IN_PROGRESS"),
        ([(ALICE, "DEFAULT")], False, "LABELED", "s2", "TO_DO"),
        ([(ALICE, "DEFAULT")], True, "ONGOING", "s1", "REDO"),
        ([(ALICE, "DEFAULT"), (CHLOE, "REVIEW")], False, "REVIEWED", "s2", "DONE"),
    ],
)
def test_status_and_step_follow_from_the_newest_submitted_label(
    written: list[tuple[User, LabelType]],
    sent_back: bool,
    status: str,
    step: str,
    step_status: str,
) -> None:
    labels = _labels(*written)
    if labels:
        labels[-1].is_sent_back = sent_back
    here = label_rules.position(_project(), _asset(), labels)
    assert here is not None
    assert label_rules.asset_status(_asset(), labels) == status
    assert (here.step.id, here.status) == (step, step_status)


def test_skipping_keeps_the_step() -> None:
    here = label_rules.position(_project(), _asset(skipped=True), _labels((ALICE, "DEFAULT")))
    assert here is not None
    assert (here.step.id, here.status) == ("s2", "SKIPPED")


_WRITTEN = st.lists(
    st.tuples(
        st.sampled_from([ALICE, BOB, CHLOE]),
        st.sampled_from(["DEFAULT", "REVIEW", "AUTOSAVE", "PREDICTION", "INFERENCE"]),
    ),
    max_size=8,
)


@given(written=_WRITTEN, consensus=st.booleans())
def test_every_latest_label_is_last_for_its_step(
    written: list[tuple[User, LabelType]], consensus: bool
) -> None:
    asset = _asset(is_used_for_consensus=consensus, assignees=[ALICE] if consensus else [])
    labels = _labels(*written)
    latest = [one for one in label_rules.latest_labels(asset, labels) if one is not None]
    assert all(label_rules.is_last_for_step(asset, labels, one) for one in latest)
    assert bool(latest) is any(label.label_type in SUBMITTED for label in labels)
    assert len({one.label_type for one in latest}) <= 1
