"""The catalogue of events against the models that Kili publishes."""

from collections.abc import Mapping
from typing import Any

import kili_events
import pytest
from kili.domain.label import LabelType
from kili_events import events_matching, is_system_event, matches_subject

from kili_export.changes.events.change_events import Action, ExportDependencies
from kili_export.changes.events.event_catalogue import (
    CATALOGUE,
    EVENT_MATCHER,
    HANDLER_TYPES,
    decide,
)
from kili_export.changes.events.webhook_body import read_event

SUBJECTS = tuple(kili_events.EVENT_MODELS)
OLDER_CALLS = {"onSubmit", "onReview", "onSendBackToQueue", "onCustomInterfaceClick"}
EVERYTHING = ExportDependencies(
    frozenset({"AUTOSAVE", "DEFAULT", "INFERENCE", "PREDICTION", "REVIEW"}), True, True, True, True
)


def test_there_are_subjects_to_check() -> None:
    assert len(SUBJECTS) > 60
    assert "label.workflow.created.default" in SUBJECTS


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_event_of_kili_has_a_row(subject: str) -> None:
    assert subject in CATALOGUE, f"decide what {subject} means and add it to the catalogue"


def test_every_row_is_an_event_of_kili() -> None:
    assert CATALOGUE.keys() - set(SUBJECTS) == OLDER_CALLS


def _payload_fields(subject: str) -> Mapping[str, Any]:
    payload = kili_events.EVENT_MODELS[subject].model_fields.get("payload")
    kind = payload.annotation if payload else None
    return getattr(kind, "model_fields", {})


@pytest.mark.parametrize("subject", SUBJECTS)
def test_who_acts_on_an_asset_is_told_which(subject: str) -> None:
    if CATALOGUE[subject].names_an_asset:
        assert "asset_id" in _payload_fields(subject)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_events_are_read_by_the_names_that_the_models_send(subject: str) -> None:
    known = _payload_fields(subject)
    named = {
        alias: value
        for field, value in {"asset_id": "A", "label_id": "L", "fields": ["title"]}.items()
        if field in known and (alias := known[field].alias)
    }
    sent = {"event": subject, "projectId": "P", "payload": named}

    event = read_event(sent)

    assert event.asset_id == ("A" if "asset_id" in known else None)
    assert event.label_id == ("L" if "label_id" in known else None)
    assert event.fields == (("title",) if "fields" in known else ())


@pytest.mark.parametrize("pattern", EVENT_MATCHER)
def test_each_pattern_that_is_installed_matches_something(pattern: str) -> None:
    assert events_matching(pattern), "a pattern that can never fire"


@pytest.mark.parametrize("subject", [s for s in SUBJECTS if not is_system_event(s)])
def test_every_event_that_means_something_is_asked_for(subject: str) -> None:
    event = read_event({"event": subject, "projectId": "P", "payload": {"assetId": "A"}})

    if decide(event, EVERYTHING).action is not Action.IGNORE:
        assert any(matches_subject(pattern, subject) for pattern in EVENT_MATCHER)


def test_the_older_calls_are_asked_for_too() -> None:
    assert set(HANDLER_TYPES) == OLDER_CALLS - {"onCustomInterfaceClick"}


def test_the_label_types_are_kilis() -> None:
    assert set(LabelType.__args__) == EVERYTHING.label_types
