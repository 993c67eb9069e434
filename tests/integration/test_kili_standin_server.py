"""The stand-in over HTTP: GraphQL as a server answers it, signed links, faults, control."""

import gzip
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
import requests

from kili_export.local.kili_standin import KiliWorld, StandIn, sample_project, start_standin
from kili_export.local.kili_standin.api.fields import FIELDS
from kili_export.local.kili_standin.api.graphql_api import load_schema
from kili_export.local.kili_standin.api.operations import OPERATIONS

ASSETS = """
query assets($where: AssetWhere!, $first: PageSize!, $skip: Int!) {
  data: assets(where: $where, skip: $skip, first: $first) {
    id externalId content latestLabels { id jsonResponse jsonResponseUrl author { email } }
  }
}
"""
COUNT = "query countAssets($where: AssetWhere!) { data: countAssets(where: $where) }"
TIMEOUT = 10


class Caller:
    """A client that speaks plain HTTP."""

    def __init__(self, world: KiliWorld, standin: StandIn) -> None:
        self.world = world
        self.standin = standin
        self.project_id = world.project().id
        self.session = requests.Session()

    def post(self, query: str, **variables: Any) -> requests.Response:
        return self.session.post(
            self.standin.endpoint,
            json={"query": query, "variables": variables},
            headers={"Authorization": f"X-API-Key: {self.world.api_key}"},
            timeout=TIMEOUT,
        )

    def ask(self, query: str, **variables: Any) -> Any:
        answer = self.post(query, **variables).json()
        assert "errors" not in answer, answer
        return answer["data"]["data"]

    def page(self, first: int = 10, skip: int = 0, **where: Any) -> Any:
        where = {"project": {"id": self.project_id}, **where}
        return self.ask(ASSETS, where=where, first=first, skip=skip)

    def control(self, operation: str, **body: Any) -> Any:
        answer = self.session.post(
            f"{self.standin.control_url}/{operation}", json=body, timeout=TIMEOUT
        )
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def caller() -> Iterator[Caller]:
    world = KiliWorld(api_key="k")
    world.add_project(sample_project())
    with start_standin(world) as standin:
        caller = Caller(world, standin)
        yield caller
        caller.session.close()


def test_a_wrong_key_is_refused(caller: Caller) -> None:
    caller.world.api_key = "another"
    ours = caller.session.post(
        caller.standin.endpoint,
        json={"query": COUNT, "variables": {"where": {}}},
        headers={"Authorization": "X-API-Key: k"},
        timeout=TIMEOUT,
    )
    assert ours.status_code == 401
    assert "Unauthorized" in ours.json()["errors"][0]["message"]
    bare = caller.session.post(caller.standin.endpoint, json={}, timeout=TIMEOUT)
    assert bare.status_code == 401


def test_the_version_needs_no_key(caller: Caller) -> None:
    url = caller.standin.endpoint.replace("/graphql", "/version")
    assert "version" in caller.session.get(url, timeout=TIMEOUT).json()


@pytest.mark.parametrize(
    ("query", "variables", "message"),
    [
        ("{ projects { x } }", {}, 'Cannot query field "x" on type "Project".'),
        ("{ gadgets { id } }", {}, 'Cannot query field "gadgets" on type "Query".'),
        ("{ projects ", {}, "Syntax Error"),
        (COUNT, {"where": {"size": 3}}, "'size' is not defined by type 'AssetWhere'"),
        (COUNT, {"where": {"statusIn": ["LOST"]}}, "does not exist in 'Status' enum"),
        (COUNT, {}, "of required type 'AssetWhere!' was not provided"),
        (ASSETS, {"where": {}, "first": 101, "skip": 0}, "between 0 and 100"),
        (COUNT, {"where": {"createdAtGte": "soon"}}, "Invalid isoformat string"),
        (COUNT, {"where": {"label": {"search": "a > b"}}}, "Invalid search"),
        (COUNT, {"where": {"metadata": [1]}}, "metadata must be an object"),
    ],
)
def test_what_the_schema_does_not_hold_is_an_error(
    caller: Caller, query: str, variables: dict[str, Any], message: str
) -> None:
    answer = caller.post(query, **variables).json()
    assert answer["data"] is None
    assert message in answer["errors"][0]["message"]
    assert answer["errors"][0]["extensions"]["context"] == {}


@pytest.mark.parametrize("body", [b"", b"[]", b"nonsense", b'{"query": 3}', b'{"variables": {}}'])
def test_a_body_that_is_no_graphql_request_is_refused(caller: Caller, body: bytes) -> None:
    answer = caller.session.post(
        caller.standin.endpoint,
        data=body,
        headers={"Authorization": "X-API-Key: k"},
        timeout=TIMEOUT,
    )
    assert answer.status_code == 400


def test_selections_aliases_fragments_and_directives_are_honoured(caller: Caller) -> None:
    query = """
    query q($where: AssetWhere!, $more: Boolean!) {
      one: assets(where: $where, first: 1, skip: 0) { ...named __typename }
      data: assets(where: $where, first: 1, skip: 1) {
        number: id ... on Asset { latestLabel { id @include(if: $more) labelType } }
      }
    }
    fragment named on Asset { externalId }
    """
    where = {"project": {"id": caller.project_id}}
    answer = caller.post(query, where=where, more=False).json()["data"]
    assert answer["one"] == [{"externalId": "scene-00.png", "__typename": "Asset"}]
    second = list(caller.world.project().assets)[1]
    assert answer["data"] == [{"number": second, "latestLabel": {"labelType": "DEFAULT"}}]


def test_the_schema_can_be_introspected(caller: Caller) -> None:
    answer = caller.post('{ __type(name: "PageSize") { kind } }').json()
    assert answer["data"] == {"__type": {"kind": "SCALAR"}}


def test_every_field_of_the_schema_can_be_read() -> None:
    schema = load_schema()
    declared = {
        name: set(getattr(kind, "fields", ()))
        for name, kind in schema.type_map.items()
        if name in FIELDS
    }
    assert declared == {name: set(fields) for name, fields in FIELDS.items()}
    assert schema.query_type is not None
    assert schema.mutation_type is not None
    assert schema.subscription_type is not None
    kinds = (schema.query_type, schema.mutation_type, schema.subscription_type)
    roots = {name for kind in kinds for name in kind.fields}
    assert roots == set(OPERATIONS)


def test_pages_cover_the_project_once_in_creation_order(caller: Caller) -> None:
    pages = [caller.page(first=20, skip=skip) for skip in (0, 20, 40, 60)]
    assert [len(page) for page in pages] == [20, 20, 8, 0]
    ids = [asset["id"] for page in pages for asset in page]
    assert ids == list(caller.world.project().assets)
    assert caller.ask(COUNT, where={"project": {"id": caller.project_id}}) == 48


def test_a_compressed_request_is_understood(caller: Caller) -> None:
    body = orjson.dumps({"query": COUNT, "variables": {"where": {}}})
    answer = caller.session.post(
        caller.standin.endpoint,
        data=gzip.compress(body),
        headers={"Authorization": "X-API-Key: k", "Content-Encoding": "gzip"},
        timeout=TIMEOUT,
    )
    assert answer.json() == {"data": {"data": 48}}


def test_answers_hide_behind_a_fresh_link_each_time(caller: Caller) -> None:
    (first,), (second,) = caller.page(first=1), caller.page(first=1)
    label, again = first["latestLabels"][0], second["latestLabels"][0]
    assert label["jsonResponse"] == "{}"
    assert label["jsonResponseUrl"] != again["jsonResponseUrl"]
    held = caller.world.project().assets[first["id"]]
    content = caller.session.get(label["jsonResponseUrl"], timeout=TIMEOUT)
    assert content.content == held.labels[0].content.render()
    media = caller.session.get(first["content"], timeout=TIMEOUT)
    assert media.content.startswith(b"\x89PNG")
    assert media.headers["Content-Type"] == "image/png"
    size = caller.session.head(first["content"], timeout=TIMEOUT).headers["Content-Length"]
    assert int(size) == len(media.content)


def test_a_project_may_hold_its_answers_inline(caller: Caller) -> None:
    caller.world.project().inline_json_response = True
    (asset,) = caller.page(first=1)
    label = asset["latestLabels"][0]
    assert label["jsonResponseUrl"] is None
    assert "SCENE" in orjson.loads(label["jsonResponse"])


def test_links_are_refused_when_expired_forged_or_used_with_a_key(caller: Caller) -> None:
    (asset,) = caller.page(first=1)
    url = asset["latestLabels"][0]["jsonResponseUrl"]
    forged = caller.session.get(url.replace("standin", "other"), timeout=TIMEOUT)
    assert (forged.status_code, "SignatureDoesNotMatch" in forged.text) == (403, True)
    leaking = {"Authorization": "X-API-Key: k"}
    assert caller.session.get(url, headers=leaking, timeout=TIMEOUT).status_code == 400
    caller.control("set_urls", lifetime=0)
    (asset,) = caller.page(first=1)
    expired = caller.session.get(asset["content"], timeout=TIMEOUT)
    assert (expired.status_code, "has expired" in expired.text) == (403, True)


def test_media_behind_the_key_need_it(caller: Caller) -> None:
    caller.world.project().media_behind_key = True
    (asset,) = caller.page(first=1)
    assert asset["content"].startswith(caller.standin.endpoint.removesuffix("graphql"))
    key = {"Authorization": "X-API-Key: k"}
    media = caller.session.get(asset["content"], headers=key, timeout=TIMEOUT)
    assert media.content.startswith(b"\x89PNG")
    assert caller.session.get(asset["content"], timeout=TIMEOUT).status_code == 401
    unknown = caller.session.get(asset["content"] + "x", headers=key, timeout=TIMEOUT)
    assert unknown.status_code == 404


def test_the_document_of_a_deleted_label_is_gone(caller: Caller) -> None:
    (asset,) = caller.page(first=1)
    label = asset["latestLabels"][0]
    caller.control("delete_label", label_id=label["id"])
    assert caller.session.get(label["jsonResponseUrl"], timeout=TIMEOUT).status_code == 404


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ({"kind": "throttled", "retry_after": 7}, 429),
        ({"kind": "internal_error"}, 500),
        ({"kind": "bad_gateway", "target": "countAssets"}, 502),
        ({"kind": "unavailable"}, 503),
        ({"kind": "wrong_key"}, 401),
        ({"kind": "graphql_error", "message": "Failed to fetch data connection"}, 200),
    ],
)
def test_a_fault_spoils_one_call_and_the_next_one_is_well(
    caller: Caller, fault: dict[str, Any], status: int
) -> None:
    caller.control("set_fault", **fault)
    spoiled = caller.post(COUNT, where={})
    assert spoiled.status_code == status
    assert spoiled.json()["data"] is None
    assert spoiled.headers.get("Retry-After") == ("7" if status == 429 else None)
    assert caller.ask(COUNT, where={}) == 48
    assert caller.control("faults")["faults"][0]["spoiled"] == 1


def test_a_truncated_answer_cannot_be_parsed_and_a_dropped_one_cannot_be_read(
    caller: Caller,
) -> None:
    caller.control("set_fault", kind="truncated", target="assets")
    where = {"project": {"id": caller.project_id}}
    with pytest.raises(requests.JSONDecodeError):
        caller.post(ASSETS, where=where, first=10, skip=0).json()
    caller.control("set_fault", kind="dropped")
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        caller.post(ASSETS, where=where, first=10, skip=0)
    assert len(caller.page(first=10)) == 10


def test_faults_of_documents_leave_the_rest_alone(caller: Caller) -> None:
    (asset,) = caller.page(first=1)
    url = asset["latestLabels"][0]["jsonResponseUrl"]
    caller.control("set_fault", kind="expired", times=None)
    assert caller.session.get(url, timeout=TIMEOUT).status_code == 403
    caller.control("clear_faults")
    caller.control("set_fault", kind="internal_error", target="content")
    assert caller.session.get(asset["content"], timeout=TIMEOUT).status_code == 200
    assert caller.session.get(url, timeout=TIMEOUT).status_code == 500
    assert caller.session.get(url, timeout=TIMEOUT).status_code == 200


def test_pages_shift_while_they_are_read(caller: Caller) -> None:
    ids = list(caller.world.project().assets)
    caller.control("set_fault", kind="shifting_pages", change="remove")
    assert [asset["id"] for asset in caller.page(first=10)] == ids[:10]
    assert [asset["id"] for asset in caller.page(first=10, skip=10)] == ids[11:21]
    caller.control("set_fault", kind="shifting_pages", change="insert")
    assert [asset["id"] for asset in caller.page(first=10)] == ids[1:11]
    assert caller.page(first=10, skip=10)[0]["id"] == ids[10], "read twice"


def test_lost_access_empties_the_lists(caller: Caller) -> None:
    caller.control("set_fault", kind="access_lost", times=None, project_id=caller.project_id)
    query = "query p($where: ProjectWhere!) {data: projects(where: $where, first: 1, skip: 0) {id}}"
    assert caller.ask(query, where={"id": caller.project_id}) == []
    assert caller.page() == []
    assert caller.ask(COUNT, where={}) == 0


def test_a_stale_document_shows_the_former_answer_once(caller: Caller) -> None:
    (asset,) = caller.page(first=1)
    label = asset["latestLabels"][0]
    former = caller.session.get(label["jsonResponseUrl"], timeout=TIMEOUT).json()
    caller.control("set_fault", kind="stale_content", reads=1)
    answer = {"SCENE": {"categories": [{"name": "NIGHT"}]}}
    caller.control("edit_label", label_id=label["id"], json_response=answer)
    shown = [caller.session.get(label["jsonResponseUrl"], timeout=TIMEOUT).json() for _ in "ab"]
    assert shown == [former, answer]


def test_counters_tell_what_was_asked(caller: Caller) -> None:
    caller.control("reset_counters")
    (asset,) = caller.page(first=1)
    caller.ask(COUNT, where={})
    body = caller.session.get(asset["latestLabels"][0]["jsonResponseUrl"], timeout=TIMEOUT).content
    caller.session.get(asset["content"], timeout=TIMEOUT)
    counters = caller.control("counters")
    assert counters["operations"] == {"assets": 1, "countAssets": 1}
    assert counters["requests"] == {"graphql": 2, "content": 1, "media": 1}
    assert counters["bytes"]["content"] == len(body)
    assert counters["statuses"] == {"200": 4}


def test_control_directs_labels_assets_and_projects(caller: Caller) -> None:
    asset_id = caller.control("add_asset", external_id="new one.png", width=64, height=48)[
        "asset_id"
    ]
    submitted = caller.control("submit_label", asset="new one.png", author="bob@example.com")
    assert submitted["asset_id"] == asset_id
    caller.control("review", asset=asset_id, author="chloe@example.com")
    (shown,) = caller.page(id=asset_id)
    assert [label["author"]["email"] for label in shown["latestLabels"]] == ["chloe@example.com"]
    caller.control("send_back", asset=asset_id)
    caller.control("rename_asset", asset=asset_id, external_id="renamed.png")
    caller.control("skip_asset", asset=asset_id)
    assert caller.ask(COUNT, where={"skipped": True, "externalIdStrictlyIn": ["renamed.png"]}) == 1
    caller.control("set_settings", title="Other")
    caller.control("set_interface", json_interface={"jobs": {}})
    caller.control("delete_asset", asset=asset_id)
    assert caller.control("assets", first=2)["count"] == 48
    events = [one["event"] for one in caller.control("events")["events"]]
    assert events[0] == "asset.created"
    assert events[-1] == "asset.deleted"
    made = caller.control("generate_project", seed=8, assets=3)["project_id"]
    listed = {one["id"]: one["assets"] for one in caller.control("projects")["projects"]}
    assert listed == {caller.project_id: 48, made: 3}


@pytest.mark.parametrize(
    ("operation", "body", "status"),
    [
        ("dance", b"{}", 404),
        ("submit_label", b"{}", 400),
        ("submit_label", b"[]", 400),
        ("submit_label", b"{", 400),
        ("submit_label", b'{"asset": "nowhere.png"}', 404),
        ("submit_label", b'{"asset": "scene-28.png", "author": "nobody"}', 400),
        ("submit_label", b'{"asset": "scene-28.png", "label_type": "GUESS"}', 400),
        ("set_fault", b'{"kind": "gremlins"}', 400),
        ("set_delivery", b'{"burn": 1}', 400),
        ("load_project", b'{"project": {}}', 400),
        ("load_project", b'{"path": "/nonexistent.json"}', 400),
    ],
)
def test_control_refuses_what_does_not_fit(
    caller: Caller, operation: str, body: bytes, status: int
) -> None:
    url = f"{caller.standin.control_url}/{operation}"
    answer = caller.session.post(url, data=body, timeout=TIMEOUT)
    assert answer.status_code == status
    assert answer.json()["error"]


def test_it_serves_the_loopback_interface_only() -> None:
    with (
        pytest.raises(ValueError, match="loopback"),
        start_standin(KiliWorld(), host="0.0.0.0"),
    ):
        pass
