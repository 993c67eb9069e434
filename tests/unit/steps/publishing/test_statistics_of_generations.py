"""The numbers of a generation are counted on, or unknown after a former version."""

from kili_export.archives.manifest import Manifest
from kili_export.archives.statistics import Statistics
from kili_export.archives.stored_deltas import open_deltas
from kili_export.core.bucket_layout import manifest_key
from tests.support.workbench import Workbench
from tests.unit.reading.test_sync_folder import OPTIONS, change, remove
from tests.unit.steps.publishing.test_increments import labelled, two_jobs


def bench() -> Workbench:
    made = Workbench(two_jobs(), {"yolo": OPTIONS["yolo"]})
    for number in range(4):
        made.kili.assets[f"as_{number:03d}"] = labelled(number, f"{number}.jpg", 0.2)
    made.rebuild()
    return made


def counted(made: Workbench) -> Statistics | None:
    return made.manifest("yolo").statistics


def objects(made: Workbench) -> int:
    found = counted(made)
    assert found is not None
    return sum(one.objects for one in found.classes)


def as_of_a_former_version(manifest: Manifest) -> Manifest:
    return manifest.model_copy(update={"statistics": None})


def test_numbers_go_with_assets_that_come_change_and_go() -> None:
    made = bench()
    first = objects(made)
    assert first % 4 == 0
    remove(made, 2)
    assert objects(made) == first * 3 // 4
    # It has one object more then.
    change(made, 1)
    assert objects(made) == first * 3 // 4 + 1
    remove(made, 1)
    assert objects(made) == first // 2
    fresh = Workbench(two_jobs(), {"yolo": OPTIONS["yolo"]})
    fresh.kili.assets.update(made.kili.assets)
    fresh.rebuild()
    assert counted(made) == counted(fresh)


def test_after_a_former_version_they_are_unknown_until_everything_is_counted() -> None:
    made = bench()
    before = objects(made)
    former = as_of_a_former_version(made.manifest("yolo"))
    made.objects.put(manifest_key("proj1", "yolo"), former.to_bytes())
    change(made, 1)
    assert counted(made) is None
    [delta] = open_deltas(made.objects, made.manifest("yolo").recent_deltas[-1:])
    assert delta.document.statistics is None
    made.rebuild()
    assert objects(made) == before + 1


def test_the_list_of_a_delta_has_what_became_of_them() -> None:
    made = bench()
    before = objects(made)
    remove(made, 2)
    [delta] = open_deltas(made.objects, made.manifest("yolo").recent_deltas[-1:])
    assert delta.document.statistics is not None
    assert sum(one.objects for one in delta.document.statistics) == objects(made) - before
    assert sum(one.assets for one in delta.document.statistics) == -len(delta.document.statistics)
