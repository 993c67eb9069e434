"""Endpoints as people declare them."""

import json
from pathlib import Path
from typing import Any

import pytest

from kili_export.core.errors import InvalidConfiguration
from kili_export.registration.declaration import ProjectRegistration
from kili_export.registration.notify_endpoint import EVENT_NAMES, NotifyEndpoint
from kili_export.registration.parse_registration import parse_registration
from tests.support.notified import endpoint
from tests.support.receivers import SECRET

CONFIGURATION = Path(__file__).parents[3] / "docs/reference/configuration.md"


def _parsed(*endpoints: Any) -> ProjectRegistration:
    declared = {"project_id": "P", "exports": [{"format": "coco"}], "notify": list(endpoints)}
    return parse_registration(declared)


def test_an_endpoint_gets_all_events_unless_it_names_some() -> None:
    [one] = _parsed(endpoint()).notify
    assert (one.events, one.style) == (EVENT_NAMES, "standard")
    [one] = _parsed(endpoint(events=["Export Failed", "Export Failed"])).notify
    assert one.events == ("Export Failed",)


def test_it_is_stored_and_read_again() -> None:
    registration = _parsed(endpoint(), {"name": "team", "secret": "team", "style": "slack"})
    assert ProjectRegistration.from_bytes(registration.to_bytes()) == registration


def test_without_endpoints_a_former_version_can_read_it() -> None:
    assert "notify" not in json.loads(_parsed().to_bytes())


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (endpoint(url="ftp://a.example"), "endpoint 'training': url: must be an https"),
        (endpoint(url="https://user:word@a.example/"), "url: must be an https"),
        (endpoint(url="https://a.example/#x"), "url: must be an https"),
        (endpoint(url="https://a.example\\@b.example/"), "url: must be an https"),
        (endpoint(url="https://a.example/\r\nx: y"), "url: must be an https"),
        (endpoint(url="https:///path"), "url: must be an https"),
        (endpoint(url="https://a.example:0/"), "url: must be an https"),
        (endpoint(url="https://a.example:99999/"), "url: must be an https"),
        (endpoint(url="https://[::1/"), "url: must be an https"),
        (endpoint(url="https://a.example/" + "x" * 3000), "url: must be an https"),
        (endpoint(url=7), "url: must be a text"),
        ({"name": "a", "secret": "b"}, "endpoint 'a': url is missing"),
        ({"name": "a", "url": "https://a.example"}, "secret: is missing"),
        (endpoint(style="slack"), "Slack's address is a secret"),
        (endpoint(style="teams"), "style: must be one of"),
        (endpoint(secret=SECRET), "the name of a secret, not its value"),
        (endpoint(secret="a/b"), "the name of a secret, not its value"),
        (endpoint(events=[]), "events: must name an event"),
        (endpoint(events=["Export Deleted"]), "must be one of 'Export Published'"),
        (endpoint(name="a b"), "name: must be letters"),
        (endpoint(secrets="x"), "'secrets' is not an option; did you mean 'secret'?"),
        ("https://a.example", "endpoint number 1: must be an object"),
    ],
)
def test_what_cannot_work_is_refused_with_the_way_out(given: Any, problem: str) -> None:
    with pytest.raises(InvalidConfiguration) as refused:
        _parsed(given)
    assert problem in str(refused.value)
    assert SECRET not in str(refused.value)


def test_names_differ_in_more_than_case_and_there_are_few() -> None:
    with pytest.raises(InvalidConfiguration, match="two endpoints have the same name"):
        _parsed(endpoint(), endpoint(name="Training"))
    with pytest.raises(InvalidConfiguration, match="at most 10"):
        _parsed(*(endpoint(name=f"e{number}") for number in range(11)))


@pytest.mark.parametrize("field", NotifyEndpoint.model_fields)
def test_every_field_is_in_the_reference(field: str) -> None:
    section = CONFIGURATION.read_text().partition("## Endpoints of a project")[2]
    assert f"| `{field}` |" in section.partition("\n## ")[0]
