"""The numbers of a generation are updated, or unknown after a former version."""

import json
from dataclasses import replace

from kili_export.archives.manifest import Manifest
from kili_export.archives.statistics import Statistics, differences
from kili_export.archives.stored_deltas import open_deltas
from kili_export.core.bucket_layout import manifest_key
from kili_export.reading.published_export import PublishedExport
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


def test_numbers_stay_while_no_file_changes_and_deltas_lead_from_one_to_the_next() -> None:
    made = bench()
    first = made.manifest("yolo")
    _draw_points(made, 2)
    second = made.manifest("yolo")
    assert (second.generation, second.statistics) == (first.generation, first.statistics)
    assert second.counted != first.counted
    remove(made, 3)
    third = made.manifest("yolo")
    assert third.generation == first.generation + 1
    assert third.counted_since is None
    changes = PublishedExport(made.objects, third).changes(since=first.generation)
    assert changes.statistics == differences(first.statistics, third.statistics)
    fresh = Workbench(two_jobs(), {"yolo": OPTIONS["yolo"]})
    fresh.kili.assets.update(made.kili.assets)
    fresh.rebuild()
    assert counted(made) == counted(fresh)


def _draw_points(made: Workbench, number: int) -> None:
    """Adds points to an asset, which YOLO drops."""
    key = f"as_{number:03d}"
    known = made.kili.assets[key]
    assert known.latest_label is not None
    label = json.loads(json.dumps(known.latest_label))
    job = next(iter(label["jsonResponse"]))
    drawn = label["jsonResponse"][job]["annotations"]
    drawn.append({**drawn[0], "mid": "point", "type": "marker", "point": {"x": 0.5, "y": 0.5}})
    changed = replace(known, latest_label=label, fingerprint="with points")
    made.kili.assets[key] = changed
    made.run([key])


def test_the_list_of_a_delta_has_what_became_of_them() -> None:
    made = bench()
    before = objects(made)
    remove(made, 2)
    [delta] = open_deltas(made.objects, made.manifest("yolo").recent_deltas[-1:])
    assert delta.document.statistics is not None
    assert sum(one.objects for one in delta.document.statistics) == objects(made) - before
    assert sum(one.assets for one in delta.document.statistics) == -len(delta.document.statistics)
