"""A generation is published before what takes as long as the project is large."""

import math
from collections.abc import Callable
from datetime import timedelta

import pytest

from kili_export.archives import tables
from kili_export.archives.compaction import DAY, CompactionCost, CompactionPolicy
from kili_export.archives.files_table import open_files
from kili_export.archives.ledger.ledger_reader import open_ledger
from kili_export.archives.manifest import Manifest
from kili_export.archives.snapshots import pinned_keys
from kili_export.core.bucket_layout import manifest_key
from kili_export.core.errors import Unavailable
from tests.support.former_version import SELDOM, bench_of_0_1, put, put_all
from tests.support.workbench import Workbench
from tests.unit.archives.test_files_table import assert_complete
from tests.unit.steps.publishing.test_deltas_follow import files_of, pulled
from tests.unit.steps.publishing.test_increments import without_ids

EXPORTS = ("raw", "yolo", "coco")
AFTER = CompactionPolicy(tiny=0, large_share=math.inf)


@pytest.fixture
def bench() -> Workbench:
    made = bench_of_0_1(rewriting=AFTER)
    made.options = {name: made.options[name] for name in EXPORTS}
    put_all(made)
    made.rebuild()
    return made


def changed(bench: Workbench) -> Callable[[], Manifest]:
    """A change that is converted and not published yet."""
    key = put(bench, 1, 0.8)
    plan = bench.plan([key], "incremental")
    results = bench.convert_all(plan, [key])

    def publish() -> Manifest:
        bench.aggregate(bench.request(plan, "coco", results))
        return bench.manifest("coco")

    return publish


def fresh(bench: Workbench) -> dict[str, object]:
    other = bench_of_0_1()
    other.options, other.kili = bench.options, bench.kili
    other.rebuild()
    return without_ids(other.files("coco"))


def test_the_delta_is_published_before_the_archive_is_written(bench: Workbench) -> None:
    publish = changed(bench)
    bench.objects.requests.clear()
    manifest = publish()
    written = [key for what, key in bench.objects.requests if what in {"put", "compose"}]
    own = [at for at, key in enumerate(written) if key == manifest_key("proj1", "coco")]
    assert len(own) == 2
    assert own[0] < written.index(manifest.archive.key) < own[1]
    assert written.index(manifest.recent_deltas[-1].key) < own[0]
    assert (manifest.deltas, manifest.generation, manifest.is_rewritten) == ((), 2, True)
    assert without_ids(bench.files("coco")) == fresh(bench)
    assert_complete(bench, "coco")
    assert bench.files_at("exports/proj1/coco/latest.zip") == bench.files("coco")


@pytest.mark.parametrize(("share", "commits"), [(0.01, 1), (0.5, 1), (math.inf, 2)])
def test_an_archive_is_written_first_where_the_delta_is_much_of_it(
    share: float, commits: int
) -> None:
    bench = bench_of_0_1(rewriting=CompactionPolicy(tiny=0, large_share=share))
    bench.options = {"coco": bench.options["coco"]}
    put_all(bench)
    bench.rebuild()
    publish = changed(bench)
    bench.objects.requests.clear()
    manifest = publish()
    written = [key for what, key in bench.objects.requests if what in {"put", "compose"}]
    assert written.count(manifest_key("proj1", "coco")) == commits
    assert (manifest.deltas, manifest.generation, manifest.is_rewritten) == ((), 2, True)
    assert manifest.recent_deltas[-1].size * 2 > manifest.archive.size
    assert without_ids(bench.files("coco")) == fresh(bench)
    assert bench.files_at("exports/proj1/coco/latest.zip") == bench.files("coco")


def test_what_was_published_first_is_kept_for_who_reads_it_while_the_archive_is_written(
    bench: Workbench,
) -> None:
    publish = changed(bench)
    first = []

    def writing_takes_long() -> None:
        first.append(bench.manifest("coco"))
        bench.clock.advance(25 * 3600)

    # Delta, ledger, files; then the archive, which begins once the generation is published.
    for _ in range(3):
        bench.objects.interleaving.before("compose", lambda: None)
    bench.objects.interleaving.before("compose", writing_takes_long)
    assert publish().deltas == ()
    assert len(first[0].deltas) == 1
    assert pinned_keys(first[0]) <= bench.objects.stored.keys()


def crash_at(bench: Workbench, operation: str, number: int) -> None:
    """The bucket does not answer the `number`th such call from now on."""

    def fail() -> None:
        raise Unavailable("the bucket does not answer")

    for _ in range(number - 1):
        bench.objects.interleaving.before(operation, lambda: None)
    bench.objects.interleaving.before(operation, fail)


def test_what_is_published_outlasts_a_crash_and_the_same_step_completes_it(
    bench: Workbench,
) -> None:
    expected = None
    crashes = 0
    for number in range(1, 12):
        made = bench_of_0_1(rewriting=AFTER)
        made.options = bench.options
        put_all(made)
        made.rebuild()
        publish = changed(made)
        expected = expected or fresh(made)
        crash_at(made, "compose", number)
        try:
            publish()
        except Unavailable:
            crashes += 1
        manifest = made.manifest("coco")
        if manifest.generation == 2:
            assert without_ids(files_of(pulled(made, "coco"))) == expected
            assert_complete(made, "coco")
        manifest = publish()
        assert (manifest.generation, manifest.deltas) == (2, ())
        assert without_ids(made.files("coco")) == expected
        assert made.files_at("exports/proj1/coco/latest.zip") == made.files("coco")
    assert crashes > 4


def test_a_run_that_was_shut_out_does_not_come_back_to_its_archive(bench: Workbench) -> None:
    publish = changed(bench)
    crash_at(bench, "compose", 4)
    with pytest.raises(Unavailable):
        publish()
    fenced = bench.manifest("coco").model_copy(update={"fence": 7})
    assert len(fenced.deltas) == 1
    key = manifest_key("proj1", "coco")
    etag = bench.objects.put(key, fenced.to_bytes()).etag
    assert publish() == fenced
    found = bench.objects.head(key)
    assert found is not None
    assert found.etag == etag, "the commit of the next run depends on it"


def test_a_manifest_that_others_replace_in_between_stays(bench: Workbench) -> None:
    publish = changed(bench)

    def fence() -> None:
        manifest = bench.manifest("coco").model_copy(update={"fence": 7})
        bench.objects.put(manifest_key("proj1", "coco"), manifest.to_bytes())

    # Delta, ledger, files; then the archive, which begins once the generation is published.
    for _ in range(3):
        bench.objects.interleaving.before("compose", lambda: None)
    bench.objects.interleaving.before("compose", fence)
    manifest = publish()
    assert (manifest.generation, manifest.fence, len(manifest.deltas)) == (2, 7, 1)
    assert without_ids(files_of(pulled(bench, "coco"))) == fresh(bench)
    bench.run([put(bench, 2, 0.9)])
    assert (bench.manifest("coco").generation, bench.manifest("coco").deltas) == (3, ())
    assert without_ids(bench.files("coco")) == fresh(bench)


def test_an_overdue_archive_is_written_without_a_generation(bench: Workbench) -> None:
    bench.rewriting = SELDOM
    bench.run([put(bench, 1, 0.8)])
    before = bench.manifest("coco")
    bench.run([], rewrite=True)
    after = bench.manifest("coco")
    assert (len(before.deltas), after.deltas) == (1, ())
    assert (after.generation, after.version) == (before.generation, before.version)
    assert_complete(bench, "coco")
    assert without_ids(bench.files("coco")) == fresh(bench)


def test_tables_become_one_after_many_changes(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "WHOLE_BYTES", 0)
    bench.rewriting = CompactionPolicy(
        CompactionCost(DAY, dollars_a_day=1e-12), timedelta(0), share=1e9, most_deltas=99
    )
    shapes = set()
    for number in range(9):
        bench.run([put(bench, number % 6, 0.1 + number / 20)])
        manifest = bench.manifest("yolo")
        shapes.add(1 + len(manifest.ledger_changes))
        assert_complete(bench, "yolo")
        known = {one.asset_id for one in open_ledger(bench.objects, manifest).all()}
        assert known == set(bench.kili.assets)
    assert len(shapes) > 1
    assert max(shapes) <= 3
    assert open_files(bench.objects, bench.manifest("yolo")) is not None
