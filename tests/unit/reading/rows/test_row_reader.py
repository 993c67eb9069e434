"""Rows by id: what counts as gone, what as failed, and what is nobody's fault."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from kili_export.cli.row_arguments import ASSET_FILTERS, LABEL_FILTERS
from kili_export.core.errors import AccessDenied, IntegrityError, RequestRefused, Unavailable
from kili_export.core.project import Project
from kili_export.kili.row_queries import label_conditions
from kili_export.reading.rows.field_selection import LABEL, select_fields
from kili_export.reading.rows.kili_rows import RowPage
from kili_export.reading.rows.label_choice import LabelChoice
from kili_export.reading.rows.row_filters import ASSET_ROW_FILTERS, LABEL_ROW_FILTERS
from tests.unit.kili.doubles import Answer, Asked, Line, Told, data, errors, told

PROJECT = Project("P", "T", None, "IMAGE", {"jobs": {}})
FIELDS = select_fields(LABEL, ["id", "jsonResponse"])
Rows = dict[str, Any]


def _label(label_id: str, **more: Any) -> Rows:
    url = f"https://storage.example/{label_id}?X-Signature=1"
    return {"id": label_id, "jsonResponse": "{}", "jsonResponseUrl": url, **more}


def _line(
    labels: Callable[[list[str]], list[Rows]],
    document: Callable[[str], Answer] = lambda _: told({"JOB": {}}),
    project: list[Rows] | None = None,
) -> Line:
    """A client of a server that answers labels by id, documents by address, and the project."""

    def respond(request: Asked) -> Answer:
        if request.method == "GET":
            return document(str(request.url))
        body = json.loads(request.body or b"{}")
        if "labels(" in body["query"]:
            return data(labels(body["variables"]["where"]["idIn"]))
        return data([{"id": "P", "inputType": "IMAGE"}] if project is None else project)

    return Line(respond)


def _read(line: Line, *ids: str) -> RowPage:
    (page,) = line.client.iter_labels(PROJECT, ids, FIELDS)
    return page


def test_rows_come_in_the_order_in_which_they_were_asked_for() -> None:
    line = _line(lambda ids: [_label(one) for one in reversed(ids)])

    assert list(_read(line, "a", "b", "a", "c").rows) == ["a", "b", "c"]


def test_fields_come_in_the_order_in_which_they_were_asked_for() -> None:
    line = _line(lambda ids: [_label(one, labelOf={"externalId": "x"}) for one in ids])
    fields = select_fields(LABEL, ["labelOf.externalId", "jsonResponse", "id"])
    (page,) = line.client.iter_labels(PROJECT, ["a"], fields)

    assert list(page.rows["a"]) == ["labelOf", "jsonResponse", "id"]


def test_what_is_not_answered_at_once_is_asked_for_again() -> None:
    asked: list[list[str]] = []

    def labels(ids: list[str]) -> list[Rows]:
        asked.append(ids)
        return [_label(one) for one in ids if one != "b" or len(asked) > 1]

    page = _read(_line(labels), "a", "b")

    assert asked == [["a", "b"], ["b"]]
    assert (list(page.rows), page.gone) == (["a", "b"], ())


def test_what_is_not_answered_twice_is_gone_and_no_failure() -> None:
    page = _read(_line(lambda ids: [_label(one) for one in ids if one != "b"]), "a", "b")

    assert (list(page.rows), page.failed, page.gone) == (["a"], {}, ("b",))


def test_nothing_is_gone_when_the_project_cannot_be_seen_any_more() -> None:
    with pytest.raises(AccessDenied):
        _read(_line(lambda _: [], project=[]), "a")


def test_an_address_that_stays_refused_fails_its_label_alone() -> None:
    def document(url: str) -> Answer:
        return Told(403) if "/b?" in url else told({"JOB": {"text": "t"}})

    page = _read(_line(lambda ids: [_label(one) for one in ids], document), "a", "b")

    assert page.rows == {"a": {"id": "a", "jsonResponse": {"JOB": {"text": "t"}}}}
    assert page.failed == {
        "b": "the content of label b cannot be read: https://storage.example answered HTTP 403"
    }


def test_a_fresh_address_is_asked_for_once() -> None:
    signatures: list[str] = []

    def labels(ids: list[str]) -> list[Rows]:
        signatures.append("x")
        url = f"https://storage.example/{len(signatures)}"
        return [_label(one, jsonResponseUrl=url) for one in ids]

    line = _line(labels, lambda url: Told(403) if url.endswith("/1") else told({"fresh": {}}))

    assert _read(line, "a").rows["a"]["jsonResponse"] == {"fresh": {}}
    assert len(signatures) == 2


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"jsonResponseUrl": None, "jsonResponse": "[1]"}, "is not a JSON object"),
        ({"jsonResponseUrl": None, "jsonResponse": "{"}, "is not JSON"),
        ({"jsonResponseUrl": None, "jsonResponse": None}, "is not a JSON object"),
        ({"jsonResponseUrl": "https://u:p@storage.example/x"}, "is not one that may be read"),
    ],
    ids=str,
)
def test_a_content_that_is_none_fails_its_label(row: Rows, reason: str) -> None:
    page = _read(_line(lambda ids: [_label(one, **row) for one in ids]), "a")

    assert (dict(page.rows), list(page.failed)) == ({}, ["a"])
    assert reason in page.failed["a"]


def test_a_storage_that_is_down_is_no_labels_fault() -> None:
    line = _line(lambda ids: [_label(one) for one in ids], lambda _: Told(503))

    with pytest.raises(Unavailable, match="storage does not answer"):
        _read(line, "a", "b")


def test_labels_that_were_not_asked_for_are_not_believed() -> None:
    with pytest.raises(IntegrityError, match="not asked for"):
        _read(_line(lambda _: [_label("other")]), "a")


def test_the_key_goes_to_kili_alone() -> None:
    line = _line(lambda ids: [_label(one) for one in ids])
    _read(line, "a")

    (download,) = [one for one in line.network.requests if one.method == "GET"]
    assert "Authorization" not in download.headers


def test_a_field_that_the_server_lacks_is_a_refusal_that_names_it() -> None:
    line = Line(lambda _: errors('Cannot query field "isLastForStep" on type "Label".'))

    with pytest.raises(RequestRefused, match="isLastForStep"):
        list(line.client.iter_labels(PROJECT, ["a"], select_fields(LABEL, ["isLastForStep"])))


def test_a_choice_reads_no_contents() -> None:
    rows = [{"id": "a", "assetId": "x", "labelType": "REVIEW", "isLatestReviewLabelForUser": True}]

    def respond(request: Asked) -> Answer:
        body = json.loads(request.body or b"{}")
        if "countLabels" in body["query"]:
            return data(len(rows))
        return data(rows[body["variables"]["skip"] :])

    line = Line(respond)

    assert line.client.find_labels("P", {}, LabelChoice.LATEST_REVIEW_PER_USER) == ["a"]
    assert not any("jsonResponse" in body["query"] for body in line.network.bodies())


OF_ASSETS = {
    "asset_external_id_in": "externalIdIn",
    "asset_external_id_strictly_in": "externalIdStrictlyIn",
    "asset_group_name_in": "groupNameIn",
    "asset_group_name_not_in": "groupNameNotIn",
    "asset_id_in": "idIn",
    "asset_status_in": "statusIn",
    "asset_step_id_in": "stepIdIn",
    "asset_step_status_in": "stepStatusIn",
}
OF_LABELS = {
    "author_in": "authorIn",
    "category_search": "search",
    "consensus_mark_gte": "consensusMarkGte",
    "consensus_mark_lte": "consensusMarkLte",
    "created_at": "createdAt",
    "created_at_gte": "createdAtGte",
    "created_at_lte": "createdAtLte",
    "honeypot_mark_gte": "honeypotMarkGte",
    "honeypot_mark_lte": "honeypotMarkLte",
    "id_in": "idIn",
    "labeler_in": "labelerIn",
    "reviewer_in": "reviewerIn",
    "type_in": "typeIn",
}
KILI_PROJECT = {"project": {"id": "P"}}
CONDITIONS: dict[str, Rows] = {
    **{name: {"asset": {**KILI_PROJECT, of: ["wanted"]}} for name, of in OF_ASSETS.items()},
    **{name: {of: ["wanted"]} for name, of in OF_LABELS.items()},
    "user_id": {"user": {"id": ["wanted"]}},
}
"""By filter, the part of Kili's `LabelWhere` that it becomes."""


def test_no_filter_of_labels_is_left_out_here() -> None:
    # The name of a step is replaced by its id before.
    assert CONDITIONS.keys() == LABEL_ROW_FILTERS.keys() - {"asset_step_name_in"}


@pytest.mark.parametrize("name", CONDITIONS)
def test_every_filter_of_labels_reaches_kili(name: str) -> None:
    (where,) = label_conditions("P", {name: ["wanted"]})
    assert where == {**KILI_PROJECT, **CONDITIONS[name]}


def test_filters_of_labels_hold_together() -> None:
    given = {"asset_status_in": ["TODO"], "asset_id_in": ["a"], "id_in": ["l"], "user_id": "u"}
    (where,) = label_conditions("P", given)
    assert where == {
        **KILI_PROJECT,
        "asset": {**KILI_PROJECT, "statusIn": ["TODO"], "idIn": ["a"]},
        "idIn": ["l"],
        "user": {"id": "u"},
    }


def test_many_ids_are_asked_for_in_parts() -> None:
    ids = [f"l{number}" for number in range(2_001)]
    parts = list(label_conditions("P", {"id_in": [*ids, "l0"], "author_in": ["a"]}))
    assert [len(one["idIn"]) for one in parts] == [1_000, 1_000, 1]
    assert [one for part in parts for one in part["idIn"]] == ids
    assert all(one["authorIn"] == ["a"] for one in parts)


def test_every_filter_can_be_given_on_the_command_line() -> None:
    assert {one.name for one in ASSET_FILTERS} == set(ASSET_ROW_FILTERS)
    assert {one.name for one in LABEL_FILTERS} == set(LABEL_ROW_FILTERS)
