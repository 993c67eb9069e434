"""What publishes and what does not: conflicts, repetition, quarantine, held removals."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from kili_export.archives.compaction import DAY, CompactionCost, CompactionPolicy
from kili_export.archives.latest_copy import LatestCopy
from kili_export.core.bucket_layout import history_key, latest_key, manifest_key, uploads_key
from kili_export.core.errors import ConflictError, IntegrityError, Unavailable
from kili_export.core.export_options import ExportOptions, Layout
from kili_export.maintenance.retention.apply_retention import ApplyRetention
from kili_export.maintenance.retention.retention_rules import RetentionRules
from kili_export.runs.messages import BatchResult
from kili_export.splicing.part_limits import MIB, PartLimits
from kili_export.splicing.upload_parts import CopyPart, Part
from kili_export.steps.publishing.generation.commit import own_keys
from kili_export.storage.object_store import StoredObject
from kili_export.storage.resumable_uploads import UploadCheckpoints
from tests.support.fakes import InMemoryObjects
from tests.support.workbench import Workbench
from tests.unit.steps.publishing.test_increments import labelled, two_jobs

YOLO = {"yolo": ExportOptions("yolo_v8", layout=Layout.MERGED)}


@pytest.fixture
def bench() -> Workbench:
    made = Workbench(two_jobs(), dict(YOLO))
    for number in range(30):
        made.kili.assets[f"as_{number:03d}"] = labelled(number, f"{number}.jpg", 0.2)
    made.rebuild()
    return made


def test_the_fixed_key_holds_the_current_archive(bench: Workbench) -> None:
    bench.kili.assets["as_001"] = labelled(1, "1.jpg", 0.4)
    bench.run(["as_001"])
    latest = bench.objects.stored[latest_key("proj1", "yolo")][0]
    assert latest == bench.objects.stored[bench.manifest("yolo").archive.key][0]


def test_the_fixed_key_is_copied_by_the_server_wherever_it_can_copy(bench: Workbench) -> None:
    manifest = bench.manifest("yolo")
    size = 6 * MIB
    stored = bench.objects.put("large.zip", bytes(size))
    archive = manifest.archive.model_copy(
        update={"key": stored.key, "etag": stored.etag, "size": size, "generation": 9}
    )
    copies = _Composing()
    copies.stored.update(bench.objects.stored)
    LatestCopy(copies, PartLimits(), 1 << 30).refresh(
        manifest.model_copy(update={"archive": archive})
    )
    assert [type(part) for part in copies.parts] == [CopyPart]
    assert len(copies.stored[latest_key("proj1", "yolo")][0]) == size


def test_an_archive_that_grew_too_large_has_no_copy_at_the_fixed_key(bench: Workbench) -> None:
    bench.latest_max_bytes = 10
    bench.kili.assets["as_001"] = labelled(1, "1.jpg", 0.4)
    bench.run(["as_001"])
    assert bench.manifest("yolo").latest_key is None
    assert latest_key("proj1", "yolo") not in bench.objects.stored


def test_the_run_after_a_crash_removes_the_copy_of_what_grew_too_large(bench: Workbench) -> None:
    bench.latest_max_bytes = 10

    def crash() -> None:
        raise Unavailable("killed")

    bench.objects.interleaving.before("delete", crash)
    bench.kili.assets["as_001"] = labelled(1, "1.jpg", 0.4)
    with pytest.raises(Unavailable):
        bench.run(["as_001"])
    assert latest_key("proj1", "yolo") in bench.objects.stored
    bench.run(["as_001"])
    assert latest_key("proj1", "yolo") not in bench.objects.stored


def test_deltas_after_an_archive_without_a_copy_do_not_look_for_one(bench: Workbench) -> None:
    bench.latest_max_bytes = 10
    bench.rewriting = CompactionPolicy(
        CompactionCost(DAY, 1e-12), timedelta(0), share=1e9, most_deltas=99
    )
    for left in (0.4, 0.5, 0.6):
        bench.kili.assets["as_001"] = labelled(1, "1.jpg", left)
        bench.run(["as_001"])
    assert len(bench.manifest("yolo").deltas) == 3
    assert latest_key("proj1", "yolo") not in bench.objects.stored
    before = len(bench.objects.requests)
    bench.kili.assets["as_001"] = labelled(1, "1.jpg", 0.7)
    bench.run(["as_001"])
    asked = {key for _, key in bench.objects.requests[before:]}
    assert latest_key("proj1", "yolo") not in asked


@dataclass(slots=True)
class _Composing(InMemoryObjects):
    """Remembers of what the last object was composed."""

    parts: list[Part] = field(default_factory=list)

    def compose(self, key: str, parts: Sequence[Part], **more: Any) -> StoredObject:
        self.parts = list(parts)
        return InMemoryObjects.compose(self, key, parts, **more)


def test_a_repeated_aggregation_answers_the_same_and_writes_nothing(bench: Workbench) -> None:
    bench.kili.assets["as_001"] = labelled(1, "1.jpg", 0.4)
    plan = bench.plan(["as_001"], "incremental")
    request = bench.request(plan, "yolo", bench.convert_all(plan, ["as_001"]))
    first = bench.aggregate(request)
    stored = dict(bench.objects.stored)
    assert bench.aggregate(request) == first
    assert bench.objects.stored == stored


def test_a_run_that_was_planned_before_another_published_publishes_nothing(
    bench: Workbench,
) -> None:
    bench.kili.assets["as_001"] = labelled(1, "1.jpg", 0.4)
    late = bench.plan(["as_001"], "incremental")
    results = bench.convert_all(late, ["as_001"])
    bench.kili.assets["as_002"] = labelled(2, "2.jpg", 0.4)
    bench.run(["as_002"])
    published = bench.manifest("yolo")
    with pytest.raises(ConflictError, match="another run"):
        bench.aggregate(bench.request(late, "yolo", results))
    assert bench.manifest("yolo") == published


def test_losing_the_race_for_the_manifest_leaves_the_winner_and_no_objects(
    bench: Workbench,
) -> None:
    bench.kili.assets["as_001"] = labelled(1, "1.jpg", 0.4)
    late = bench.plan(["as_001"], "incremental")
    results = bench.convert_all(late, ["as_001"])
    key = manifest_key("proj1", "yolo")
    winner = bench.manifest("yolo").model_copy(update={"run_id": "somebody-else"})

    def somebody_else_commits() -> None:
        bench.objects.put(key, winner.to_bytes())

    bench.objects.interleaving.before("put", somebody_else_commits)
    before = _published(bench)
    with pytest.raises(ConflictError):
        bench.aggregate(bench.request(late, "yolo", results))
    assert bench.manifest("yolo") == winner
    assert _published(bench) == before


def test_a_twin_with_the_same_names_removes_nothing_that_is_published(bench: Workbench) -> None:
    """Two invocations of one run that both go on with what a third one left in the journal."""
    bench.kili.assets["as_001"] = labelled(1, "1.jpg", 0.4)
    plan = bench.plan(["as_001"], "incremental")
    request = bench.request(plan, "yolo", bench.convert_all(plan, ["as_001"]))
    journal = UploadCheckpoints(run_id=plan.run_id, attempt=f"{plan.run_id}-shared")
    bench.objects.put(uploads_key("proj1", "yolo"), journal.to_bytes())

    begun = bench.clock.now()

    def the_other_commits() -> None:
        bench.clock.advance(1)
        bench.aggregate(request)
        bench.clock.time = begun

    bench.objects.interleaving.before("put", the_other_commits)
    with pytest.raises(ConflictError):
        bench.aggregate(request)
    assert bench.manifest("yolo").archive.key.endswith(f"{plan.run_id}-shared.zip")
    assert b"0.4" in bench.files("yolo")["labels/1.txt"]
    assert bench.manifest("yolo").ledger.key in bench.objects.stored
    # And so when somebody else published on top of it.
    names = own_keys(bench.manifest("yolo"))
    bench.kili.assets["as_002"] = labelled(2, "2.jpg", 0.4)
    bench.run(["as_002"])
    retention = ApplyRetention(bench.objects, bench.clock, RetentionRules())
    assert retention.names_any_of("proj1", "yolo", names)
    assert not retention.names_any_of("proj1", "yolo", {"exports/proj1/yolo/archives/lost.zip"})


def _published(bench: Workbench) -> set[str]:
    """What runs share: that a manifest was current is true whatever replaces it."""
    passing = ("runs/", history_key("proj1", "yolo"))
    return {name for name in bench.objects.stored if not name.startswith(passing)}


def test_a_lost_answer_to_the_commit_is_recognised_as_success(bench: Workbench) -> None:
    bench.kili.assets["as_001"] = labelled(1, "1.jpg", 0.4)
    plan = bench.plan(["as_001"], "incremental")
    request = bench.request(plan, "yolo", bench.convert_all(plan, ["as_001"]))
    aggregate = replace(bench.aggregate, objects=_DeafObjects(bench.objects))
    assert aggregate(request).status == "committed"
    assert bench.files("yolo")["labels/1.txt"] == b"0 0.65 0.45 0.5 0.7000000000000001\n"


class _DeafObjects(InMemoryObjects):
    """Does not hear the first answer to a commit, and tries again as clients do."""

    def __init__(self, heard: InMemoryObjects) -> None:
        super().__init__(stored=heard.stored)

    def put(self, key: str, data: bytes, **more: Any) -> StoredObject:
        if key == manifest_key("proj1", "yolo"):
            super().put(key, data, **more)
        return super().put(key, data, **more)


def test_an_asset_that_cannot_be_read_is_listed_and_keeps_its_last_files(
    bench: Workbench,
) -> None:
    before = bench.files("yolo")
    bench.kili.broken.add("as_001")
    bench.kili.assets["as_002"] = labelled(2, "2.jpg", 0.4)
    answer = bench.run(["as_001", "as_002"])["yolo"]
    after = bench.files("yolo")
    assert answer.quarantined == 1
    assert [entry.asset_id for entry in bench.manifest("yolo").quarantined] == ["as_001"]
    assert after["labels/1.txt"] == before["labels/1.txt"]
    assert after["labels/2.txt"] != before["labels/2.txt"]


def test_an_asset_that_never_came_in_leaves_quarantine_when_kili_has_it_no_more(
    bench: Workbench,
) -> None:
    bench.kili.assets["as_100"] = labelled(100, "100.jpg", 0.2)
    bench.kili.broken.add("as_100")
    bench.run(["as_100"])
    assert [entry.asset_id for entry in bench.manifest("yolo").quarantined] == ["as_100"]
    del bench.kili.assets["as_100"]
    bench.run(["as_100"])
    assert bench.manifest("yolo").quarantined == ()


def test_an_asset_leaves_quarantine_when_it_can_be_read_again(bench: Workbench) -> None:
    bench.kili.broken.add("as_001")
    bench.run(["as_001"])
    generation = bench.manifest("yolo").generation
    bench.kili.broken.clear()
    assert bench.run(["as_001"])["yolo"].quarantined == 0
    assert bench.manifest("yolo").quarantined == ()
    assert bench.manifest("yolo").generation == generation, "no file changed for readers"


def test_a_rebuild_keeps_the_files_of_a_broken_asset_and_lists_it(bench: Workbench) -> None:
    bench.kili.broken.add("as_001")
    bench.rebuild()
    assert "labels/1.txt" in bench.files("yolo")
    assert [entry.asset_id for entry in bench.manifest("yolo").quarantined] == ["as_001"]


def test_few_vanished_assets_are_removed(bench: Workbench) -> None:
    for number in (1, 2, 3):
        del bench.kili.assets[f"as_{number:03d}"]
    bench.run(["as_001", "as_002", "as_003"])
    assert len(bench.files("yolo")) == 27 + 3


def test_many_vanished_assets_wait_for_a_word_while_other_changes_are_published(
    bench: Workbench,
) -> None:
    gone = [f"as_{number:03d}" for number in range(4)]
    for key in gone:
        del bench.kili.assets[key]
    bench.kili.assets["as_009"] = labelled(9, "9.jpg", 0.4)
    before = bench.files("yolo")
    answer = bench.run([*gone, "as_009"])["yolo"]
    after = bench.files("yolo")
    assert (answer.status, answer.held_removals) == ("held", 4)
    assert after.keys() == before.keys()
    assert after["labels/9.txt"] != before["labels/9.txt"]
    assert bench.run(gone, confirmed_removals=4)["yolo"].removed == 4
    assert len(bench.files("yolo")) == 26 + 3


def test_a_rebuild_without_many_known_assets_is_held_whole(bench: Workbench) -> None:
    for number in range(4):
        del bench.kili.assets[f"as_{number:03d}"]
    before = bench.manifest("yolo")
    answer = bench.rebuild()["yolo"]
    assert (answer.status, answer.held_removals) == ("held", 4)
    assert bench.manifest("yolo") == before
    assert bench.rebuild(confirmed_removals=4)["yolo"].removed == 4


def test_a_rebuild_with_a_batch_missing_publishes_nothing(bench: Workbench) -> None:
    ids = sorted(bench.kili.assets)
    plan = bench.plan(ids, "rebuild")
    results = bench.convert_all(plan, ids[:-3])
    with pytest.raises(Unavailable, match="3 assets"):
        bench.aggregate(bench.request(plan, "yolo", results))


def test_a_failed_batch_of_an_increment_leaves_its_assets_as_they_were(bench: Workbench) -> None:
    before = bench.files("yolo")
    plan = bench.plan(["as_001"], "incremental")
    results = bench.write_results(plan, [BatchResult()])
    assert bench.aggregate(bench.request(plan, "yolo", results)).status == "unchanged"
    assert bench.files("yolo") == before


def test_filters_let_an_asset_leave_one_export_alone(bench: Workbench) -> None:
    bench.options["filtered"] = replace(YOLO["yolo"], filters={"label_author_in": ["a@b.c"]})
    bench.rebuild()
    bench.kili.hidden_by_filters.add("as_001")
    bench.run(["as_001"])
    assert "labels/1.txt" in bench.files("yolo")
    assert "labels/1.txt" not in bench.files("filtered")


def test_an_empty_selection_is_an_empty_archive(bench: Workbench) -> None:
    bench.options["none"] = replace(YOLO["yolo"], asset_ids=())
    bench.rebuild()
    assert bench.files("none").keys() == {"README.kili.txt", "data.yaml"}


def test_counts_follow_the_archive(bench: Workbench) -> None:
    del bench.kili.assets["as_003"]
    bench.kili.assets["as_100"] = labelled(100, "100.jpg", 0.2)
    bench.kili.assets["as_001"] = labelled(1, "0.jpg", 0.7)
    bench.run(["as_003", "as_100", "as_001"])
    counts, files = bench.manifest("yolo").counts, bench.files("yolo")
    assert (counts.assets, counts.exported) == (30, 30)
    assert counts.members == len(files)
    assert counts.uncompressed_bytes == sum(map(len, files.values()))


def overwritten(bench: Workbench, key: str) -> None:
    """Somebody stored other bytes: the manifest names an ETag that is no more."""
    data = bench.objects.stored[key][0]
    bench.objects.put(key, data[:-1] + b"x")


def without_end(bench: Workbench, key: str) -> None:
    """The store itself gives other bytes for the same ETag."""
    data, told = bench.objects.stored[key]
    bench.objects.stored[key] = (data[:-22] + bytes(22), told)


def with_another_directory(bench: Workbench, key: str) -> None:
    data, told = bench.objects.stored[key]
    start = max(data.find(b"PK\x01\x02"), len(data) // 2)
    bench.objects.stored[key] = (data[:start] + bytes(len(data) - start - 22) + data[-22:], told)


@pytest.mark.parametrize("what", ["archive", "ledger"])
@pytest.mark.parametrize("damage", [overwritten, without_end, with_another_directory])
def test_from_bytes_that_are_not_what_they_should_be_nothing_is_published(
    bench: Workbench, damage: Callable[[Workbench, str], None], what: str
) -> None:
    damage(bench, getattr(bench.manifest("yolo"), what).key)
    before = dict(bench.objects.stored)
    bench.kili.assets["as_001"] = labelled(1, "1.jpg", 0.4)
    with pytest.raises((IntegrityError, ConflictError)):
        bench.run(["as_001"])
    left = {key for key in bench.objects.stored.keys() - before.keys() if key.startswith("exports")}
    assert all("/deltas/" in key for key in left), "what nobody names but a delta"
    key = manifest_key("proj1", "yolo")
    assert bench.objects.stored[key] == before[key]
    if what == "archive":
        bench.rebuild()
        assert bench.manifest("yolo").generation == 2
        assert bench.files("yolo")
