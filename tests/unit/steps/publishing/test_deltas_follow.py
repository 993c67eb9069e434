"""Archives that are written again seldom: with the deltas after them they are the full archive."""

import zipfile
from dataclasses import dataclass, field
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kili_export.archives.archive_with_deltas import open_archive
from kili_export.archives.compaction import DAY, CompactionCost, CompactionPolicy, DeltaSize
from kili_export.archives.manifest import Manifest
from kili_export.core.bucket_layout import latest_key, manifest_key
from kili_export.core.errors import ConflictError, IntegrityError
from kili_export.reading.folder import FolderOnDisk
from kili_export.reading.pull import pull_archive
from kili_export.reading.sync import SyncRequest, sync_folder
from kili_export.reading.take_snapshot import take_snapshot
from kili_export.splicing.part_limits import PartLimits
from kili_export.steps.publishing.documents.sharding import ShardRules
from tests.support.workbench import Workbench
from tests.unit.steps.publishing.test_media import bench_of, changes, put

SELDOM = CompactionPolicy(
    CompactionCost(DAY, dollars_a_day=1e-12), timedelta(0), share=1e9, most_deltas=3
)


def pulled(bench: Workbench, export: str, snapshot: str | None = None) -> bytes:
    target = BytesIO()
    pull_archive(bench.objects, "proj1", export, target, snapshot=snapshot)
    return target.getvalue()


def files_of(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(BytesIO(archive)) as opened:
        assert opened.testzip() is None
        names = opened.namelist()
        assert len(names) == len(set(names))
        return {name: opened.read(name) for name in names}


@dataclass
class Twins:
    """Two benches with the same assets: one writes every archive again, the other seldom."""

    eager: Workbench
    lazy: Workbench
    shape: set[int] = field(default_factory=set)
    """How many deltas followed."""

    @classmethod
    def of(cls, *exports: str, limits: PartLimits, sharding: ShardRules) -> "Twins":
        eager = bench_of(*exports, limits=limits, sharding=sharding)
        lazy = bench_of(*exports, limits=limits, rewriting=SELDOM, sharding=sharding)
        lazy.kili = eager.kili
        return cls(eager, lazy)

    def run(self, touched: list[str]) -> None:
        for bench in (self.eager, self.lazy):
            bench.run(touched, confirmed_removals=10)
        for export in self.eager.options:
            manifest = self.lazy.manifest(export)
            self.shape.add(len(manifest.deltas))
            archive = pulled(self.lazy, export)
            assert files_of(archive) == self.eager.files(export), export
            assert manifest.counts == self.eager.manifest(export).counts, export
            assert manifest.generation == self.eager.manifest(export).generation, export

    def rebuild(self) -> None:
        for bench in (self.eager, self.lazy):
            bench.rebuild(confirmed_removals=10)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(
    changes,
    st.sampled_from([ShardRules(), ShardRules(0, 1, 0), ShardRules(200, 400, 0)]),
)
def test_an_archive_with_its_deltas_is_the_archive_written_again(
    steps: list[list[tuple[int, str, float | None, int]]], sharding: ShardRules
) -> None:
    limits = PartLimits(min_part=1, rewrite_below=0, copy_from=1)
    twins = Twins.of("raw", "yolo", "coco", limits=limits, sharding=sharding)
    twins.rebuild()
    with TemporaryDirectory() as place, FolderOnDisk.open(Path(place)) as folder:
        for moment, step in enumerate(steps):
            touched = set()
            for number, name, left, version in step:
                touched.add(f"as_{number:03d}")
                twins.eager.kili.assets.pop(f"as_{number:03d}", None)
                if left is not None:
                    put(twins.eager, number, name, left, version, sign=moment)
            twins.run(sorted(touched))
            sync_folder(twins.lazy.objects, folder, SyncRequest("proj1", "yolo"))
            assert synced(Path(place)) == twins.eager.files("yolo")


def synced(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and ".kili-export" not in path.parts
    }


@pytest.fixture
def lazy() -> Workbench:
    made = bench_of("yolo", "coco", rewriting=SELDOM)
    for number in range(8):
        put(made, number, f"{number}.jpg")
    made.rebuild()
    return made


def edit(bench: Workbench, number: int, left: float) -> None:
    bench.run([put(bench, number, f"{number}.jpg", left)])


def test_deltas_follow_until_it_is_time(lazy: Workbench) -> None:
    first = lazy.manifest("yolo").archive
    following = []
    for step in range(8):
        edit(lazy, step % 3, 0.3 + step / 20)
        manifest = lazy.manifest("yolo")
        following.append(len(manifest.deltas))
        assert (
            manifest.deltas == manifest.recent_deltas[len(manifest.recent_deltas) - following[-1] :]
        )
        assert manifest.generation == manifest.archive.generation + following[-1]
    assert following == [1, 2, 3, 0, 1, 2, 3, 0]
    assert lazy.manifest("yolo").archive != first
    latest = lazy.objects.stored[latest_key("proj1", "yolo")]
    assert latest[0] == lazy.objects.stored[lazy.manifest("yolo").archive.key][0]


def test_no_archive_is_written_while_deltas_follow(lazy: Workbench) -> None:
    lazy.objects.requests.clear()
    edit(lazy, 1, 0.5)
    written = [key for operation, key in lazy.objects.requests if operation == "compose"]
    assert not [key for key in written if "/archives/" in key or key.endswith("latest.zip")]
    assert [key for key in written if "/yolo/deltas/" in key]


def test_each_delta_that_follows_is_opened_by_one_request(lazy: Workbench) -> None:
    for number in (1, 2, 3):
        edit(lazy, number, 0.5)
    for export in ("yolo", "coco"):
        chain = lazy.manifest(export).deltas
        lazy.objects.requests.clear()
        opened = open_archive(lazy.objects, lazy.manifest(export))
        asked = [key for _, key in lazy.objects.requests if "/deltas/" in key]
        assert sorted(asked) == sorted(delta.key for delta in chain), export
        assert len(chain) == 3
        assert len(opened.directory) == lazy.manifest(export).counts.members


def test_the_archive_is_written_again_when_somebody_asks(lazy: Workbench) -> None:
    edit(lazy, 1, 0.5)
    edit(lazy, 2, 0.5)
    before = lazy.manifest("yolo")
    assert len(before.deltas) == 2
    expected = pulled(lazy, "yolo")
    answer = rewrite(lazy, "yolo")
    after = lazy.manifest("yolo")
    assert (answer.status, answer.rewritten, answer.added, answer.changed) == (
        "committed",
        True,
        0,
        0,
    )
    assert after.generation == before.generation == after.archive.generation
    assert (after.deltas, after.recent_deltas) == ((), before.recent_deltas)
    assert (after.version, after.published_at) == (before.version, before.published_at)
    assert lazy.objects.stored[after.archive.key][0] == expected == pulled(lazy, "yolo")
    assert lazy.objects.stored[latest_key("proj1", "yolo")][0] == expected
    assert rewrite(lazy, "yolo").status == "unchanged"


def rewrite(bench: Workbench, export: str):  # type: ignore[no-untyped-def]
    plan = bench.plan([], "incremental", rewrite=True)
    return bench.aggregate(bench.request(plan, export, bench.convert_all(plan, [])))


def test_a_folder_does_nothing_when_only_the_archive_is_new(
    lazy: Workbench, tmp_path: Path
) -> None:
    edit(lazy, 1, 0.5)
    with FolderOnDisk.open(tmp_path) as folder:
        assert sync_folder(lazy.objects, folder, SyncRequest("proj1", "yolo")).method == "archive"
        rewrite(lazy, "yolo")
        assert sync_folder(lazy.objects, folder, SyncRequest("proj1", "yolo")).method == "nothing"
        edit(lazy, 2, 0.5)
        synced_by = sync_folder(lazy.objects, folder, SyncRequest("proj1", "yolo"))
        assert (synced_by.method, synced_by.written) == ("deltas", 1)


def test_a_snapshot_of_an_archive_with_deltas_stays_what_it_was(lazy: Workbench) -> None:
    edit(lazy, 1, 0.5)
    edit(lazy, 2, 0.5)
    take_snapshot(lazy.objects, "proj1", "yolo", "v1")
    expected = files_of(pulled(lazy, "yolo"))
    for step in range(30):
        lazy.clock.advance(24 * 3600)
        edit(lazy, step % 5, 0.3 + step / 100)
    assert lazy.manifest("yolo").generation == 33
    assert files_of(pulled(lazy, "yolo", "v1")) == expected
    # All that nobody names is gone.
    archives = [key for key in lazy.objects.stored if "/yolo/archives/" in key]
    assert len(archives) < 8


def test_losing_the_race_leaves_the_archive_that_both_build_upon(lazy: Workbench) -> None:
    edit(lazy, 1, 0.5)
    key = put(lazy, 2, "2.jpg", 0.6)
    late = lazy.plan([key], "incremental")
    request = lazy.request(late, "yolo", lazy.convert_all(late, [key]))
    lazy.objects.interleaving.before("put", lambda: edit(lazy, 3, 0.7))
    before = set(lazy.objects.stored)
    with pytest.raises(ConflictError):
        lazy.aggregate(request)
    winner = lazy.manifest("yolo")
    assert winner.archive.key in before
    assert len(winner.deltas) == 2
    files_of(pulled(lazy, "yolo"))
    left = {
        one for one in lazy.objects.stored if late.run_id in one and not one.startswith("runs/")
    }
    assert left == set(), "the loser's objects stay"


def test_a_delta_that_is_gone_is_an_error_and_no_wrong_archive(lazy: Workbench) -> None:
    edit(lazy, 1, 0.5)
    del lazy.objects.stored[lazy.manifest("yolo").deltas[0].key]
    with pytest.raises(IntegrityError):
        pulled(lazy, "yolo")
    # What follows needs it no more than the change does; the archive is not made without it.
    edit(lazy, 2, 0.5)
    with pytest.raises(IntegrityError):
        pulled(lazy, "yolo")
    with pytest.raises(IntegrityError):
        lazy.run([], rewrite=True)


def test_an_archive_of_before_times_were_kept_is_written_again(lazy: Workbench) -> None:
    manifest = lazy.manifest("yolo")
    undated = manifest.archive.model_copy(update={"written_at": None})
    old: Manifest = manifest.model_copy(update={"archive": undated})
    lazy.objects.put(manifest_key("proj1", "yolo"), old.to_bytes())
    edit(lazy, 1, 0.5)
    assert lazy.manifest("yolo").deltas == ()


RULES = CompactionPolicy(CompactionCost(DAY, dollars_a_day=1.0))
TB = 2**40


@pytest.mark.parametrize(
    ("size", "age", "deltas", "due"),
    [
        (10 * 2**20, timedelta(0), [DeltaSize(1, 1)], True),
        (TB, timedelta(hours=1), [DeltaSize(1, 1)], False),
        (TB, timedelta(days=2), [DeltaSize(1, 1)], True),
        (TB, timedelta(0), [DeltaSize(TB // 4, 1)], False),
        (TB, timedelta(0), [DeltaSize(TB // 8, 1), DeltaSize(TB // 8 + 1, 1)], True),
        (TB, timedelta(0), [DeltaSize(1, 50_001)], True),
        (TB, timedelta(0), [DeltaSize(1, 1)] * 500, False),
        (TB, timedelta(0), [DeltaSize(1, 1)] * 501, True),
    ],
)
def test_an_archive_is_written_again_when_its_budget_or_its_deltas_say_so(
    size: int, age: timedelta, deltas: list[DeltaSize], due: bool
) -> None:
    assert RULES.is_due(size, age, deltas) is due
