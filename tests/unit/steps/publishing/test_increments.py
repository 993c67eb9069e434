"""An increment gives the archive that a full export of the same state would give."""

import json
import re
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kili_export.archives.ledger.ledger_reader import LedgerReader
from kili_export.core.asset import FetchedAsset
from kili_export.core.export_options import Compatibility, ExportOptions, Layout, Split
from kili_export.core.project import Project
from kili_export.splicing.part_limits import PartLimits
from tests.support.archive_of import archive_of
from tests.support.kili_samples import answers, asset, box, fetched, job, label, project
from tests.support.workbench import Workbench

OPTIONS = {
    "raw": ExportOptions("kili"),
    "one_file": ExportOptions("kili", single_file=True),
    "yolo": ExportOptions("yolo_v8", layout=Layout.MERGED),
    "yolo_split": ExportOptions("yolo_v5", layout=Layout.SPLIT),
    "coco": ExportOptions("coco", layout=Layout.MERGED),
    "coco_split": ExportOptions("coco", layout=Layout.SPLIT),
    "corrected_yolo": ExportOptions(
        "yolo_v8",
        compatibility=Compatibility.CORRECTED,
        split=Split(0.5, 0.25, 0.25),
    ),
    "corrected_coco": ExportOptions(
        "coco", layout=Layout.MERGED, compatibility=Compatibility.CORRECTED
    ),
}
NAMES = ("a.jpg", "a.png", "a", "b b.jpg", "b_b.jpg", "d/c.jpg", "../c.jpg", "c.jpg")


def two_jobs() -> Project:
    return project({"CARS": job(["BIG", "SMALL"]), "SIGNS": job(["STOP"])})


def labelled(number: int, name: str, left: float, fetch: int = 0) -> FetchedAsset:
    """An asset whose only label depends on `left`; `fetch` shows in signed URLs alone."""
    made: Any = label(
        answers(
            CARS=[box("BIG", left, 0.1, 0.9, 0.8, mid=f"m{number}")],
            SIGNS=[box("STOP", 0.1, 0.1, 0.2, left, mid=f"s{number}")] if left > 0.5 else [],
        )
    )
    url = f"https://storage.example/{number}.jpg?X-Signature={fetch}"
    found = fetched(asset(number, name, made, content=url))
    key = f"as_{number:03d}"
    return replace(
        found,
        asset_id=key,
        order_key=key,
        fields={**found.fields, "id": key},
        fingerprint=f"{left}",
    )


def without_ids(files: dict[str, bytes]) -> dict[str, Any]:
    """COCO's numbers are kept, not derived: they are compared by what they stand for."""
    return {
        path: _unnumbered(json.loads(data)) if path.endswith("labels.json") else data
        for path, data in files.items()
    }


def _unnumbered(document: dict[str, Any]) -> dict[str, Any]:
    names = {image["id"]: image["file_name"] for image in document["images"]}
    assert len(names) == len(document["images"]), "an image's number was given twice"
    numbers = [annotation["id"] for annotation in document["annotations"]]
    assert len(set(numbers)) == len(numbers), "an annotation's number was given twice"
    for image in document["images"]:
        del image["id"]
    for annotation in document["annotations"]:
        del annotation["id"]
        annotation["image_id"] = names[annotation["image_id"]]
    return document


def assert_equals_full_export(bench: Workbench, export: str) -> None:
    in_order = [bench.kili.assets[key] for key in sorted(bench.kili.assets)]
    full = archive_of(bench.project, in_order, bench.options[export])
    assert without_ids(_unsigned(bench.files(export))) == without_ids(_unsigned(full)), export


def _unsigned(files: dict[str, bytes]) -> dict[str, bytes]:
    """Without signatures, which differ on every fetch and are no change."""
    return {path: re.sub(rb"X-Signature=\d+", b"", data) for path, data in files.items()}


changes = st.lists(
    st.lists(
        st.tuples(
            st.integers(0, 5), st.sampled_from(NAMES), st.sampled_from([None, 0.2, 0.4, 0.6])
        ),
        min_size=1,
        max_size=3,
    ),
    min_size=1,
    max_size=6,
)


@pytest.mark.parametrize("export", OPTIONS)
@given(history=changes, copies=st.booleans())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_after_any_sequence_of_changes_the_archive_is_that_of_a_full_export(
    export: str, history: list[list[tuple[int, str, float | None]]], *, copies: bool
) -> None:
    limits = PartLimits(min_part=1, rewrite_below=0, copy_from=1) if copies else PartLimits()
    bench = Workbench(two_jobs(), {export: OPTIONS[export]}, limits=limits)
    bench.rebuild()
    for fetch, step in enumerate(history):
        for number, name, left in step:
            key = f"as_{number:03d}"
            if left is None:
                bench.kili.assets.pop(key, None)
            else:
                bench.kili.assets[key] = labelled(number, name, left, fetch)
        bench.run([f"as_{number:03d}" for number, _, _ in step])
        assert_equals_full_export(bench, export)


@pytest.mark.parametrize("export", OPTIONS)
def test_the_chain_of_deltas_leads_from_any_archive_to_the_latest(export: str) -> None:
    bench = Workbench(two_jobs(), {export: OPTIONS[export]})
    for number, name in enumerate(NAMES):
        bench.kili.assets[f"as_{number:03d}"] = labelled(number, name, 0.2)
    bench.rebuild()
    archives = [(bench.manifest(export).generation, bench.files(export))]
    steps: list[dict[int, tuple[str, float] | None]] = [
        {1: ("a.png", 0.6)},
        {2: None},
        {1: ("renamed.png", 0.6), 3: ("b b.jpg", 0.4)},
        {4: None, 2: ("a", 0.2)},
    ]
    for step in steps:
        for number, change in step.items():
            key = f"as_{number:03d}"
            if change is None:
                del bench.kili.assets[key]
            else:
                bench.kili.assets[key] = labelled(number, *change)
        bench.run([f"as_{number:03d}" for number in step])
        archives.append((bench.manifest(export).generation, bench.files(export)))
    for delta in bench.manifest(export).recent_deltas:
        files = bench.files_at(delta.key)
        changes = json.loads(files.pop("delta.json"))
        named = {change["path"] for change in (*changes["added"], *changes["changed"])}
        assert named == files.keys()
        for generation, archive in archives:
            if generation < delta.generation:
                archive.update(files)
                for removed in changes["removed"]:
                    del archive[removed["path"]]
    for generation, archive in archives:
        assert archive == archives[-1][1], f"from generation {generation}"


def test_an_edit_changes_only_its_own_files_and_the_spanning_documents() -> None:
    bench = Workbench(two_jobs(), OPTIONS)
    for number in range(9):
        bench.kili.assets[f"as_{number:03d}"] = labelled(number, f"{number}.jpg", 0.2)
    bench.rebuild()
    before = {export: bench.files(export) for export in OPTIONS}
    bench.kili.assets["as_004"] = labelled(4, "4.jpg", 0.7, fetch=1)
    answers_by_export = bench.run(["as_004"])
    expected = {
        "raw": {"labels/4.jpg.json"},
        "one_file": {"data.json"},
        "yolo": {"labels/4.txt"},
        "yolo_split": {"CARS/labels/4.txt", "SIGNS/labels/4.txt"},
        "coco": {"labels.json"},
        "coco_split": {"CARS/labels.json", "SIGNS/labels.json"},
        "corrected_yolo": {
            f"{name}/{task}/labels/train/4-as_004.txt"
            for name in ("CARS", "SIGNS")
            for task in ("detect", "obb")
        },
        "corrected_coco": {"labels.json"},
    }
    for export in OPTIONS:
        after = bench.files(export)
        changed = {path for path in after if after[path] != before[export].get(path)}
        assert changed == expected[export], export
        delta = bench.files_at(str(answers_by_export[export].delta_key))
        assert delta.keys() == changed | {"delta.json"}, export


def test_a_fetch_that_differs_only_in_signatures_publishes_nothing() -> None:
    bench = Workbench(two_jobs(), OPTIONS)
    bench.kili.assets["as_001"] = labelled(1, "1.jpg", 0.2, fetch=0)
    bench.rebuild()
    generations = {export: bench.manifest(export).generation for export in OPTIONS}
    bench.kili.assets["as_001"] = labelled(1, "1.jpg", 0.2, fetch=1)
    answered = bench.run(["as_001"])
    assert {answer.status for answer in answered.values()} == {"unchanged"}
    assert {export: bench.manifest(export).generation for export in OPTIONS} == generations


def test_numbers_survive_a_rebuild_and_the_loss_of_all_labels() -> None:
    bench = Workbench(two_jobs(), {"coco": OPTIONS["coco"]})
    for number in range(4):
        bench.kili.assets[f"as_{number:03d}"] = labelled(number, f"{number}.jpg", 0.2)
    bench.rebuild()
    bench.kili.assets["as_000"] = labelled(0, "0.jpg", 0.7)
    bench.run(["as_000"])
    numbers = _numbers(bench)
    labelled_again = bench.kili.assets["as_001"]
    bench.kili.assets["as_001"] = replace(labelled_again, latest_label=None)
    bench.run(["as_001"])
    assert "data/1.jpg" not in _numbers(bench)
    bench.kili.assets["as_001"] = labelled_again
    bench.rebuild()
    assert _numbers(bench) == numbers


def _numbers(bench: Workbench) -> dict[str, tuple[int, list[int]]]:
    document = json.loads(bench.files("coco")["labels.json"])
    return {
        image["file_name"]: (
            image["id"],
            sorted(a["id"] for a in document["annotations"] if a["image_id"] == image["id"]),
        )
        for image in document["images"]
    }


def test_how_a_full_export_was_batched_does_not_show_in_its_bytes() -> None:
    archives = []
    for batch_size in (1, 4, 50):
        bench = Workbench(two_jobs(), {"yolo": OPTIONS["yolo"]}, batch_size=batch_size)
        for number in range(9):
            bench.kili.assets[f"as_{number:03d}"] = labelled(number, f"{9 - number}.jpg", 0.2)
        bench.rebuild()
        archives.append(bench.objects.stored[bench.manifest("yolo").archive.key][0])
    assert archives[0] == archives[1] == archives[2]


def test_contested_names_cost_one_pass_over_the_ledger_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []
    names = LedgerReader.names

    def counted(ledger: LedgerReader, asset_ids: Collection[str]) -> dict[str, str]:
        asked.extend([len(asset_ids)] if asset_ids else [])
        return names(ledger, asset_ids)

    bench = Workbench(two_jobs(), {"yolo": OPTIONS["yolo"]})
    for number in range(20):
        bench.kili.assets[f"as_{number:03d}"] = labelled(number, f"{number}.jpg", 0.2)
    bench.rebuild()
    rivals = [f"as_{number:03d}" for number in range(100, 120)]
    for number, rival in enumerate(rivals):
        bench.kili.assets[rival] = labelled(100 + number, f"{number}.png", 0.4)
    monkeypatch.setattr(LedgerReader, "names", counted)

    bench.run(rivals)

    assert asked == [20, 20], "once for the assets that came, once for those that had the names"
    assert bench.files("yolo") == archive_of(
        bench.project, list(bench.kili.assets.values()), OPTIONS["yolo"]
    )
