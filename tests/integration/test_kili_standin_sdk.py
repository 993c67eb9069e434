"""Kili's own SDK works with the stand-in: what it lists and exports is what the world holds."""

import json
import queue
import time
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
import websocket
import yaml

from kili_export.local.kili_standin import (
    KiliWorld,
    generate_project,
    sample_project,
    start_standin,
)
from kili_export.local.kili_standin.state.model import Asset, Project

# The SDK warns of what it deprecates and leaves its sessions to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore")

EXPORTED = {"DEFAULT", "REVIEW"}


@dataclass
class Bench:
    """A served sample project and an SDK client of it."""

    world: KiliWorld
    project: Project
    kili: Any

    def export(self, path: Path, label_format: str, **options: Any) -> dict[str, bytes]:
        """The files of the archive that the SDK writes."""
        self.kili.export_labels(self.project.id, str(path), label_format, **options)
        assert path.exists(), "the SDK found nothing to export and wrote no archive"
        with zipfile.ZipFile(path) as archive:
            return {
                name: archive.read(name) for name in archive.namelist() if not name.endswith("/")
            }

    def latest(self, asset: Asset) -> dict[str, Any]:
        """The answer of the newest label of an asset."""
        answer: dict[str, Any] = orjson.loads(asset.labels[-1].content.render())
        return answer


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    world = KiliWorld(api_key="bench-key")
    project = world.add_project(sample_project())
    with (
        pytest.MonkeyPatch.context() as patch,
        start_standin(world) as standin,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        patch.setenv("KILI_SDK_SKIP_CHECKS", "1")
        from kili.client import Kili

        kili = Kili(
            api_endpoint=standin.endpoint,
            api_key=world.api_key,
            disable_tqdm=True,
            graphql_client_params={"enable_schema_caching": False},
        )
        yield Bench(world, project, kili)


def _exported(project: Project) -> list[Asset]:
    """The assets whose newest label that is no draft is by a person and submitted."""
    chosen = []
    for asset in project.assets.values():
        settled = [label for label in asset.labels if label.label_type != "AUTOSAVE"]
        if settled and settled[-1].label_type in EXPORTED:
            chosen.append(asset)
    return chosen


def test_the_sdk_accepts_key_and_schema_when_it_checks_them(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from kili.client import Kili
    from kili.exceptions import AuthenticationFailed

    monkeypatch.delenv("KILI_SDK_SKIP_CHECKS")
    cached = {"graphql_schema_cache_dir": tmp_path}
    endpoint, key = bench.kili.api_endpoint, bench.world.api_key
    checked = Kili(api_endpoint=endpoint, api_key=key, graphql_client_params=cached)
    # It has read the schema, and now refuses by itself what the schema does not hold.
    assert checked.count_assets(bench.project.id) == len(bench.project.assets)
    with pytest.raises(Exception, match="Cannot query field 'shoeSize'"):
        checked.assets(bench.project.id, fields=["shoeSize"])
    with pytest.raises(AuthenticationFailed):
        Kili(api_endpoint=endpoint, api_key="wrong", graphql_client_params=cached)


def test_the_sdk_lists_the_project(bench: Bench) -> None:
    (project,) = bench.kili.projects(project_id=bench.project.id)
    assert project["title"] == bench.project.title
    assert project["jsonInterface"] == bench.project.json_interface
    assert bench.kili.projects(project_id="missing") == []
    roles = {role["user"]["email"]: role["role"] for role in project["roles"]}
    assert roles["chloe@example.com"] == "REVIEWER"


def test_the_sdk_lists_every_asset_in_creation_order_with_its_answers(bench: Bench) -> None:
    fields = ["id", "externalId", "labels.id", "labels.jsonResponse", "resolution.width"]
    assets = bench.kili.assets(bench.project.id, fields=fields)
    assert [asset["id"] for asset in assets] == list(bench.project.assets)
    assert bench.kili.count_assets(bench.project.id) == len(assets)
    for shown, held in zip(assets, bench.project.assets.values(), strict=True):
        answers = [orjson.loads(label.content.render()) for label in held.labels]
        assert [label["jsonResponse"] for label in shown["labels"]] == answers
        assert held.resolution is not None
        assert shown["resolution"]["width"] == held.resolution[0]


def test_the_sdk_filters_assets(bench: Bench) -> None:
    found = bench.kili.assets(
        bench.project.id,
        fields=["externalId"],
        label_type_in=["REVIEW"],
        label_author_in=["chloe@example.com"],
        external_id_in=["yard/"],
    )
    assert [asset["externalId"] for asset in found] == ["yard/north gate/view 2.png"]
    # Category search and the workflow's steps go through filters of their own.
    search = "OBJECTS.FLAG.count >= 2 AND SCENE.DAY.count == 1"
    held = [
        asset.external_id
        for asset in bench.project.assets.values()
        if any(_flags_by_day(orjson.loads(label.content.render())) for label in asset.labels)
    ]
    found = bench.kili.assets(bench.project.id, fields=["externalId"], label_category_search=search)
    assert [asset["externalId"] for asset in found] == held
    skipped = bench.kili.count_assets(bench.project.id, skipped=True)
    assert skipped == 1


def _flags_by_day(answer: dict[str, Any]) -> bool:
    annotations = answer.get("OBJECTS", {}).get("annotations", [])
    flags = sum(one["categories"][0]["name"] == "FLAG" for one in annotations)
    daytime = str(answer["SCENE"]["categories"][0]["name"])
    return flags >= 2 and daytime == "DAY"


def test_the_sdk_lists_labels(bench: Bench) -> None:
    labels = bench.kili.labels(bench.project.id, fields=["id", "labelOf.externalId", "labelType"])
    held = {label.id: asset.external_id for asset, label in bench.project.labels()}
    assert {label["id"]: label["labelOf"]["externalId"] for label in labels} == held
    reviews = bench.kili.count_labels(bench.project.id, type_in=["REVIEW"])
    assert reviews == sum(label.label_type == "REVIEW" for _, label in bench.project.labels())


@pytest.mark.parametrize("with_assets", [False, True])
def test_a_raw_export_holds_every_label(bench: Bench, tmp_path: Path, with_assets: bool) -> None:
    files = bench.export(tmp_path / "out.zip", "kili", with_assets=with_assets)
    chosen = _exported(bench.project)
    labels = {name: body for name, body in files.items() if name.startswith("labels/")}
    assert set(labels) == {f"labels/{asset.external_id.replace(' ', '_')}.json" for asset in chosen}
    plain = next(asset for asset in chosen if asset.external_id == "scene-28.png")
    exported = json.loads(labels["labels/scene-28.png.json"])
    categories = [
        one["categories"][0]["name"]
        for one in exported["latestLabel"]["jsonResponse"]["OBJECTS"]["annotations"]
    ]
    held = bench.latest(plain)["OBJECTS"]["annotations"]
    assert categories == [one["categories"][0]["name"] for one in held]
    if with_assets:
        _assert_media(files, "assets", chosen)


def _assert_media(files: dict[str, bytes], folder: str, chosen: list[Asset]) -> None:
    media = {name: body for name, body in files.items() if name.startswith(f"{folder}/")}
    # The only name without a picture's suffix gets the one of its content type.
    expected = {}
    for asset in chosen:
        assert asset.media is not None
        name = asset.external_id if asset.external_id.lower().endswith(".png") else None
        expected[f"{folder}/{name or asset.external_id + '.png'}"] = asset.media.render()
    assert media == expected


def test_the_last_step_shows_every_label_of_a_consensus_asset(bench: Bench, tmp_path: Path) -> None:
    files = bench.export(
        tmp_path / "out.zip", "kili", export_type="latest_from_last_step", with_assets=False
    )
    both = json.loads(files["labels/scene-11.png.json"])["latestLabels"]
    assert {label["author"]["firstname"] for label in both} == {"Alice", "Bob"}
    half = json.loads(files["labels/scene-12.png.json"])["latestLabels"]
    assert [label["author"]["firstname"] for label in half] == ["Bob"]


@pytest.mark.parametrize("with_assets", [False, True])
def test_a_yolo_export_holds_a_line_for_every_shape(
    bench: Bench, tmp_path: Path, with_assets: bool
) -> None:
    files = bench.export(tmp_path / "out.zip", "yolo_v8", layout="merged", with_assets=with_assets)
    classes = yaml.safe_load(files["data.yaml"])
    assert classes["names"][:2] == ["OBJECTS/BOX", "OBJECTS/BALL"]
    assert classes["nc"] == 6
    chosen = _exported(bench.project)
    plain = next(asset for asset in chosen if asset.external_id == "scene-28.png")
    shapes = sum(len(answer.get("annotations", ())) for answer in bench.latest(plain).values())
    lines = files["labels/scene-28.txt"].decode().splitlines()
    assert len(lines) == shapes
    if with_assets:
        _assert_media(files, "images", chosen)
    else:
        assert b"X-Amz-Signature" in files["images/remote_assets.csv"]


@pytest.mark.parametrize("with_assets", [False, True])
def test_a_coco_export_holds_boxes_and_holed_masks(
    bench: Bench, tmp_path: Path, with_assets: bool
) -> None:
    files = bench.export(tmp_path / "out.zip", "coco", layout="merged", with_assets=with_assets)
    document = json.loads(files["labels.json"])
    chosen = _exported(bench.project)
    assert len(document["images"]) == len(chosen)
    names = [category["name"] for category in document["categories"]]
    assert len(names) == 6
    first = next(iter(bench.project.assets.values()))
    rings = [
        len(one["boundingPoly"])
        for one in bench.latest(first).get("SURFACES", {}).get("annotations", [])
    ]
    assert max(rings) == 2, "the first picture of the sample has a mask with a hole"
    assert max(len(one["segmentation"]) for one in document["annotations"]) == 2
    if with_assets:
        _assert_media(files, "data", chosen)


@pytest.mark.parametrize("with_assets", [False, True])
def test_a_pascal_voc_export_has_a_document_for_every_picture(
    bench: Bench, tmp_path: Path, with_assets: bool
) -> None:
    files = bench.export(
        tmp_path / "out.zip", "pascal_voc", layout="merged", with_assets=with_assets
    )
    chosen = _exported(bench.project)
    documents = {name for name in files if name.endswith(".xml")}
    assert documents == {f"labels/{asset.external_id}.xml" for asset in chosen}
    if with_assets:
        _assert_media(files, "images", chosen)


@pytest.mark.parametrize("with_assets", [False, True])
def test_a_geojson_export_is_accepted_for_a_project_of_plain_pictures(
    bench: Bench, tmp_path: Path, with_assets: bool
) -> None:
    files = bench.export(tmp_path / "out.zip", "geojson", layout="merged", with_assets=with_assets)
    assert bench.project.title in files["README.kili.txt"].decode()
    if with_assets:
        _assert_media(files, "images", _exported(bench.project))


def test_the_sdk_reads_projects_of_several_pages(bench: Bench) -> None:
    project = bench.world.add_project(generate_project(3, 120))
    try:
        assets = bench.kili.assets(project.id, fields=["id", "latestLabel.jsonResponse"])
        assert [asset["id"] for asset in assets] == list(project.assets)
    finally:
        del bench.world.projects[project.id]


def test_the_sdk_creates_activates_and_removes_a_webhook(bench: Bench) -> None:
    given = {
        "webhook_url": "http://127.0.0.1:9/webhooks/kili",
        "plugin_name": "standin-test",
        "header": "secret",
        "handler_types": ["onSubmit"],
        "event_matcher": ["label.workflow.*"],
    }
    bench.kili.create_webhook(**given)
    bench.kili.activate_plugin_on_project("standin-test", bench.project.id)
    (plugin,) = bench.kili.list_plugins(fields=["name", "projectIds"])
    assert plugin == {"name": "standin-test", "projectIds": [bench.project.id]}
    with pytest.raises(Exception, match="an entity Plugin already exists with value"):
        bench.kili.create_webhook(**given)
    bench.kili.update_webhook(
        new_webhook_url="http://127.0.0.1:9/other",
        plugin_name="standin-test",
        handler_types=["onReview"],
        event_matcher=["asset.*"],
    )
    updated = bench.world.webhooks.get("standin-test")
    assert updated.handler_types == ("onReview",)
    assert (updated.url, updated.header) == ("http://127.0.0.1:9/other", "secret")
    bench.kili.deactivate_plugin_on_project("standin-test", bench.project.id)
    bench.kili.delete_plugin("standin-test")
    assert bench.kili.list_plugins(fields=["name"]) == []


def test_the_sdk_lists_events(bench: Bench) -> None:
    project = bench.world.add_project(generate_project(4, 3))
    try:
        target = next(iter(project.assets))
        label = bench.world.submit_label(target, project_id=project.id)
        listed = list(bench.kili.events.list(project_id=project.id))
    finally:
        del bench.world.projects[project.id]
    assert listed[0]["event"] == "label.workflow.created.default"
    assert listed[0]["payload"]["labelId"] == label.id


def test_a_subscription_pushes_the_labels_of_its_project(bench: Bench) -> None:
    pushed: queue.Queue[dict[str, Any]] = queue.Queue()
    subscription = bench.kili.label_created_or_updated(
        bench.project.id, lambda _, message: pushed.put(message)
    )
    try:
        while bench.world.counters.snapshot()["operations"].get("labelCreatedOrUpdated", 0) < 1:
            time.sleep(0.01)
        other = bench.world.add_project(generate_project(5, 2))
        bench.world.submit_label(next(iter(other.assets)), project_id=other.id)
        asset = next(iter(bench.project.assets.values()))
        made = bench.world.submit_label(asset.id, project_id=bench.project.id)
        edited = bench.world.edit_label(made.id)
        for label in (made, edited):
            message = pushed.get(timeout=30)
            assert message["type"] == "data"
            found = message["payload"]["data"]["data"]
            assert (found["id"], found["labelOf"]["id"]) == (label.id, asset.id)
    finally:
        subscription._subscription_running = False
        subscription.close()
        subscription._st_id.join(timeout=30)


def test_a_subscription_with_another_key_gets_nothing(bench: Bench) -> None:
    address = bench.kili.api_endpoint.replace("http", "ws", 1)
    connection = websocket.create_connection(address, timeout=30, subprotocols=["graphql-ws"])
    try:
        init = {"type": "connection_init", "payload": {"Authorization": "X-API-Key: another"}}
        connection.send(json.dumps(init))
        assert json.loads(connection.recv()) == {"type": "connection_error"}
        connection.send(json.dumps({"id": "1", "type": "start", "payload": {"query": ""}}))
        assert json.loads(connection.recv())["type"] == "error"
    finally:
        connection.close()
