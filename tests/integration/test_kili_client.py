"""The client against the stand-in: what it fetches is what the world holds, whatever goes wrong."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from kili_export.changes.events.change_events import ChangeEvent
from kili_export.core.errors import (
    AccessDenied,
    ExportError,
    InvalidConfiguration,
    RequestRefused,
    Throttled,
    Unavailable,
)
from kili_export.kili.client import KiliClient, KiliSettings
from kili_export.local.kili_standin import (
    KiliWorld,
    generate_project,
    sample_project,
    start_standin,
)
from kili_export.local.kili_standin.state.model import Project
from kili_export.steps.conversion.asset_source import FetchNeeds
from tests.support.fakes import ManualClock

ALL = FetchNeeds("IMAGE", latest_label=True, latest_labels=True, labels=True, json_content=True)


@dataclass
class Bench:
    """A served project, and a client of it for which waiting takes no time."""

    world: KiliWorld
    project: Project
    client: KiliClient
    endpoint: str
    clock: ManualClock

    @property
    def id(self) -> str:
        return self.project.id

    def ids(self) -> list[str]:
        return list(self.project.assets)

    def fault(self, kind: str, **details: Any) -> None:
        self.world.faults.set(kind=kind, **details)

    def listed_ids(self) -> list[str]:
        return [asset.asset_id for asset in self.client.list_asset_ids(self.id)]


def _client(endpoint: str, clock: ManualClock, key: str = "bench-key") -> KiliClient:
    return KiliClient.connect(KiliSettings(endpoint, key), clock)


@pytest.fixture
def bench() -> Iterator[Bench]:
    world = KiliWorld(api_key="bench-key")
    project = world.add_project(sample_project())
    clock = ManualClock()
    with start_standin(world) as standin:
        client = _client(standin.endpoint, clock)
        yield Bench(world, project, client, standin.endpoint, clock)


def test_the_project_is_read_in_one_request(bench: Bench) -> None:
    project = bench.client.project(bench.id)

    assert (project.project_id, project.title) == (bench.id, bench.project.title)
    assert project.input_type == "IMAGE"
    assert [job.name for job in project.jobs()] == list(bench.project.json_interface["jobs"])
    assert bench.client.traffic.snapshot().requests == {"projects": 1}


def test_every_asset_is_listed_once_in_server_order(bench: Bench) -> None:
    listed = list(bench.client.list_asset_ids(bench.id))

    assert [asset.asset_id for asset in listed] == bench.ids()
    assert [asset.external_id for asset in listed] == [
        asset.external_id for asset in bench.project.assets.values()
    ]
    keys = [asset.order_key for asset in listed]
    assert keys == sorted(keys)


def test_what_is_fetched_is_what_the_world_holds(bench: Bench) -> None:
    result = bench.client.fetch_assets(bench.id, bench.ids(), ALL)

    assert (dict(result.failed), result.missing) == ({}, ())
    assert [asset.asset_id for asset in result.assets] == bench.ids()
    for fetched in result.assets:
        held = bench.project.assets[fetched.asset_id]
        assert fetched.external_id == held.external_id
        assert fetched.label_ids == {label.id for label in held.labels}
        assert fetched.labels is not None
        assert [label["jsonResponse"] for label in fetched.labels] == [
            json.loads(label.content.render()) for label in held.labels
        ]


def test_a_fetch_bears_the_order_and_fingerprint_of_the_listing(bench: Bench) -> None:
    listed = {asset.asset_id: asset for asset in bench.client.list_asset_ids(bench.id)}

    for asset in bench.client.fetch_assets(bench.id, bench.ids(), ALL).assets:
        entry = listed[asset.asset_id]
        assert (asset.order_key, asset.fingerprint) == (entry.order_key, entry.fingerprint)


@pytest.mark.parametrize(
    "needs",
    [
        FetchNeeds("IMAGE"),
        FetchNeeds("IMAGE", latest_label=True),
        FetchNeeds("IMAGE", latest_labels=True),
        FetchNeeds("IMAGE", labels=True),
    ],
    ids=["nothing", "latest label", "latest labels", "labels"],
)
def test_only_what_is_needed_is_there(bench: Bench, needs: FetchNeeds) -> None:
    asset = bench.client.fetch_assets(bench.id, bench.ids()[:1], needs).assets[0]

    assert (asset.latest_label is not None) == needs.latest_label
    assert (asset.latest_labels is not None) == needs.latest_labels
    assert (asset.labels is not None) == needs.labels
    wanted = needs.latest_label or needs.latest_labels or needs.labels
    assert ("download" in bench.client.traffic.snapshot().requests) == wanted


def test_a_label_needed_thrice_is_downloaded_once(bench: Bench) -> None:
    asset_id, held = next((i, a) for i, a in bench.project.assets.items() if len(a.labels) == 1)

    bench.client.fetch_assets(bench.id, [asset_id], ALL)

    assert bench.client.traffic.snapshot().requests["download"] == len(held.labels)


@pytest.mark.parametrize("change", ["submit", "edit", "send back", "delete", "rename", "metadata"])
def test_every_change_of_an_asset_changes_its_fingerprint_and_no_other(
    bench: Bench, change: str
) -> None:
    asset = next(asset for asset in bench.project.assets.values() if asset.labels)
    before = {one.asset_id: one.fingerprint for one in bench.client.list_asset_ids(bench.id)}
    changes: dict[str, Callable[[], object]] = {
        "submit": lambda: bench.world.submit_label(asset.id),
        "edit": lambda: bench.world.edit_label(asset.labels[-1].id),
        "send back": lambda: bench.world.send_back(asset.id),
        "delete": lambda: bench.world.delete_label(asset.labels[-1].id),
        "rename": lambda: bench.world.rename_asset(asset.id, "another name.png"),
        "metadata": lambda: bench.world.set_metadata(asset.id, {"new": 1}),
    }
    changes[change]()

    after = {one.asset_id: one.fingerprint for one in bench.client.list_asset_ids(bench.id)}

    assert [i for i, print_ in after.items() if print_ != before[i]] == [asset.id]


def test_assets_that_are_gone_are_confirmed_missing(bench: Bench) -> None:
    gone, kept = bench.ids()[3], bench.ids()[4]
    bench.world.delete_asset(gone)

    result = bench.client.fetch_assets(bench.id, [gone, kept, "never-was"], ALL)

    assert result.missing == (gone, "never-was")
    assert [asset.asset_id for asset in result.assets] == [kept]


def test_a_project_out_of_sight_does_not_make_assets_missing(bench: Bench) -> None:
    bench.fault("access_lost", times=None)

    with pytest.raises(AccessDenied, match="not found, or not visible"):
        bench.client.fetch_assets(bench.id, bench.ids()[:2], ALL)
    with pytest.raises(AccessDenied, match=bench.id):
        bench.client.project(bench.id)


def test_an_expired_link_is_replaced_by_a_fresh_one(bench: Bench) -> None:
    bench.fault("expired", times=2)

    result = bench.client.fetch_assets(bench.id, bench.ids()[:5], ALL)

    assert (len(result.assets), dict(result.failed)) == (5, {})


def test_a_link_that_stays_refused_fails_the_asset_and_not_the_others(bench: Bench) -> None:
    labelled = [one.id for one in bench.project.assets.values() if len(one.labels) == 1][:2]
    refused, fine = labelled
    bench.client.fetch_assets(bench.id, [fine], ALL)
    bench.fault("expired", times=None)

    result = bench.client.fetch_assets(bench.id, [refused], ALL)

    assert list(result.failed) == [refused]
    assert "HTTP 403" in str(result.failed[refused])
    assert "Signature" not in str(result.failed[refused])
    assert result.assets == ()


def test_assets_are_unreachable_where_the_storage_answers_for_none(bench: Bench) -> None:
    bench.fault("internal_error", target="content", times=None)

    result = bench.client.fetch_assets(bench.id, bench.ids()[:5], ALL)

    assert result.unreachable
    assert result.unreachable <= result.failed.keys()
    assert all("cannot be read" in str(result.failed[one]) for one in result.unreachable)


@pytest.mark.parametrize(
    "kind", ["throttled", "bad_gateway", "unavailable", "dropped", "truncated", "wrong_key"]
)
def test_a_passing_fault_of_the_api_is_survived(bench: Bench, kind: str) -> None:
    bench.fault(kind, times=1)

    assert bench.client.count_assets(bench.id) == len(bench.project.assets)


@pytest.mark.parametrize("kind", ["bad_gateway", "unavailable", "dropped", "truncated"])
def test_a_passing_fault_of_the_storage_is_survived(bench: Bench, kind: str) -> None:
    bench.fault(kind, target="content", times=2)

    result = bench.client.fetch_assets(bench.id, bench.ids()[:5], ALL)

    assert (len(result.assets), dict(result.failed)) == (5, {})


@pytest.mark.parametrize(
    ("kind", "error", "attempts"),
    [
        ("internal_error", Unavailable, 1),
        ("bad_gateway", Unavailable, 5),
        ("dropped", Unavailable, 5),
        ("truncated", Unavailable, 5),
        ("wrong_key", AccessDenied, 3),
        ("graphql_error", Unavailable, 1),
    ],
)
def test_a_lasting_fault_is_given_up_with_a_clear_error(
    bench: Bench, kind: str, error: type[Exception], attempts: int
) -> None:
    bench.clock.sleep(60)
    bench.fault(kind, times=None)

    with pytest.raises(error):
        bench.client.count_assets(bench.id)

    assert bench.client.traffic.snapshot().requests == {"countAssets": attempts}


def test_throttling_is_waited_out_as_asked_until_patience_ends(bench: Bench) -> None:
    bench.fault("throttled", times=None, retry_after=20)
    began = bench.clock.now()

    with pytest.raises(Throttled) as caught:
        bench.client.count_assets(bench.id)

    assert caught.value.retry_after == 20
    assert (bench.clock.now() - began).total_seconds() == 60
    assert bench.client.traffic.snapshot().requests == {"countAssets": 4}


def test_a_wrong_key_is_told_at_once_and_not_repeated_in_the_message(bench: Bench) -> None:
    client = _client(bench.endpoint, bench.clock, "another-key")

    with pytest.raises(
        AccessDenied, match=r"the API key is refused by http://127\.0\.0\.1"
    ) as told:
        client.project(bench.id)

    assert "another-key" not in str(told.value)


@pytest.mark.parametrize("change", ["remove", "insert"])
@pytest.mark.parametrize("after", [0, 1, 2])
def test_pages_that_shift_while_read_lose_and_double_nothing(
    bench: Bench, change: str, after: int
) -> None:
    bench.project = bench.world.add_project(generate_project(seed=1, assets=350))
    bench.fault("shifting_pages", change=change, after=after, times=3)

    listed = bench.listed_ids()

    assert sorted(listed) == sorted(bench.ids())


def test_pages_that_never_stop_shifting_are_given_up(bench: Bench) -> None:
    bench.project = bench.world.add_project(generate_project(seed=1, assets=350))
    bench.fault("shifting_pages", change="insert", times=None)

    with pytest.raises(Unavailable):
        bench.listed_ids()


def test_filters_are_applied_by_the_server(bench: Bench) -> None:
    labelled = {one.id for one in bench.project.assets.values() if one.labels}
    some = bench.ids()[:20]
    author = next(one for one in bench.project.assets.values() if one.labels).labels[0].author

    by_author = bench.client.matching_ids(bench.id, some, {"label_author_in": [author.email]})
    nobody = bench.client.matching_ids(bench.id, some, {"label_author_in": ["no@example.com"]})

    assert by_author
    assert by_author <= labelled & set(some)
    assert nobody == frozenset()
    assert bench.client.count_assets(bench.id, {"label_author_in": ["no@example.com"]}) == 0


def test_more_names_than_one_query_takes_are_asked_in_several(bench: Bench) -> None:
    wanted = next(iter(bench.project.assets.values()))
    names = [*(f"absent-{number}" for number in range(1500)), wanted.external_id]

    listed = bench.client.list_asset_ids(bench.id, {"external_id_strictly_in": names})

    assert [asset.asset_id for asset in listed] == [wanted.id]
    assert bench.client.matching_ids(bench.id, bench.ids(), {"external_id_strictly_in": names}) == {
        wanted.id
    }


def test_an_unknown_step_is_named_with_those_that_there_are(bench: Bench) -> None:
    with pytest.raises(InvalidConfiguration, match="has no step 'Nowhere'"):
        bench.client.matching_ids(bench.id, bench.ids(), {"step_name_in": ["Nowhere"]})


def test_a_filter_that_the_server_does_not_understand_is_refused(bench: Bench) -> None:
    with pytest.raises((RequestRefused, Unavailable)):
        bench.client.count_assets(bench.id, {"label_category_search": ")))"})


def test_past_events_are_read_in_order_and_once(bench: Bench) -> None:
    asset_id = bench.ids()[0]
    label = bench.world.submit_label(asset_id)
    bench.world.delete_asset(bench.ids()[1])

    events = list(bench.client.events_since(bench.id))
    again = list(bench.client.events_since(bench.id, from_event_id=events[-2].event_id))

    assert len({one.event_id for one in events}) == len(events) == len(bench.world.events)
    submitted = [one.event for one in events if one.event.label_id == label.id]
    assert ChangeEvent("label.workflow.created.default", bench.id, asset_id, label.id) in submitted
    assert events[-1].event.name in ("asset.deleted", "asset.destroyed")
    assert again[-1] == events[-1]
    assert len(again) in (1, 2)


def test_a_webhook_is_installed_replaced_and_removed(bench: Bench) -> None:
    client = bench.client
    client.install_webhook(bench.id, "http://127.0.0.1:9/one", "first", "exports")
    client.install_webhook(bench.id, "http://127.0.0.1:9/two", "second", "exports")

    [webhook] = bench.world.webhooks.listing()
    assert (webhook.url, webhook.header) == ("http://127.0.0.1:9/two", "second")
    assert list(webhook.project_ids) == [bench.id]
    assert "onSubmit" in webhook.handler_types

    client.remove_webhook(bench.id, "exports")
    client.remove_webhook(bench.id, "exports")
    assert list(bench.world.webhooks.listing()) == []


def test_a_webhook_that_cannot_be_installed_leaves_nothing_in_kili(bench: Bench) -> None:
    with pytest.raises(ExportError, match="No entity Project found"):
        bench.client.install_webhook("nosuchproject", "http://127.0.0.1:9/", "secret", "exports")
    assert list(bench.world.webhooks.listing()) == []


def test_a_webhook_that_was_there_before_stays_when_installing_it_fails(bench: Bench) -> None:
    bench.client.install_webhook(bench.id, "http://127.0.0.1:9/", "secret", "exports")
    with pytest.raises(ExportError, match="No entity Project found"):
        bench.client.install_webhook("nosuchproject", "http://127.0.0.1:9/", "secret", "exports")
    assert [one.name for one in bench.world.webhooks.listing()] == ["exports"]


def test_a_webhook_that_cannot_be_deleted_again_is_told_by_name(bench: Bench) -> None:
    bench.fault("wrong_key", target="deletePlugin", times=None)
    with pytest.raises(ExportError, match="The webhook exports was created and could not"):
        bench.client.install_webhook("nosuchproject", "http://127.0.0.1:9/", "secret", "exports")


def test_a_filter_that_drops_assets_is_believed_while_the_project_is_visible(bench: Bench) -> None:
    bench.fault("access_lost", times=1)
    found = bench.client.matching_ids(bench.id, bench.ids(), {"skipped": False})
    assert found == bench.client.matching_ids(bench.id, bench.ids(), {"skipped": False})
    assert found
    bench.fault("access_lost", times=None)
    with pytest.raises(AccessDenied):
        bench.client.matching_ids(bench.id, bench.ids(), {"skipped": False})
