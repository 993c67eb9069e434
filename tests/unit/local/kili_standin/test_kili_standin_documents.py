"""Projects that are read from documents: videos, several steps, marks."""

from typing import Any

import orjson
import pytest

from kili_export.local.kili_standin import KiliWorld, read_project
from kili_export.local.kili_standin.http.bucket import Bucket
from kili_export.local.kili_standin.projects.project_documents import InvalidProject
from kili_export.local.kili_standin.state.label_rules import (
    is_last_for_step,
    latest_labels,
    position,
)
from kili_export.local.kili_standin.state.model import Project

STEPS = [
    {"name": "Labeling", "type": "DEFAULT"},
    {"name": "Review", "type": "REVIEW"},
    {"name": "Final", "type": "REVIEW"},
]


def project_of(*assets: dict[str, Any], **more: Any) -> Project:
    document = {"title": "T", "jsonInterface": {"jobs": {}}, "assets": list(assets), **more}
    return read_project(document)


def review(step: str) -> dict[str, Any]:
    return {"labelType": "REVIEW", "step": step}


@pytest.mark.parametrize(
    ("labels", "step", "status"),
    [
        ([], "Labeling", "TO_DO"),
        ([{"step": "Labeling"}], "Review", "TO_DO"),
        ([{}, review("Review")], "Final", "TO_DO"),
        ([{}, review("Review"), review("Final")], "Final", "DONE"),
        ([{}, review("Review"), review("Final") | {"isSentBackToQueue": True}], "Labeling", "REDO"),
    ],
)
def test_an_asset_stands_at_the_step_after_its_newest_label(
    labels: list[dict[str, Any]], step: str, status: str
) -> None:
    project = project_of({"externalId": "a", "labels": labels}, steps=STEPS)
    (asset,) = project.assets.values()
    here = position(project, asset, asset.labels)
    assert here is not None
    assert (here.step.name, here.status) == (step, status)


def test_each_step_has_its_own_last_label() -> None:
    labels = [{}, review("Review"), review("Final"), review("Final")]
    project = project_of({"externalId": "a", "labels": labels}, steps=STEPS)
    (asset,) = project.assets.values()
    last = [is_last_for_step(asset, asset.labels, label) for label in asset.labels]
    assert last == [True, True, False, True]
    assert latest_labels(asset, asset.labels) == [asset.labels[3]]


def test_a_step_that_there_is_not_is_refused() -> None:
    with pytest.raises(InvalidProject, match="unknown step"):
        project_of({"externalId": "a", "labels": [review("Somewhere")]})


def test_a_video_lists_its_frames_in_order_and_each_can_be_read() -> None:
    world = KiliWorld()
    video = {"externalId": "v", "frames": 11, "resolution": {"width": 8, "height": 6}}
    project = world.add_project(project_of(video, inputType="VIDEO"))
    (asset,) = project.assets.values()
    bucket = Bucket(world)
    listed = bucket.get(world.urls.sign(f"/bucket/json-content/{asset.id}.json"), authorized=False)
    frames = orjson.loads(listed.body)
    assert list(frames) == [str(number) for number in range(11)]
    pictures = {bucket.get(url, authorized=False).body for url in frames.values()}
    assert len(pictures) > 1
    assert all(picture.startswith(b"\x89PNG") for picture in pictures)
    beyond = world.urls.sign(f"/bucket/media/{asset.id}/11")
    assert bucket.get(beyond, authorized=False).status == 404


def test_marks_and_people_are_read() -> None:
    asset = {
        "externalId": "a",
        "consensusMark": 0.5,
        "honeypotMark": 0.25,
        "isHoneypot": True,
        "isUsedForConsensus": True,
        "assignees": ["a@b.c"],
        "groupName": "g",
        "issues": [{"type": "ISSUE", "status": "OPEN"}],
        "labels": [{"inferenceMark": 0.75}],
    }
    project = project_of(asset, users=[{"email": "a@b.c"}])
    (read,) = project.assets.values()
    assert (read.consensus_mark, read.honeypot_mark, read.is_honeypot) == (0.5, 0.25, True)
    assert (read.is_used_for_consensus, read.group_name) == (True, "g")
    assert [user.email for user in read.assignees] == ["a@b.c"]
    assert [(issue.type, issue.status) for issue in read.issues] == [("ISSUE", "OPEN")]
    assert read.labels[0].inference_mark == 0.75
