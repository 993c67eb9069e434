"""Assets that fail in a full export keep their last good files, as in an increment."""

import copy

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kili_export.archives.ledger.ledger_reader import iter_known_assets
from kili_export.splicing.part_limits import PartLimits
from tests.support.workbench import Workbench
from tests.unit.steps.publishing.test_increments import without_ids
from tests.unit.steps.publishing.test_media import NAMES, bench_of, put

MEDIA = ("raw", "one_file", "yolo", "coco")

states = st.dictionaries(
    st.integers(0, 4),
    st.tuples(st.sampled_from(NAMES), st.sampled_from([0.2, 0.6]), st.integers(0, 1)),
    max_size=5,
)


def put_all(bench: Workbench, state: dict[int, tuple[str, float, int]]) -> None:
    for number, (name, left, version) in state.items():
        put(bench, number, name, left, version)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(states, states, st.sets(st.integers(0, 4)), st.sampled_from([0, 1, 2]))
def test_a_full_export_keeps_what_an_increment_keeps(
    before: dict[int, tuple[str, float, int]],
    after: dict[int, tuple[str, float, int]],
    broken: set[int],
    further: int,
) -> None:
    bench = bench_of(*MEDIA)
    put_all(bench, before)
    bench.rebuild()
    bench.limits = PartLimits(rewrite_below=0) if further == 1 else PartLimits()
    bench.kili.assets.clear()
    put_all(bench, after)
    bench.kili.broken = {f"as_{number:03d}" for number in broken & after.keys()}
    touched = sorted({*bench.kili.assets, *(f"as_{number:03d}" for number in before)})
    twin = copy.deepcopy(bench)
    twin.run(touched, confirmed_removals=10)
    bench.rebuild(confirmed_removals=10)
    for name in bench.options:
        assert without_ids(bench.files(name)) == without_ids(twin.files(name)), name
    # And what was kept can be built upon, once it can be read again.
    bench.kili.broken.clear()
    if further == 2:
        bench.rebuild(confirmed_removals=10)
    else:
        bench.run(touched, confirmed_removals=10)
    fresh = bench_of(*MEDIA)
    fresh.kili.assets, fresh.kili.files = bench.kili.assets, bench.kili.files
    fresh.rebuild()
    for name in bench.options:
        assert without_ids(bench.files(name)) == without_ids(fresh.files(name)), name
        assert not bench.manifest(name).quarantined


@pytest.fixture
def bench() -> Workbench:
    made = bench_of("coco", "raw")
    for number in range(5):
        put(made, number, f"{number}.jpg")
    made.rebuild()
    return made


def test_when_all_assets_fail_nothing_changes_for_readers(bench: Workbench) -> None:
    before = {name: bench.files(name) for name in bench.options}
    bench.kili.broken = set(bench.kili.assets)
    answers = bench.rebuild()
    assert {answer.status for answer in answers.values()} == {"committed"}
    for name, files in before.items():
        assert bench.files(name) == files, "COCO's numbers too"
        manifest = bench.manifest(name)
        assert len(manifest.quarantined) == 5
        assert manifest.counts.exported == 5
        known = dict(iter_known_assets(bench.objects, manifest))
        assert known.keys() == bench.kili.assets.keys()


def test_a_delta_of_a_full_export_tells_nothing_of_what_it_kept(bench: Workbench) -> None:
    bench.kili.broken = {"as_001"}
    put(bench, 2, "2.jpg", left=0.5)
    bench.rebuild()
    delta = bench.manifest("raw").own_delta
    assert delta is not None
    assert (delta.added, delta.changed, delta.removed) == (0, 1, 0)


def test_under_another_definition_failures_are_asked_about(bench: Workbench) -> None:
    before = bench.files("raw")
    bench.kili.broken = set(bench.kili.assets)
    bench.definitions["raw"] = "another"
    answers = bench.rebuild()
    held = answers["raw"]
    assert (held.status, held.held_removals, held.held_failures) == ("held", 5, 5)
    assert answers["coco"].status == "committed", "its definition is what it was"
    assert bench.files("raw") == before
    bench.rebuild(confirmed_removals=5)
    assert bench.manifest("raw").counts.exported == 0


def test_a_few_failures_under_another_definition_hold_nothing_up(bench: Workbench) -> None:
    bench.kili.broken = {"as_003"}
    bench.definitions["raw"] = "another"
    assert bench.rebuild()["raw"].status == "committed"
    assert [one.asset_id for one in bench.manifest("raw").quarantined] == ["as_003"]
    assert bench.manifest("raw").counts.exported == 4


def test_a_first_export_in_which_assets_fail_lists_them() -> None:
    made = bench_of("raw")
    for number in range(5):
        put(made, number, f"{number}.jpg")
    made.kili.broken = {"as_000", "as_001", "as_002", "as_003"}
    assert made.rebuild()["raw"].status == "committed"
    assert len(made.manifest("raw").quarantined) == 4
