"""Whatever Kili answers: a clear error, or what was asked for; never an accident, never no end."""

import json
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from dataclasses import astuple
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kili_export.core.errors import ExportError, IntegrityError, Unavailable
from kili_export.core.project import ProjectDocument
from kili_export.steps.conversion.asset_source import FetchNeeds
from tests.support.hostile import nested
from tests.unit.kili.doubles import Answer, Asked, Line, Told, data, in_turn, told
from tests.unit.kili.test_answers import ASSET, PROJECT

NEEDS = FetchNeeds("IMAGE", latest_label=True, latest_labels=True, labels=True, json_content=True)
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(["A", "https://", "http://[::1", "\ud800", "\x00", "x" * 100_000]),
    st.lists(st.none(), max_size=3),
    st.lists(st.lists(st.integers()), max_size=2),
    st.dictionaries(st.text(max_size=3), st.none(), max_size=3),
)

Ask = Callable[[Line], object]
ASKS: dict[str, Ask] = {
    "project": lambda line: line.client.project("P"),
    "count": lambda line: line.client.count_assets("P"),
    "list": lambda line: list(line.client.list_asset_ids("P")),
    "pages": lambda line: list(line.client.list_pages("P")),
    "fetch": lambda line: line.client.fetch_assets("P", ["A"], NEEDS),
    "matching": lambda line: line.client.matching_ids("P", ["A"], {"skipped": False}),
    "events": lambda line: list(line.client.events_since("P")),
}


def proper(request: Asked) -> Any:
    """What Kili should answer to a request."""
    if request.method == "GET":
        return {"data": {"data": {}}}
    document = json.loads(request.body or b"{}")["query"]
    if "countAssets" in document:
        return {"data": {"data": 1}}
    if "projects(" in document:
        return {"data": {"data": [deepcopy(PROJECT)]}}
    if "events(" in document:
        event = {"id": "e", "createdAt": "2026-03-01T10:00:00.000Z", "event": "label.created"}
        return {"data": {"data": [{**event, "payload": {}, "projectId": "P"}]}}
    labels = {"latestLabel": ASSET["labels"][0], "latestLabels": ASSET["labels"]}
    return {"data": {"data": [{**deepcopy(ASSET), **labels}]}}


def places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place of a document."""
    found = [path]
    if isinstance(document, dict):
        for name, value in document.items():
            found += places(value, (*path, name))
    elif isinstance(document, list):
        for number, value in enumerate(document):
            found += places(value, (*path, number))
    return found


def with_junk(document: Any, path: tuple[Any, ...], junk: Any) -> Any:
    if not path:
        return junk
    changed = deepcopy(document)
    spot = changed
    for step in path[:-1]:
        spot = spot[step]
    spot[path[-1]] = junk
    return changed


@pytest.mark.parametrize("ask", ASKS.values(), ids=ASKS)
@settings(max_examples=60)
@given(st.data())
def test_junk_anywhere_is_an_error_of_ours_or_does_no_harm(ask: Ask, data: st.DataObject) -> None:
    def respond(request: Asked) -> Answer:
        document = proper(request)
        spots = places(document)
        path = spots[data.draw(st.integers(0, len(spots) - 1))]
        return Told(200, json.dumps(with_junk(document, path, data.draw(JUNK))).encode())

    try:
        ask(Line(respond))
    except ExportError as error:
        refused = error
    else:
        return
    assert len(str(refused)) < 1000, "an error quotes what it was sent"


@pytest.mark.parametrize("ask", ASKS.values(), ids=ASKS)
@settings(max_examples=25)
@given(st.data())
def test_an_answer_that_breaks_off_is_never_taken_for_one(ask: Ask, data: st.DataObject) -> None:
    def respond(request: Asked) -> Answer:
        whole = json.dumps(proper(request)).encode()
        return Told(200, whole[: data.draw(st.integers(0, len(whole) - 1))])

    with pytest.raises(Unavailable):
        ask(Line(respond))


@pytest.mark.parametrize(
    "body",
    [b"[" * 1_000_000, b'{"data":' * 100_000, b"1" * 10_000, b"\xff\xfe", b"NaN", b'{"data": NaN}'],
    ids=["deep list", "deep object", "long number", "no text", "no number", "no data"],
)
@pytest.mark.parametrize("ask", ASKS.values(), ids=ASKS)
def test_bodies_made_to_break_a_parser_are_errors(ask: Ask, body: bytes) -> None:
    with pytest.raises(ExportError):
        ask(Line(lambda _: Told(200, body)))


@pytest.mark.parametrize("junk", ["\ud800", 2**70, float("nan"), nested(300)], ids=range(4))
def test_what_is_answered_of_a_project_or_a_listing_can_be_stored(junk: object) -> None:
    """A plan holds the project, a listing its assets: neither may fail on one text in them."""
    project = {**PROJECT, "jsonInterface": {"jobs": {"J": {"content": {"categories": {"A": {}}}}}}}
    for path in places(project):
        answered = with_junk(project, path, junk)
        with suppress(ExportError):
            found = Line(in_turn(data([answered]))).client.project("P")
            stored = ProjectDocument.of(found)
            assert ProjectDocument.from_bytes(stored.to_bytes()) == stored
    for path in places(ASSET):
        answered = with_junk(ASSET, path, junk)
        with suppress(ExportError):
            listed = Line(in_turn(data([answered]), data(1))).client.list_asset_ids("P")
            orjson.dumps([astuple(one) for one in listed])


def test_half_a_character_in_what_must_be_exact_is_refused() -> None:
    project = {**PROJECT, "inputType": "\ud800"}
    with pytest.raises(IntegrityError, match="a project with inputType that is not Unicode"):
        Line(lambda _: data([project])).client.project("P")


def count_or(answer: Callable[[dict[str, Any]], object], counted: int) -> Line:
    def respond(request: Asked) -> Answer:
        body = json.loads(request.body or b"{}")
        if "countAssets" in body["query"]:
            return data(counted)
        return data(answer(body["variables"]))

    return Line(respond)


LISTINGS: dict[str, Ask] = {"list": ASKS["list"], "pages": ASKS["pages"]}


@pytest.mark.parametrize("ask", LISTINGS.values(), ids=LISTINGS)
@pytest.mark.parametrize("counted", [150, 1_000_000])
def test_the_same_page_for_ever_is_given_up(ask: Ask, counted: int) -> None:
    page = [{**ASSET, "id": f"A{number}"} for number in range(100)]
    line = count_or(lambda _: page, counted)
    with pytest.raises(Unavailable):
        ask(line)
    assert len(line.network.requests) < 30


@pytest.mark.parametrize("ask", LISTINGS.values(), ids=LISTINGS)
def test_an_empty_listing_of_a_project_that_counts_assets_is_no_listing(ask: Ask) -> None:
    with pytest.raises(Unavailable):
        ask(count_or(lambda _: [], 5))


@pytest.mark.parametrize("ask", LISTINGS.values(), ids=LISTINGS)
def test_a_listing_that_stops_early_is_no_listing(ask: Ask) -> None:
    """A page that is shortened, and all after it empty: nothing must vanish for that."""

    def shortened(variables: dict[str, Any]) -> object:
        if variables["skip"] >= 120:
            return []
        first, last = variables["skip"], min(120, variables["skip"] + variables["first"])
        return [{**ASSET, "id": f"A{number}"} for number in range(first, last)]

    with pytest.raises(Unavailable):
        ask(count_or(shortened, 500))


@pytest.mark.parametrize("ask", LISTINGS.values(), ids=LISTINGS)
def test_an_asset_that_is_listed_twice_is_given_once(ask: Ask) -> None:
    line = count_or(lambda _: [ASSET, ASSET], 1)
    found = ask(line)
    assert isinstance(found, list)
    assets = found if ask is LISTINGS["list"] else found[0].assets
    assert [one.asset_id for one in assets] == ["A"]


@pytest.mark.parametrize("row", [None, "A", 5, [], {}, {"id": None}, {"id": ""}, {"id": 7}])
@pytest.mark.parametrize("ask", LISTINGS.values(), ids=LISTINGS)
def test_a_row_that_is_no_asset_is_an_error_and_not_an_absence(ask: Ask, row: object) -> None:
    with pytest.raises(IntegrityError):
        ask(count_or(lambda _: [ASSET, row], 2))


def test_an_answer_above_the_limit_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kili_export.kili.http.transport.LARGEST_ANSWER", 10_000)
    line = Line(lambda _: told({"data": {"data": ["x" * 20_000]}}))
    with pytest.raises(Unavailable, match="more than can be read"):
        line.client.project("P")
