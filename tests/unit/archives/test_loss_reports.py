"""The report of what a format could not hold follows what is published, and costs what it tells."""

import json
from dataclasses import replace
from functools import partial
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kili_export.archives.loss_report.report_document import AssetLosses, ReportedLoss
from kili_export.archives.loss_report.report_writer import LossReports
from kili_export.core.asset import FetchedAsset
from kili_export.core.bucket_layout import report_key
from kili_export.core.errors import InvalidConfiguration, Unavailable
from kili_export.core.export_options import ExportOptions, Layout
from kili_export.reading.read_report import read_report
from kili_export.splicing.part_limits import PartLimits
from kili_export.steps.publishing import publish_export as aggregate_archive
from tests.support.fakes import InMemoryObjects
from tests.support.kili_samples import answers, asset, box, fetched, job, label, project
from tests.support.workbench import Workbench

KEY = report_key("proj1", "yolo")
UNKNOWN = "an annotation's category is not in the interface"

ANOTHER = "another asset's file has the name of this one, which is not in the archive"
FOLDER = "a folder of other assets has the name of this file, which is not in the archive"


def labelled(number: int, category: str, left: float = 0.1) -> FetchedAsset:
    drawn: Any = label(answers(CARS=[box(category, left, 0.1, 0.9, 0.8, mid=f"m{number}")]))
    found = fetched(asset(number, f"{number}.jpg", drawn))
    return replace(found, fingerprint=f"{category}{left}")


def workbench(*categories: str) -> Workbench:
    bench = Workbench(
        project({"CARS": job(["BIG"])}), {"yolo": ExportOptions("yolo_v8", layout=Layout.MERGED)}
    )
    for number, category in enumerate(categories):
        change(bench, number, category)
    bench.rebuild()
    return bench


def change(bench: Workbench, number: int, category: str, left: float = 0.1) -> str:
    found = labelled(number, category, left)
    bench.kili.assets[found.asset_id] = found
    return found.asset_id


def named(bench: Workbench, number: int, name: str, left: float = 0.1) -> str:
    found = replace(labelled(number, "BIG", left), external_id=name)
    bench.kili.assets[found.asset_id] = replace(found, fingerprint=f"{name}{left}")
    return found.asset_id


def losses_of(bench: Workbench) -> dict[str, tuple[ReportedLoss, ...]]:
    report = read_report(bench.objects, "proj1", "yolo")
    return {one.asset_id: one.losses for one in report.assets}


def test_each_asset_is_listed_with_what_it_lost_and_where() -> None:
    bench = workbench("BIG", "GONE", "GONE")

    report = read_report(bench.objects, "proj1", "yolo")

    assert report.assets == tuple(
        AssetLosses(
            asset_id=f"as_{number}",
            external_id=f"{number}.jpg",
            files=(f"labels/{number}.txt",),
            losses=(ReportedLoss(reason=UNKNOWN, where=f"CARS/m{number}"),),
        )
        for number in (1, 2)
    )
    assert report.reasons == {UNKNOWN: 2}
    assert (report.generation, report.assets_left_out) == (1, 0)
    reference = bench.manifest("yolo").report
    assert reference is not None
    assert reference.key == KEY


def test_an_asset_that_is_called_otherwise_is_listed_under_its_new_name() -> None:
    bench = workbench("BIG", "GONE")
    found = replace(labelled(1, "GONE"), external_id="new.jpg", fingerprint="renamed")
    bench.kili.assets[found.asset_id] = found

    bench.run([found.asset_id])

    [row] = read_report(bench.objects, "proj1", "yolo").assets
    assert (row.external_id, row.files) == ("new.jpg", ("labels/new.txt",))


def test_only_some_of_many_files_are_named() -> None:
    interface = project({"CARS": job(["BIG"])}, "VIDEO")
    bench = Workbench(interface, {"yolo": ExportOptions("yolo_v8", layout=Layout.MERGED)})
    box_of = answers(CARS=[box("GONE", 0.1, 0.1, 0.9, 0.8)])
    found = fetched(asset(1, "v", label({str(frame): box_of for frame in range(25)})))
    bench.kili.assets[found.asset_id] = found
    bench.rebuild()

    [row] = read_report(bench.objects, "proj1", "yolo").assets
    assert row.files[0] == "labels/v_01.txt"
    assert (len(row.files), row.files_left_out) == (10, 15)


def test_a_report_without_names_is_written_again_with_them() -> None:
    bench = workbench("BIG", "GONE", "GONE")
    data, stored = bench.objects.get(KEY) or (b"", None)
    assert stored is not None
    former = json.loads(data)
    lines = [
        json.dumps({"asset_id": row["asset_id"], "losses": row["losses"]})
        for row in former["assets"]
    ]
    head = json.dumps({name: value for name, value in former.items() if name != "assets"})
    written = f'{head[:-1]},\n"assets":[\n' + ",\n".join(lines) + "\n]}\n"
    bench.objects.put(KEY, written.encode(), if_match=stored.etag, metadata=dict(stored.metadata))
    read = read_report(bench.objects, "proj1", "yolo")
    assert [(row.asset_id, row.external_id) for row in read.assets] == [("as_1", ""), ("as_2", "")]

    bench.run([change(bench, 0, "GONE")])

    named_now = [row.external_id for row in read_report(bench.objects, "proj1", "yolo").assets]
    assert named_now == ["0.jpg", "1.jpg", "2.jpg"]


def test_30_31_files_that_other_assets_write_over_are_listed_until_they_are_there() -> None:
    bench = workbench("BIG", "BIG", "BIG")
    bench.run([named(bench, 0, "a.jpg"), named(bench, 2, "a.png")])
    written_over = ReportedLoss(reason=ANOTHER, where="labels/a.txt (asset as_2)")
    assert losses_of(bench) == {"as_0": (written_over,)}

    bench.rebuild()
    assert losses_of(bench) == {"as_0": (written_over,)}
    bench.run([named(bench, 1, "a.gif", left=0.3)])
    assert losses_of(bench) == {"as_0": (written_over,), "as_1": (written_over,)}
    bench.run([named(bench, 2, "b.png")])
    now = ReportedLoss(reason=ANOTHER, where="labels/a.txt (asset as_1)")
    assert losses_of(bench) == {"as_0": (now,)}
    assert bench.manifest("yolo").losses == 1
    bench.run([named(bench, 1, "c.gif")])
    assert bench.manifest("yolo").report is None


def test_32_media_of_one_name_are_listed_for_the_asset_that_has_none() -> None:
    raw = ExportOptions("kili", with_assets=True)
    bench = Workbench(project({"CARS": job(["BIG"])}), {"yolo": raw})
    for number in (0, 1):
        named(bench, number, "same.jpg")
        bench.kili.files[f"/{number}.jpg"] = (b"picture %d" % number, "image/jpeg")
    bench.rebuild()

    places = {asset: [one.where for one in losses] for asset, losses in losses_of(bench).items()}
    assert places == {
        "as_0": ["labels/same.jpg.json (asset as_1)"],
        "as_1": ["assets/same.jpg (asset as_0)"],
    }


def test_37_a_file_that_is_called_like_a_folder_is_listed() -> None:
    bench = workbench("BIG", "BIG")
    bench.run([named(bench, 0, "x"), named(bench, 1, "x.txt/y.jpg")])

    assert losses_of(bench) == {"as_0": (ReportedLoss(reason=FOLDER, where="labels/x.txt"),)}


def test_without_losses_nothing_is_written_or_asked() -> None:
    bench = workbench("BIG", "BIG")

    assert bench.manifest("yolo").report is None
    assert KEY not in bench.objects.stored
    assert losses_of(bench) == {}


def test_the_report_follows_every_change_of_losses() -> None:
    bench = workbench("BIG", "GONE")

    bench.run([change(bench, 0, "GONE")])
    assert set(losses_of(bench)) == {"as_0", "as_1"}
    bench.run([change(bench, 1, "BIG")])
    assert set(losses_of(bench)) == {"as_0"}
    del bench.kili.assets["as_0"]
    bench.run(["as_0"], confirmed_removals=1)
    assert bench.manifest("yolo").report is None
    assert KEY not in bench.objects.stored


def test_a_change_that_loses_the_same_leaves_the_report_and_the_ledger_unread() -> None:
    bench = workbench("BIG", "GONE")
    stored = bench.objects.stored[KEY]

    bench.run([change(bench, 0, "BIG", left=0.3), change(bench, 1, "GONE", left=0.3)])

    assert bench.manifest("yolo").generation == 2
    assert bench.objects.stored[KEY] is stored


def test_a_report_that_a_crash_left_behind_is_written_by_the_next_run() -> None:
    bench = workbench("BIG", "GONE")
    bench.objects.delete([KEY])
    with pytest.raises(Unavailable, match="kili-export run proj1"):
        read_report(bench.objects, "proj1", "yolo")

    bench.run([change(bench, 0, "BIG", left=0.3)])

    assert set(losses_of(bench)) == {"as_1"}


def test_a_report_of_another_version_is_not_taken_for_the_current_one() -> None:
    bench = workbench("BIG", "GONE")
    data, *_ = bench.objects.stored[KEY]
    bench.objects.put(KEY, data, metadata={"version": "an older run's"})

    with pytest.raises(Unavailable, match="is being written"):
        read_report(bench.objects, "proj1", "yolo")


def test_a_report_that_cannot_be_written_does_not_stop_the_export(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bench = workbench("BIG")
    put = InMemoryObjects.put

    def failing(self: InMemoryObjects, key: str, *arguments: Any, **more: Any) -> Any:
        if key == KEY:
            raise Unavailable("the bucket does not answer")
        return put(self, key, *arguments, **more)

    monkeypatch.setattr(InMemoryObjects, "put", failing)
    answer = bench.run([change(bench, 0, "GONE")])["yolo"]

    assert answer.status == "committed"
    assert "loss report could not be brought up to date" in caplog.text


def test_a_long_report_is_cut_and_says_so() -> None:
    bench = workbench("GONE", "GONE", "GONE")
    bench.objects.delete([KEY])
    LossReports(bench.objects, most_assets=2).refresh(bench.manifest("yolo"))

    report = read_report(bench.objects, "proj1", "yolo")

    assert [one.asset_id for one in report.assets] == ["as_0", "as_1"]
    assert (report.assets_left_out, report.reasons) == (1, {UNKNOWN: 3})
    assert json.loads(bench.objects.stored[KEY][0])["assets_left_out"] == 1


def test_one_changed_loss_does_not_read_the_ledger_again() -> None:
    bench = Workbench(
        project({"CARS": job(["BIG"])}),
        {"yolo": ExportOptions("yolo_v8", layout=Layout.MERGED)},
        batch_size=50,
        limits=PartLimits(rewrite_below=0),
    )
    for number in range(400):
        change(bench, number, "GONE" if number == 7 else "BIG")
    bench.rebuild()
    for category in ("GONE", "BIG"):
        before = len(bench.objects.requests)
        bench.run([change(bench, 100, category)])
        written = ("get_range", bench.manifest("yolo").ledger.key)
        assert written not in bench.objects.requests[before:]
        assert len(losses_of(bench)) == (2 if category == "GONE" else 1)


def test_the_former_report_is_not_relied_on_when_it_is_another_one() -> None:
    bench = workbench("BIG", "GONE", "GONE")
    stored = bench.objects.stored[KEY]

    def damage(data: bytes, version: str) -> None:
        bench.objects.put(KEY, data, metadata={"version": version})

    reference = bench.manifest("yolo").report
    assert reference is not None
    for data, version in (
        (b"{", reference.version),
        (stored[0].replace(b"as_1", b"as_9"), reference.version),
        (stored[0].replace(b"as_1", b"as_0"), "an older run's"),
    ):
        damage(data, version)
        bench.run([change(bench, 1, "BIG")])
        assert set(losses_of(bench)) == {"as_2"}
        bench.run([change(bench, 1, "GONE")])
        assert set(losses_of(bench)) == {"as_1", "as_2"}
        reference = bench.manifest("yolo").report
        assert reference is not None


_STEPS = st.lists(
    st.lists(
        st.tuples(
            st.integers(0, 7),
            st.sampled_from(["BIG", "GONE", "GONE TOO", "NOTHING"]),
            st.sampled_from(["", "0", "9"]),
        ),
        min_size=1,
        max_size=3,
        unique_by=lambda one: one[0],
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=30, deadline=None)
@given(_STEPS, st.sampled_from([1, 3, 100]))
def test_a_report_that_is_brought_up_to_date_is_the_one_that_the_ledger_gives(
    steps: list[list[tuple[int, str, str]]], most: int
) -> None:
    made = partial(LossReports, most_assets=most)
    with patch.object(aggregate_archive, "LossReports", made):
        bench = workbench("BIG", "GONE", "GONE", "BIG")
        for step in steps:
            _take(bench, step)
            manifest = bench.manifest("yolo")
            if manifest.report is None:
                assert KEY not in bench.objects.stored
                continue
            data, about = bench.objects.stored[KEY]
            assert about.metadata["version"] == manifest.report.version
            generation = json.loads(data)["generation"]
            as_of = manifest.model_copy(update={"generation": generation})
            assert data == made(bench.objects).scanned(as_of)


def _take(bench: Workbench, step: list[tuple[int, str, str]]) -> None:
    """Assets change, move in the server's order, come and go."""
    for number, category, moved in step:
        if category == "NOTHING":
            bench.kili.assets.pop(f"as_{number}", None)
            continue
        found = labelled(number, category)
        order = f"{moved}{found.order_key}"
        bench.kili.assets[found.asset_id] = replace(
            found, order_key=order, fingerprint=f"{category}{order}"
        )
    bench.run([f"as_{number}" for number, *_ in step], confirmed_removals=99)


def test_an_export_that_was_never_published_has_no_report() -> None:
    bench = Workbench(project({"CARS": job(["BIG"])}), {})
    with pytest.raises(InvalidConfiguration, match="has no exports"):
        read_report(bench.objects, "proj1", "yolo")
