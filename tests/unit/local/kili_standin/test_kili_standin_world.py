"""Changes to the world: what is recorded, and what becomes visible when."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import kili_events
import pytest

from kili_export.local.kili_standin import KiliWorld, sample_project
from kili_export.local.kili_standin.state.state import UnknownEntity
from kili_export.local.kili_standin.state.webhooks import is_system_event, matches

PLAIN = "scene-28.png"


class _Time:
    def __init__(self) -> None:
        self.present = datetime(2026, 6, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.present


@pytest.fixture
def time() -> _Time:
    return _Time()


@pytest.fixture
def world(time: _Time) -> KiliWorld:
    world = KiliWorld(now=time)
    world.add_project(sample_project())
    return world


def _events(world: KiliWorld) -> list[str]:
    return [record.event for record in world.events]


Change = Callable[[KiliWorld], Any]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            lambda world: world.submit_label("scene-02.png"),
            [
                "label.workflow.created.default",
                "label.jsonResponse.store.started",
                "asset.workflow.currentStep.changed",
            ],
        ),
        (
            lambda world: world.review(PLAIN, author="chloe@example.com"),
            [
                "label.workflow.created.review",
                "label.jsonResponse.store.started",
                "label.workflow.validated",
            ],
        ),
        (
            lambda world: world.submit_label(PLAIN, label_type="PREDICTION"),
            ["label.workflow.created.prediction", "label.jsonResponse.store.started"],
        ),
        (lambda world: world.submit_label(PLAIN, label_type="AUTOSAVE"), []),
        (
            lambda world: world.edit_label(world.asset(PLAIN)[1].labels[0].id),
            ["label.workflow.edited", "label.jsonResponse.store.started"],
        ),
        (lambda world: world.delete_label(world.asset(PLAIN)[1].labels[0].id), []),
        (
            lambda world: world.send_back(PLAIN),
            ["label.workflow.rejected", "asset.workflow.currentStep.changed"],
        ),
        (
            lambda world: world.bulk_send_back([PLAIN]),
            ["project.workflow.bulkAction.sendBackToQueue.started"],
        ),
        (lambda world: world.add_asset("new.png"), ["asset.created"]),
        (lambda world: world.rename_asset(PLAIN, "renamed.png"), ["asset.updated"]),
        (lambda world: world.set_metadata(PLAIN, {"a": 1}), ["asset.updated"]),
        (lambda world: world.delete_asset(PLAIN), ["asset.deleted"]),
        (lambda world: world.delete_asset(PLAIN, silent=True), []),
        (lambda world: world.skip_asset(PLAIN), ["asset.skipped"]),
        (lambda world: world.skip_asset(PLAIN, skipped=False), ["asset.unskipped"]),
        (lambda world: world.set_interface({"jobs": {}}), ["project.interface.updated"]),
        (lambda world: world.set_settings(title="New"), ["project.settings.updated"]),
        (lambda world: world.archive_project(), ["project.archived"]),
    ],
)
def test_each_change_records_its_events_in_kilis_own_shapes(
    world: KiliWorld, change: Change, expected: list[str]
) -> None:
    change(world)
    assert _events(world) == expected
    for record in world.events:
        envelope: dict[str, Any] = {
            "event": record.event,
            "organizationId": "o",
            "projectId": record.project_id,
            "userId": record.user_id,
        }
        if record.payload is not None:
            envelope["payload"] = record.payload
        kili_events.parse_event(envelope)


def test_a_submitted_label_is_a_chance_edit_of_the_newest_one(world: KiliWorld) -> None:
    before = world.asset(PLAIN)[1].labels[-1].content.render()
    label = world.submit_label(PLAIN, author="bob@example.com")
    assert label.author.email == "bob@example.com"
    assert label.content.render() not in (before, b"{}")


def test_a_review_confirms_the_newest_label_by_a_reviewer(world: KiliWorld) -> None:
    before = world.asset(PLAIN)[1].labels[-1].content.render()
    label = world.review(PLAIN)
    assert (label.author.role, label.content.render()) == ("REVIEWER", before)


def test_changes_move_the_assets_update_date_forward(world: KiliWorld) -> None:
    before = world.asset(PLAIN)[1].updated_at
    world.submit_label(PLAIN)
    assert world.asset(PLAIN)[1].updated_at > before


def test_an_asset_may_be_dated_before_all_others(world: KiliWorld) -> None:
    asset = world.add_asset("early.png", first=True)
    assert world.select_assets({}, 1)[0][1] is asset
    assert min(world.project().assets) == asset.id


def test_a_late_label_is_not_listed_until_its_time(world: KiliWorld, time: _Time) -> None:
    world.faults.set("stale_content", lag="late", seconds=5)
    label = world.submit_label(PLAIN)
    asset = world.asset(PLAIN)[1]
    assert label not in world.visible_labels(asset, counted=True)
    time.present += timedelta(seconds=6)
    assert label in world.visible_labels(asset, counted=True)


def test_a_late_label_is_listed_after_so_many_answers(world: KiliWorld) -> None:
    world.faults.set("stale_content", lag="late", reads=2)
    label = world.submit_label(PLAIN)
    asset = world.asset(PLAIN)[1]
    seen = [label in world.visible_labels(asset, counted=True) for _ in range(3)]
    assert seen == [False, False, True]
    assert label in world.visible_labels(asset, counted=False)


def test_looking_without_answering_does_not_bring_a_late_label_nearer(world: KiliWorld) -> None:
    world.faults.set("stale_content", lag="late", reads=1)
    world.submit_label("scene-02.png")
    assert world.count_assets({"label": {"typeIn": ["DEFAULT"]}}) == world.count_assets(
        {"label": {"typeIn": ["DEFAULT"]}}
    )


def test_a_stale_document_shows_the_former_content_for_so_many_reads(world: KiliWorld) -> None:
    label = world.asset(PLAIN)[1].labels[0]
    former = label.content.render()
    world.faults.set("stale_content", reads=1)
    world.edit_label(label.id)
    shown = [world.content(label, counted=True).render() for _ in range(2)]
    assert shown == [former, label.content.render()]
    assert former != label.content.render()


def test_a_project_without_access_is_not_to_be_seen(world: KiliWorld) -> None:
    world.faults.set("access_lost", times=None)
    assert world.select_projects({}) == []
    assert world.count_assets({}) == 0
    world.faults.clear("access_lost")
    assert world.count_assets({}) == 48


def test_a_fault_spoils_as_many_calls_as_asked_after_letting_some_pass(world: KiliWorld) -> None:
    world.faults.set("internal_error", target="assets", times=2, after=1)
    spoiled = [bool(world.faults.on_call(["graphql", "assets"])) for _ in range(5)]
    assert spoiled == [False, True, True, False, False]
    assert world.faults.on_call(["graphql", "labels"]) == []


def test_an_unknown_fault_is_refused(world: KiliWorld) -> None:
    with pytest.raises(ValueError, match="gremlins"):
        world.faults.set("gremlins")


@pytest.mark.parametrize(
    "change",
    [
        lambda world: world.submit_label("nowhere.png"),
        lambda world: world.delete_label("l"),
        lambda world: world.project("p"),
    ],
)
def test_what_does_not_exist_cannot_be_changed(world: KiliWorld, change: Change) -> None:
    with pytest.raises(UnknownEntity):
        change(world)


def test_links_differ_every_time_expire_and_cannot_be_forged(world: KiliWorld, time: _Time) -> None:
    world.urls.lifetime = 60
    first, second = (world.urls.sign("/bucket/labels/a/é b.json") for _ in range(2))
    assert first != second
    checked = world.urls.check(first)
    assert (checked.path, checked.verdict) == ("/bucket/labels/a/é b.json", "valid")
    assert world.urls.check(first.replace("/a/", "/b/")).verdict == "forged"
    assert world.urls.check("/bucket/labels/a/b.json").verdict == "forged"
    time.present += timedelta(seconds=61)
    assert world.urls.check(first).verdict == "expired"


PATTERNS = [
    "label.workflow.*",
    "label.*.review",
    "label.*",
    "asset.*",
    "asset.deleted",
    "asset.workflow.*.changed",
    "project.workflow.*.started",
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_cover_the_events_that_kilis_own_matcher_covers(pattern: str) -> None:
    subjects: list[str] = ["assetStorage.connection.deleted"]
    for family in ("asset.*", "label.*", "project.*"):
        subjects.extend(kili_events.events_matching(family))
    for subject in subjects:
        assert matches(pattern, subject) is kili_events.matches_subject(pattern, subject), subject


@pytest.mark.parametrize("pattern", ["*", "*.created", "label.**", "label.", "", "a b"])
def test_malformed_patterns_are_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="Invalid event pattern"):
        matches(pattern, "label.created")


def test_system_events_stay_inside() -> None:
    assert is_system_event("label.jsonResponse.store.started")
    assert not is_system_event("label.workflow.created.default")
