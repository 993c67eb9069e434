"""What endpoints get of an event."""

import json
from typing import get_args

import pytest

from kili_export.notifications.event_messages import AnnouncedEvent
from kili_export.registration.notify_endpoint import EVENT_NAMES, EventName, NotifyEndpoint
from kili_export.runs import announcements
from tests.support.notified import FAILED, endpoint, failed, published

STANDARD = NotifyEndpoint(**endpoint())
SLACK = NotifyEndpoint(name="team", secret="team", style="slack")


def test_the_names_are_those_of_the_bus() -> None:
    assert get_args(EventName) == EVENT_NAMES
    sent = {announcements.PUBLISHED, announcements.FAILED, announcements.QUARANTINED}
    assert sent == set(EVENT_NAMES) - {"Removals Held"}


def test_removals_that_are_held_are_an_event_of_their_own() -> None:
    assert failed(error="RemovalsHeld").name == "Removals Held"
    assert failed().name == "Export Failed"
    assert AnnouncedEvent("Something Else", {}, "").name is None


def test_the_same_event_announced_again_has_the_same_id() -> None:
    assert published().delivery_id(STANDARD) == published(freshness_seconds=None).delivery_id(
        STANDARD
    )


def test_other_events_and_other_endpoints_have_other_ids() -> None:
    other = NotifyEndpoint(**endpoint(name="other"))
    ids = [
        published().delivery_id(STANDARD),
        published().delivery_id(other),
        published(generation=4).delivery_id(STANDARD),
        published(project_id="project2").delivery_id(STANDARD),
        AnnouncedEvent("Export Failed", published().detail, "").delivery_id(STANDARD),
    ]
    assert len(set(ids)) == len(ids)


def test_a_body_has_type_time_and_the_whole_detail() -> None:
    assert json.loads(failed().body(STANDARD)) == {
        "type": "Export Failed",
        "timestamp": "2026-03-02T12:00:01Z",
        "data": FAILED,
    }


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (published(), "Export Published: project1/yolo: generation 3, files: 0 added, 2 changed,"),
        (failed(), "Export Failed: project1/yolo: Unavailable: Kili does not answer"),
        (failed(export_name=None), "Export Failed: project1: Unavailable"),
        (failed(error="RemovalsHeld", cause="7 assets are gone"), "7 assets are gone"),
        (
            AnnouncedEvent(
                "Assets Quarantined",
                {"project_id": "p", "export_name": "e", "newly_quarantined": 2},
                "",
            ),
            "Assets Quarantined: p/e: 2 more assets could not be exported",
        ),
    ],
)
def test_slack_gets_one_line(event: AnnouncedEvent, text: str) -> None:
    assert text in json.loads(event.body(SLACK))["text"]


def test_nothing_in_a_slack_message_is_markup() -> None:
    hostile = failed(cause="<!channel> <https://evil.example|here> & <@U1>" + "x" * 5000)
    text = json.loads(hostile.body(SLACK))["text"]
    assert "&lt;!channel&gt; &lt;https://evil.example|here&gt; &amp; &lt;@U1&gt;" in text
    assert not {"<", ">"} & set(text)
    assert len(text) < 500
