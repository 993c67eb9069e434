"""The stand-in calls webhooks as Kili does, and mistreats deliveries when asked to."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import kili_events
import pytest

from kili_export.local.kili_standin import KiliWorld, sample_project, start_standin
from kili_export.local.kili_standin.api.graphql_api import GraphQLApi

ASSET = "scene-28.png"
CREATE = """
mutation($eventMatcher: [String!], $handlerTypes: [PluginHandlerType!], $pluginName: String!,
         $webhookUrl: String!, $header: String) {
  data: createWebhook(data: {eventMatcher: $eventMatcher, handlerTypes: $handlerTypes,
    header: $header, pluginName: $pluginName, webhookUrl: $webhookUrl})
}
"""
ACTIVATE = """
mutation($pluginName: String!, $projectId: ID!) {
  data: activatePluginOnProject(where: {pluginName: $pluginName, projectId: $projectId})
}
"""


@dataclass
class Receiver:
    """A webhook's other end: keeps what it gets and answers `statuses` in turn, then 202."""

    url: str
    received: list[tuple[str | None, dict[str, Any]]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    def names(self) -> list[str]:
        return [body.get("eventType") or body["event"] for _, body in self.received]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    heard = Receiver(url="")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.received.append((self.headers.get("Authorization"), json.loads(body)))
            self.send_response(heard.statuses.pop(0) if heard.statuses else 202)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    heard.url = f"http://127.0.0.1:{server.server_port}/webhooks/kili"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield heard
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def world() -> Iterator[KiliWorld]:
    world = KiliWorld()
    world.add_project(sample_project())
    world.courier.policy.backoff_seconds = 0.01
    yield world
    world.close()


def _install(world: KiliWorld, url: str, **settings: Any) -> None:
    api = GraphQLApi(world)
    name = {"pluginName": "hook"}
    given = {"webhookUrl": url, "header": "the secret", **name, **settings}
    assert "errors" not in api.execute(CREATE, given)
    on = {**name, "projectId": world.project().id}
    assert "errors" not in api.execute(ACTIVATE, on)


def _settled(world: KiliWorld) -> None:
    assert world.courier.wait_idle(60), "deliveries did not end in a minute"


def test_a_submission_calls_the_handler_with_the_header_verbatim(
    world: KiliWorld, receiver: Receiver
) -> None:
    _install(world, receiver.url)
    label = world.submit_label(ASSET)
    _settled(world)
    ((header, body),) = receiver.received
    assert header == "the secret"
    assert body["eventType"] == "onSubmit"
    assert body["logPayload"]["projectId"] == world.project().id
    assert body["payload"]["asset_id"] == world.asset(ASSET)[1].id
    assert body["payload"]["label"]["id"] == label.id


def test_each_handler_type_is_called_for_its_own_deed(world: KiliWorld, receiver: Receiver) -> None:
    _install(world, receiver.url, handlerTypes=["onSubmit", "onReview", "onSendBackToQueue"])
    world.submit_label(ASSET)
    world.review(ASSET)
    world.send_back(ASSET)
    world.submit_label(ASSET, label_type="PREDICTION")
    world.submit_label(ASSET, label_type="AUTOSAVE")
    _settled(world)
    assert receiver.names() == ["onSubmit", "onReview", "onSendBackToQueue"]
    assert receiver.received[2][1]["payload"] == {"asset_id": world.asset(ASSET)[1].id}


def test_a_matcher_gets_bare_events_that_kilis_models_accept(
    world: KiliWorld, receiver: Receiver
) -> None:
    matcher = ["label.workflow.*", "asset.*", "project.interface.updated"]
    _install(world, receiver.url, eventMatcher=matcher, handlerTypes=[])
    world.submit_label("scene-02.png")
    world.rename_asset(ASSET, "renamed.png")
    world.delete_asset("renamed.png")
    world.set_interface({"jobs": {}})
    world.set_settings(title="not matched")
    _settled(world)
    assert receiver.names() == [
        "label.workflow.created.default",
        "asset.workflow.currentStep.changed",
        "asset.updated",
        "asset.deleted",
        "project.interface.updated",
    ]
    for _, body in receiver.received:
        kili_events.parse_event(body)


def test_nothing_is_sent_from_projects_where_the_webhook_is_not_active(
    world: KiliWorld, receiver: Receiver
) -> None:
    _install(world, receiver.url)
    world.webhooks.deactivate("hook", world.project().id)
    world.submit_label(ASSET)
    _settled(world)
    assert receiver.received == []


def test_a_malformed_matcher_is_refused(world: KiliWorld) -> None:
    given = {"pluginName": "x", "webhookUrl": "http://127.0.0.1:9", "eventMatcher": ["*"]}
    answer = GraphQLApi(world).execute(CREATE, given)
    assert "Invalid event pattern" in answer["errors"][0]["message"]


def test_a_failing_receiver_is_called_again(world: KiliWorld, receiver: Receiver) -> None:
    receiver.statuses = [503, 500]
    _install(world, receiver.url)
    world.submit_label(ASSET)
    _settled(world)
    assert len(receiver.received) == 3
    (entry,) = world.courier.log()
    assert (entry["outcome"], entry["attempts"], entry["status"]) == ("delivered", 3, 202)


def test_a_refusal_is_final(world: KiliWorld, receiver: Receiver) -> None:
    receiver.statuses = [401]
    _install(world, receiver.url)
    world.submit_label(ASSET)
    _settled(world)
    (entry,) = world.courier.log()
    assert (entry["outcome"], entry["attempts"], entry["status"]) == ("failed", 1, 401)


def test_a_receiver_that_is_not_there_is_given_up_on(world: KiliWorld) -> None:
    _install(world, "http://127.0.0.1:9/webhooks/kili")
    world.submit_label(ASSET)
    _settled(world)
    (entry,) = world.courier.log()
    assert (entry["outcome"], entry["attempts"]) == ("failed", 4)
    assert entry["problem"] == "NewConnectionError"


def test_deliveries_are_lost_and_doubled(world: KiliWorld, receiver: Receiver) -> None:
    _install(world, receiver.url)
    world.courier.policy.lose = 1
    world.submit_label(ASSET)
    world.courier.policy.double = 1
    second = world.submit_label(ASSET)
    _settled(world)
    ids = [body["payload"]["label"]["id"] for _, body in receiver.received]
    assert ids == [second.id, second.id]
    assert sorted(entry["outcome"] for entry in world.courier.log()) == [
        "delivered",
        "delivered",
        "lost",
    ]


def test_deliveries_are_reordered(world: KiliWorld, receiver: Receiver) -> None:
    _install(world, receiver.url)
    world.courier.policy.reorder = 3
    labels = [world.submit_label(ASSET) for _ in range(4)]
    _settled(world)
    ids = [body["payload"]["label"]["id"] for _, body in receiver.received]
    assert ids == [labels[at].id for at in (2, 1, 0, 3)]


def test_held_deliveries_can_be_released_early(world: KiliWorld, receiver: Receiver) -> None:
    _install(world, receiver.url)
    world.courier.policy.reorder = 5
    labels = [world.submit_label(ASSET) for _ in range(2)]
    assert receiver.received == []
    world.courier.release()
    _settled(world)
    ids = [body["payload"]["label"]["id"] for _, body in receiver.received]
    assert ids == [labels[1].id, labels[0].id]


def test_a_stand_in_that_comes_back_delivers_again(world: KiliWorld, receiver: Receiver) -> None:
    _install(world, receiver.url)
    for _ in range(2):
        with start_standin(world):
            world.submit_label(ASSET)
            _settled(world)
    assert receiver.names() == ["onSubmit", "onSubmit"]


def test_closing_does_not_wait_for_a_delayed_delivery(world: KiliWorld, receiver: Receiver) -> None:
    _install(world, receiver.url)
    world.courier.policy.delay = 1
    world.courier.policy.delay_seconds = 3600
    world.submit_label(ASSET)
    world.close()
    assert receiver.received == []
    assert world.courier.wait_idle(0), "the delivery is still under way"
