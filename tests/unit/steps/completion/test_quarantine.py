"""An asset that cannot be exported stops nobody, and there are three ways back."""

import pytest

from kili_export.cli.commands.status import _lines
from kili_export.core.errors import InvalidConfiguration, Unavailable
from tests.support.protocol_world import PROJECT, World


@pytest.fixture
def world() -> World:
    """A project of which two assets changed and cannot be read."""
    world = World()
    world.publish_everything()
    world.kili.broken |= {"as_001", "as_002"}
    world.submit("as_001", "second", left=0.3)
    world.submit("as_002", "second", left=0.3)
    world.run_pending()
    assert quarantined(world) == {"as_001", "as_002"}
    assert not world.changes.held, "what is in quarantine keeps its mark"
    return world


def quarantined(world: World) -> set[str]:
    return {one.asset_id for name in ("raw", "yolo") for one in world.manifest(name).quarantined}


def fetched_since(world: World, before: int) -> set[str]:
    return {asset_id for batch in world.kili.fetches[before:] for asset_id in batch}


def test_the_next_change_tries_an_asset_again(world: World) -> None:
    world.kili.broken.clear()
    world.submit("as_001", "third", left=0.4)
    world.run_pending()
    assert quarantined(world) == {"as_002"}


def test_a_comparison_with_kili_tries_all_of_them_again(world: World) -> None:
    world.kili.broken.clear()
    world.look_after()
    world.run_pending()
    assert quarantined(world) == set()


def test_a_person_has_all_of_them_tried_again(world: World) -> None:
    world.kili.broken.clear()
    before = len(world.kili.fetches)
    assets, name = world.retry_assets(PROJECT)
    assert assets == ("as_001", "as_002")
    assert name is not None
    world.run_pending()
    assert fetched_since(world, before) == {"as_001", "as_002"}
    assert quarantined(world) == set()


def test_a_person_has_one_of_them_tried_again(world: World) -> None:
    world.kili.broken.clear()
    before = len(world.kili.fetches)
    assert world.retry_assets(PROJECT, ["as_002"])[0] == ("as_002",)
    world.run_pending()
    assert fetched_since(world, before) == {"as_002"}
    assert quarantined(world) == {"as_001"}


def test_what_still_cannot_be_read_stays_in_quarantine(world: World) -> None:
    world.retry_assets(PROJECT)
    world.run_pending()
    assert quarantined(world) == {"as_001", "as_002"}
    assert not world.changes.held


def test_an_asset_that_is_not_in_quarantine_is_refused_and_nothing_begins(world: World) -> None:
    with pytest.raises(InvalidConfiguration, match=r"as_000 .* is not in quarantine"):
        world.retry_assets(PROJECT, ["as_001", "as_000"])
    assert not world.changes.held
    assert not world.pending()


def test_without_anything_in_quarantine_no_run_begins() -> None:
    world = World()
    world.publish_everything()
    assert world.retry_assets(PROJECT) == ((), None)
    assert not world.pending()


def test_a_project_without_exports_is_refused() -> None:
    world = World()
    with pytest.raises(InvalidConfiguration, match="has no exports"):
        world.retry_assets("another")


def test_status_lists_them_with_their_errors_and_the_way_back(world: World) -> None:
    lines = _lines(world.status().read(PROJECT), assets=True)
    for export in ("raw", "yolo"):
        assert f"Not in {export}: as_001: its label cannot be read" in lines
    assert lines[-1] == f"Try them again with: kili-export retry {PROJECT}"


@pytest.fixture
def silent() -> World:
    """A project of which one asset changed, and its label's storage does not answer."""
    world = World()
    world.publish_everything()
    world.kili.silent.add("as_001")
    world.submit("as_001", "second", left=0.3)
    return world


def run_all(world: World) -> int:
    """Runs executions as the workflow does, in which a batch may fail; answers how many."""
    count = 0
    while waiting := world.pending():
        count += 1
        assert count < 20, "runs start each other without end"
        planned = world.begin(waiting[0])
        try:
            results = world.convert(planned)
        except Unavailable:
            results = world.convert(planned, lose=[0])
        world.finish_run(waiting[0], planned, results, world.aggregate(planned, results))
    return count


def test_a_label_that_stays_unreadable_ends_in_quarantine_with_its_reason(silent: World) -> None:
    assert run_all(silent) == 4
    for name in ("raw", "yolo"):
        [listed] = silent.manifest(name).quarantined
        assert (listed.asset_id, listed.error) == ("as_001", "its label cannot be read")
    assert not silent.changes.held
    assert any(
        "as_001: its label" in one for one in _lines(silent.status().read(PROJECT), assets=True)
    )


def test_a_storage_that_is_down_for_a_moment_puts_nothing_into_quarantine(silent: World) -> None:
    first = silent.pending()[0]
    planned = silent.begin(first)
    with pytest.raises(Unavailable, match="storage does not answer: its label cannot be read"):
        silent.convert(planned)
    results = silent.convert(planned, lose=[0])
    silent.finish_run(first, planned, results, silent.aggregate(planned, results))
    silent.kili.silent.clear()
    run_all(silent)
    assert quarantined(silent) == set()
    assert silent.generations() == {"raw": 2, "yolo": 2}


def test_a_full_export_gives_up_an_unreadable_asset_as_well() -> None:
    world = World(assets=1)
    world.kili.silent.add("as_000")
    world.request_run(PROJECT)
    assert run_all(world) == 6
    assert quarantined(world) == {"as_000"}
    assert not world.changes.held
