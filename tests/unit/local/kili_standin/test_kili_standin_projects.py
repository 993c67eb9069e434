"""The sample project, generated projects, and projects from documents."""

from collections import Counter
from typing import Any

import orjson
import pytest

from kili_export.local.kili_standin import generate_project, read_project, sample_project
from kili_export.local.kili_standin.projects.project_documents import InvalidProject
from kili_export.local.kili_standin.state.model import Label, Project


def _shown(project: Project) -> list[Any]:
    return [
        (
            asset.id,
            asset.external_id,
            [(label.id, label.content.render()) for label in asset.labels],
        )
        for asset in project.assets.values()
    ]


def test_the_sample_is_the_same_every_time_and_another_one_for_another_seed() -> None:
    assert _shown(sample_project(3)) == _shown(sample_project(3))
    assert sample_project(3).id != sample_project(4).id


@pytest.mark.parametrize("seed", [1, 2, 77])
def test_the_sample_has_one_of_everything(seed: int) -> None:
    project = sample_project(seed)
    labels: list[Label] = [label for _, label in project.labels()]
    assert len(project.assets) >= 40
    assert set(Counter(label.label_type for label in labels)) == {
        "DEFAULT",
        "REVIEW",
        "AUTOSAVE",
        "PREDICTION",
        "INFERENCE",
    }
    assert len({label.author.id for label in labels}) == 4
    answers = [orjson.loads(label.content.render()) for label in labels]
    assert {answer["ROTATION_JOB"]["rotation"] for answer in answers if "ROTATION_JOB" in answer}
    assert any(label.is_sent_back for label in labels)
    assert any(not asset.labels for asset in project.assets.values())
    assert any(len(asset.labels) > 1 for asset in project.assets.values())
    rings = [
        len(annotation["boundingPoly"])
        for answer in answers
        for annotation in answer.get("SURFACES", {}).get("annotations", [])
    ]
    assert max(rings) == 2
    nested = [answer["SCENE"]["categories"][0].get("children") for answer in answers]
    assert any(nested)


def test_the_sample_has_odd_but_legal_names() -> None:
    names = [asset.external_id for asset in sample_project().assets.values()]
    assert len(set(names)) == len(names)
    assert any(" " in name for name in names)
    assert any("/" in name for name in names)
    assert any(not name.isascii() for name in names)
    assert any(name.endswith(".PNG") for name in names)


@pytest.mark.parametrize("project", [sample_project(), generate_project(5, 200)])
def test_ids_are_unique_and_sort_by_creation_date(project: Project) -> None:
    assets = list(project.assets.values())
    assert [asset.id for asset in assets] == sorted(project.assets)
    labels = sorted((label for _, label in project.labels()), key=lambda one: one.created_at)
    assert [label.id for label in labels] == sorted(label.id for label in labels)
    dates = [asset.created_at for asset in assets] + [label.created_at for label in labels]
    assert len(set(dates)) == len(dates)


def test_a_generated_project_has_the_shares_that_were_asked() -> None:
    project = generate_project(9, 400, unlabelled_share=0.5, reviewed_share=0.0)
    unlabelled = sum(not asset.labels for asset in project.assets.values())
    assert 150 < unlabelled < 250
    assert {label.label_type for _, label in project.labels()} == {"DEFAULT"}


def test_only_images_are_generated() -> None:
    with pytest.raises(ValueError, match="VIDEO"):
        generate_project(1, 1, input_type="VIDEO")


def test_a_document_becomes_a_project_as_it_says() -> None:
    project = read_project(
        {
            "id": "p1",
            "title": "T",
            "inputType": "PDF",
            "jsonInterface": {"jobs": {"J": {}}},
            "assets": [
                {
                    "id": "a1",
                    "externalId": "x.pdf",
                    "content": "https://example.com/x.pdf",
                    "labels": [{"id": "l1", "jsonResponse": {"J": {"text": "é"}}}],
                }
            ],
        }
    )
    asset = project.assets["a1"]
    assert (project.id, project.input_type, asset.content_url) == (
        "p1",
        "PDF",
        "https://example.com/x.pdf",
    )
    assert orjson.loads(asset.labels[0].content.render()) == {"J": {"text": "é"}}


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"title": "T", "jsonInterface": {}, "assets": [{}]},
        {"title": "T", "jsonInterface": {}, "assets": [{"externalId": "a", "labels": [3]}]},
        {
            "title": "T",
            "jsonInterface": {},
            "assets": [{"externalId": "a", "labels": [{"author": "nobody"}]}],
        },
        {
            "title": "T",
            "jsonInterface": {},
            "assets": [{"externalId": "a", "labels": [{"labelType": "GUESS"}]}],
        },
    ],
)
def test_a_document_that_is_no_project_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(InvalidProject):
        read_project(document)
