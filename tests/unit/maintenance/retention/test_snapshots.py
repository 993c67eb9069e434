"""Snapshots name what is current, once, and what they name is kept, whatever happens meanwhile."""

import io
from collections.abc import Callable

import pytest

from kili_export.archives.snapshots import iter_snapshots, pinned_keys, read_snapshot
from kili_export.core.bucket_layout import manifest_key, snapshot_key
from kili_export.core.errors import ConflictError, IntegrityError, InvalidConfiguration
from kili_export.reading.pull import pull_archive
from kili_export.reading.take_snapshot import delete_snapshot, take_snapshot
from tests.support.fakes import Interleaving
from tests.support.made_up_generations import EXPORT, PROJECT
from tests.support.workbench import Workbench
from tests.unit.maintenance.retention.test_retention import HOUR, Export
from tests.unit.steps.publishing.test_increments import labelled, two_jobs
from tests.unit.steps.publishing.test_publishing_rules import YOLO


class AtStep(Interleaving):
    """Lets somebody act at one step of all, once."""

    def __init__(self, number: int, action: Callable[[], object]) -> None:
        super().__init__()
        self.number, self.action = number, action

    def reach(self, step: str) -> None:
        self.steps.append(step)
        if len(self.steps) == self.number + 1:
            self.action()


@pytest.fixture
def export() -> Export:
    made = Export()
    made.publish(8, every=30 * HOUR)
    return made


def test_a_snapshot_is_what_is_current(export: Export) -> None:
    manifest = take_snapshot(export.objects, PROJECT, EXPORT, "v1.0")
    assert manifest == export.current
    export.publish(every=30 * HOUR)
    [(name, kept)] = iter_snapshots(export.objects, PROJECT, EXPORT)
    assert (name, kept.archive, kept.ledger) == ("v1.0", manifest.archive, manifest.ledger)
    assert kept.recent_deltas == (), "deltas of the past are not kept"


def test_a_name_is_given_once(export: Export) -> None:
    take_snapshot(export.objects, PROJECT, EXPORT, "v1")
    export.publish()
    with pytest.raises(InvalidConfiguration, match=r"has a snapshot 'v1' already, of generation 8"):
        take_snapshot(export.objects, PROJECT, EXPORT, "v1")
    assert read_snapshot(export.objects, PROJECT, EXPORT, "v1").generation == 8


def test_a_name_that_was_deleted_can_be_given_again(export: Export) -> None:
    take_snapshot(export.objects, PROJECT, EXPORT, "v1")
    delete_snapshot(export.objects, PROJECT, EXPORT, "v1")
    export.publish()
    assert take_snapshot(export.objects, PROJECT, EXPORT, "v1").generation == 9


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "x" * 101, "a b", "ü"])
def test_names_that_could_leave_their_place_are_refused(export: Export, name: str) -> None:
    for use in (take_snapshot, delete_snapshot, read_snapshot):
        with pytest.raises(InvalidConfiguration, match="cannot name a snapshot"):
            use(export.objects, PROJECT, EXPORT, name)


def test_what_is_not_there_names_the_way_out(export: Export) -> None:
    with pytest.raises(InvalidConfiguration, match="--list"):
        read_snapshot(export.objects, PROJECT, EXPORT, "none")
    with pytest.raises(InvalidConfiguration, match="has no export 'other'"):
        take_snapshot(export.objects, PROJECT, "other", "v1")


def test_a_snapshot_that_is_not_a_manifest_is_told(export: Export) -> None:
    export.objects.put(snapshot_key(PROJECT, EXPORT, "v1"), b"[]")
    with pytest.raises(IntegrityError, match=r"snapshots/v1\.json"):
        read_snapshot(export.objects, PROJECT, EXPORT, "v1")


def _is_whole(export: Export, name: str) -> bool:
    kept = read_snapshot(export.objects, PROJECT, EXPORT, name)
    return pinned_keys(kept) <= export.objects.stored.keys()


@pytest.mark.parametrize("number", range(12))
def test_a_snapshot_at_any_step_of_retention_stays_whole(export: Export, number: int) -> None:
    objects = export.objects
    export.clock.advance(30 * HOUR)
    objects.interleaving = AtStep(number, lambda: take_snapshot(objects, PROJECT, EXPORT, "now"))
    deleted = export.retain.delete_expired(PROJECT, EXPORT)
    steps = len(objects.interleaving.steps)
    objects.interleaving = Interleaving()
    if number >= steps:
        take_snapshot(objects, PROJECT, EXPORT, "now")
    export.publish(5, every=30 * HOUR)
    assert _is_whole(export, "now"), f"{deleted} were deleted"


@pytest.mark.parametrize("number", range(6))
def test_publishing_and_retention_at_any_step_of_a_snapshot_leave_it_whole(
    export: Export, number: int
) -> None:
    def time_passes() -> None:
        export.objects.interleaving = Interleaving()
        export.publish(6, every=30 * HOUR)

    export.objects.interleaving = AtStep(number, time_passes)
    taken = take_snapshot(export.objects, PROJECT, EXPORT, "now")
    export.objects.interleaving = Interleaving()
    export.publish(6, every=30 * HOUR)
    assert _is_whole(export, "now")
    assert read_snapshot(export.objects, PROJECT, EXPORT, "now").generation == taken.generation


def test_an_export_that_never_rests_cannot_be_named_and_keeps_nothing(export: Export) -> None:
    def publish_before_every_read() -> None:
        export.publish(every=1)
        export.objects.interleaving.before("put", publish_before_every_read)

    export.objects.interleaving.before("put", publish_before_every_read)
    with pytest.raises(ConflictError, match="too often"):
        take_snapshot(export.objects, PROJECT, EXPORT, "now")
    assert snapshot_key(PROJECT, EXPORT, "now") not in export.objects.stored


def test_the_archive_of_a_snapshot_can_be_pulled() -> None:
    bench = Workbench(two_jobs(), dict(YOLO))
    bench.kili.assets["as_001"] = labelled(1, "1.jpg", 0.2)
    bench.rebuild()
    before = bench.objects.stored[bench.manifest("yolo").archive.key][0]
    take_snapshot(bench.objects, "proj1", "yolo", "v1")
    bench.kili.assets["as_001"] = labelled(1, "1.jpg", 0.4)
    bench.run(["as_001"])
    target = io.BytesIO()
    manifest = pull_archive(bench.objects, "proj1", "yolo", target, snapshot="v1")
    assert manifest.generation == 1
    assert target.getvalue() == before
    assert manifest_key("proj1", "yolo") in bench.objects.stored
