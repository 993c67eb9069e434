"""What a run remembers belongs to one incarnation of a registration.

While a project is not registered nobody marks what changes. So what was remembered before is
worth nothing to a registration that comes after, however late it is written.
"""

from collections.abc import Callable

import pytest

from kili_export.core.bucket_layout import registration_key
from kili_export.core.errors import InvalidConfiguration
from kili_export.registration.declaration import ProjectRegistration
from kili_export.registration.parse_registration import parse_registration
from kili_export.registration.register_exports import register_exports, unregister
from kili_export.runs.tracked_exports import TrackedExportsStore
from tests.support.fakes import CountingTokens
from tests.support.protocol_world import PROJECT, World

EXPORTS = {"raw": "kili", "yolo": "yolo_v8"}


def register(world: World, incarnation: str) -> None:
    registration = world.register(**EXPORTS)
    stored = registration.model_copy(update={"incarnation": incarnation})
    world.objects.put(registration_key(PROJECT), stored.to_bytes())


def registered(slice_assets: int = 1000) -> World:
    world = World(assets=6, slice_assets=slice_assets)
    register(world, "one")
    world.publish_everything()
    return world


def change_unheard(world: World) -> None:
    """Somebody labels while the project is not registered."""
    world.clock.advance(3600)
    world.kili.label("as_000", "unheard", left=0.7)


def exported_again(world: World) -> bool:
    """Whether the label is in the exports once the project is registered again."""
    before = {name: world.files(name) for name in EXPORTS}
    register(world, "two")
    world.request_run(PROJECT)
    world.run_pending()
    return all(world.files(name) != before[name] for name in EXPORTS)


def test_a_list_that_is_written_after_the_project_was_unregistered_counts_for_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = registered()
    real: Callable[..., None] = TrackedExportsStore.follow

    def late(store: TrackedExportsStore, project_id: str, **sets: frozenset[str]) -> None:
        unregister(world.objects, PROJECT)
        real(store, project_id, **sets)

    name = world.request_run(PROJECT, full=True)
    monkeypatch.setattr(TrackedExportsStore, "follow", late)
    world.run(name)
    monkeypatch.undo()
    change_unheard(world)
    assert exported_again(world)


def test_a_full_export_in_slices_is_begun_again(world_in_slices: World) -> None:
    world = world_in_slices
    world.run(world.request_run(PROJECT, full=True))
    unregister(world.objects, PROJECT)
    change_unheard(world)
    assert exported_again(world)


@pytest.fixture
def world_in_slices() -> World:
    return registered(slice_assets=2)


def test_what_a_run_that_failed_converted_is_converted_again() -> None:
    world = registered()
    name = world.request_run(PROJECT, full=True)
    planned = world.begin(name)
    world.finish_run(name, planned, world.convert(planned), [])
    unregister(world.objects, PROJECT)
    change_unheard(world)
    assert exported_again(world)


def test_within_one_incarnation_all_of_it_counts() -> None:
    world = registered()
    register(world, "one")
    fetches = len(world.kili.fetches)
    world.submit("as_001", "second", left=0.6)
    world.run_pending()
    assert {one for some in world.kili.fetches[fetches:] for one in some} == {"as_001"}


def stored(world: World) -> ProjectRegistration:
    found = world.objects.get(registration_key(PROJECT))
    assert found is not None
    return ProjectRegistration.from_bytes(found[0])


def test_a_registration_keeps_its_incarnation_until_it_ends() -> None:
    world = World()
    unregister(world.objects, PROJECT)
    tokens = CountingTokens()
    declared = parse_registration({"project_id": PROJECT, "exports": [{"format": "kili"}]})
    seen = []
    for ends in (False, True, False):
        register_exports(world.objects, world.kili, tokens, declared)
        seen.append(stored(world).incarnation)
        if ends:
            unregister(world.objects, PROJECT)
    assert seen[0] == seen[1] != seen[2]
    assert None not in seen


def test_nobody_declares_an_incarnation() -> None:
    with pytest.raises(InvalidConfiguration, match="'incarnation' is not an option"):
        parse_registration(
            {"project_id": PROJECT, "exports": [{"format": "kili"}], "incarnation": "mine"}
        )
