"""The `where` of assets and labels."""

from typing import Any

import pytest

from kili_export.local.kili_standin import KiliWorld, read_project, sample_project
from kili_export.local.kili_standin.state.label_search import (
    InvalidSearch,
    compile_search,
    count_categories,
)

JOB = {"JOB": {"annotations": [{"categories": [{"name": "CAR"}]}]}}
DOCUMENT: dict[str, Any] = {
    "title": "T",
    "jsonInterface": {"jobs": {}},
    "users": [{"email": "alice@example.com"}, {"email": "bob@example.com"}],
    "assets": [
        {
            "externalId": "a/1.png",
            "jsonMetadata": {"size": 5, "kind": "x"},
            "labels": [{"author": "alice@example.com", "jsonResponse": JOB}],
        },
        {
            "externalId": "a/2.png",
            "jsonMetadata": {"size": 20, "kind": "y"},
            "skipped": True,
            "labels": [
                {"author": "alice@example.com"},
                {"author": "bob@example.com", "labelType": "REVIEW"},
            ],
        },
        {"externalId": "b/3.png"},
    ],
}


@pytest.fixture
def world() -> KiliWorld:
    world = KiliWorld()
    world.add_project(read_project(DOCUMENT))
    return world


def _selected(world: KiliWorld, where: dict[str, Any]) -> list[str]:
    return [asset.external_id for _, asset in world.select_assets(where, 100)]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({}, ["a/1.png", "a/2.png", "b/3.png"]),
        ({"externalIdIn": ["a/", "nothing"]}, ["a/1.png", "a/2.png"]),
        ({"externalIdStrictlyIn": ["b/3.png", "a/"]}, ["b/3.png"]),
        ({"externalIdStrictlyIn": []}, []),
        ({"statusIn": ["TODO", "REVIEWED"]}, ["a/2.png", "b/3.png"]),
        ({"skipped": True}, ["a/2.png"]),
        ({"skipped": False}, ["a/1.png", "b/3.png"]),
        ({"metadata": {"kind": "x"}}, ["a/1.png"]),
        ({"metadata": {"kind": ["x", "y"]}}, ["a/1.png", "a/2.png"]),
        ({"metadata": {"size": [2, 10]}}, ["a/1.png"]),
        ({"metadata": '{"size": 20}'}, ["a/2.png"]),
        ({"createdAtGte": "2026-01-05", "createdAtLte": "2026-01-06"}, None),
        ({"createdAtGte": "2026-01-06"}, []),
        ({"updatedAtLte": "2026-01-05T08:00:00Z"}, []),
        ({"stepStatusIn": ["SKIPPED"]}, ["a/2.png"]),
        ({"stepStatusNotIn": ["SKIPPED", "TO_DO"]}, []),
        ({"issue": {"type": "ISSUE"}}, []),
        ({"issue": {}}, None),
        ({"label": {"typeIn": ["REVIEW"]}}, ["a/2.png"]),
        ({"label": {"authorIn": ["alice@example.com"]}}, ["a/1.png", "a/2.png"]),
        ({"label": {"authorIn": ["alice@example.com"], "typeIn": ["REVIEW"]}}, []),
        ({"label": {"labelerIn": ["bob@example.com"]}}, []),
        ({"label": {"reviewerIn": ["bob@example.com"]}}, ["a/2.png"]),
        ({"label": {"reviewerNotIn": ["bob@example.com"]}}, ["a/1.png", "b/3.png"]),
        ({"label": {"search": "JOB.CAR.count > 0"}}, ["a/1.png"]),
        ({"label": {"createdAt": "2026-01-05"}}, ["a/1.png", "a/2.png"]),
        ({"label": {"createdAtGte": "2026-01-06"}}, []),
        ({"consensusMarkGte": 0}, []),
        ({"id": None}, None),
    ],
)
def test_each_filter_selects_what_it_says(
    world: KiliWorld, where: dict[str, Any], expected: list[str] | None
) -> None:
    everything = ["a/1.png", "a/2.png", "b/3.png"]
    assert _selected(world, where) == (everything if expected is None else expected)
    assert world.count_assets(where) == len(_selected(world, where))


def test_ids_select_in_creation_order_whatever_the_order_asked(world: KiliWorld) -> None:
    ids = list(world.project().assets)
    assert _selected(world, {"idIn": ids[::-1]}) == ["a/1.png", "a/2.png", "b/3.png"]
    assert _selected(world, {"idNotIn": ids[:2]}) == ["b/3.png"]
    assert _selected(world, {"id": ids[1]}) == ["a/2.png"]


def test_steps_are_named_by_id(world: KiliWorld) -> None:
    first, review = world.project().steps
    assert _selected(world, {"stepIdIn": [first.id]}) == ["b/3.png"]
    pair = {"stepId": review.id, "status": "TO_DO"}
    assert _selected(world, {"stepIdAndStatusIn": [pair]}) == ["a/1.png"]


def test_marks_assignees_and_issues_of_the_sample_are_found() -> None:
    world = KiliWorld()
    world.add_project(sample_project())
    assert world.count_assets({"consensusMarkGte": 0.5}) == 1
    assert world.count_assets({"honeypotMarkLte": 0.9}) == 1
    assert world.count_assets({"inferenceMarkGte": 0.7}) == 0
    assert world.count_assets({"label": {"honeypotMarkGte": 0.8}}) == 1
    assert world.count_assets({"assigneeIn": ["alice@example.com"]}) == 2
    assert world.count_assets({"assigneeNotIn": ["alice@example.com"]}) == 46
    assert world.count_assets({"issue": {"type": "ISSUE", "status": "OPEN"}}) == 1
    assert world.count_assets({"issue": {"type": "QUESTION"}}) == 0


def test_labels_are_filtered_and_sorted_by_creation(world: KiliWorld) -> None:
    found = world.select_labels({"asset": {"externalIdIn": ["a/"]}, "typeIn": ["DEFAULT"]})
    assert [asset.external_id for _, asset, _ in found] == ["a/1.png", "a/2.png"]
    dates = [label.created_at for _, _, label in world.select_labels({})]
    assert dates == sorted(dates)
    assert len(dates) == 3


def test_labels_are_filtered_by_their_author(world: KiliWorld) -> None:
    bob = world.project().user("bob@example.com")
    by_email = world.select_labels({"user": {"email": bob.email}})
    assert [label.label_type for _, _, label in by_email] == ["REVIEW"]
    assert len(world.select_labels({"user": {"idIn": [bob.id]}})) == 1
    assert len(world.select_labels({"user": {"id": bob.id, "email": "x"}})) == 0


def test_a_listing_shows_what_changed_since_the_last_one(world: KiliWorld) -> None:
    where = {"label": {"typeIn": ["DEFAULT"]}}
    assert world.count_assets(where) == 2
    world.submit_label("b/3.png")
    assert world.count_assets(where) == 3


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01"])
def test_a_date_that_cannot_be_read_is_refused(world: KiliWorld, text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        world.count_assets({"createdAtGte": text})


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("A.X.count == 2", True),
        ("A.X.count > 2", False),
        ("A.X.count > 2 OR B.Y.count >= 1", True),
        ("A.X.count == 2 AND B.Y.count < 1", False),
        ("A.X.count == 2 OR B.Y.count < 1 AND A.X.count > 9", True),
        ("(A.X.count == 2 OR B.Y.count < 1) AND A.X.count > 9", False),
        ("NEVER.SEEN.count <= 0", True),
    ],
)
def test_a_search_compares_counts(expression: str, expected: bool) -> None:
    assert compile_search(expression)({("A", "X"): 2, ("B", "Y"): 1}) is expected


@pytest.mark.parametrize(
    "expression",
    ["", "A.X.count", "A.X.count > many", "(A.X.count > 1", "A.X.count > 1 garbage", "A.X > 1"],
)
def test_a_malformed_search_is_refused(expression: str) -> None:
    with pytest.raises(InvalidSearch, match="Invalid search"):
        compile_search(expression)


def test_nested_answers_are_counted_under_their_own_job() -> None:
    answers = {
        "BOX": {
            "annotations": [
                {
                    "categories": [{"name": "CAR"}],
                    "children": {"COLOUR": {"categories": [{"name": "RED"}]}},
                }
            ]
        },
        "CLASS": {
            "categories": [{"name": "DAY", "children": {"SKY": {"categories": [{"name": "RED"}]}}}]
        },
    }
    assert count_categories(answers) == {
        ("BOX", "CAR"): 1,
        ("COLOUR", "RED"): 1,
        ("CLASS", "DAY"): 1,
        ("SKY", "RED"): 1,
    }
