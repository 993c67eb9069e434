"""Media in archives: fetched once, never for a label edit, and the same as in a full export."""

import json
import zipfile
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kili_export.core.asset import FetchedAsset
from kili_export.core.errors import Unavailable
from kili_export.core.export_options import Compatibility, ExportOptions, Layout
from kili_export.local.kili_standin.projects.pictures import encode_png
from kili_export.splicing.part_limits import PartLimits
from kili_export.steps.conversion.media_spool import MediaLimits
from tests.support.kili_samples import answers, asset, box, fetched, job, label, project
from tests.support.workbench import Workbench
from tests.unit.steps.publishing.test_increments import without_ids

OPTIONS = {
    "raw": ExportOptions("kili", with_assets=True),
    "one_file": ExportOptions("raw", single_file=True, with_assets=True),
    "yolo": ExportOptions("yolo_v8", layout=Layout.MERGED, with_assets=True),
    "yolo_split": ExportOptions("yolo_v5", layout=Layout.SPLIT, with_assets=True),
    "coco": ExportOptions("coco", layout=Layout.MERGED, with_assets=True),
    "coco_split": ExportOptions("coco", layout=Layout.SPLIT, with_assets=True),
    "voc": ExportOptions("pascal_voc", layout=Layout.MERGED, with_assets=True),
}
NAMES = ("a.jpg", "a.JPG", "plain", "v1.2", "d/a.jpg", "e/a.jpg", "../a.jpg", "a.jpg/b.jpg")


def bench_of(*exports: str, **more: Any) -> Workbench:
    chosen = {name: OPTIONS[name] for name in exports or OPTIONS}
    return Workbench(project({"CARS": job(["BIG"]), "SIGNS": job(["STOP"])}), chosen, **more)


def put(
    bench: Workbench, number: int, name: str, left: float = 0.2, version: int = 0, sign: int = 0
) -> str:
    """An asset whose picture depends on `version`; `sign` shows in its address' query alone."""
    path = f"/{number}-{version}"
    bench.kili.files[path] = (f"picture {number} {version}".encode() * 50, "image/png")
    made = label(answers(CARS=[box("BIG", left, 0.1, 0.9, 0.8, mid=f"m{number}")]))
    url = f"https://storage.example{path}?X-Signature={sign}"
    found = fetched(asset(number, name, made, content=url))
    key = f"as_{number:03d}"
    bench.kili.assets[key] = replace(
        found,
        asset_id=key,
        order_key=key,
        fields={**found.fields, "id": key},
        fingerprint=f"{left}",
    )
    return key


def media_of(files: dict[str, bytes]) -> dict[str, bytes]:
    return {path: data for path, data in files.items() if data.startswith(b"picture")}


def from_nothing(bench: Workbench) -> Workbench:
    """The same state, exported in full by somebody who knows nothing of it."""
    fresh = bench_of(*bench.options)
    fresh.kili.assets, fresh.kili.files = bench.kili.assets, bench.kili.files
    fresh.rebuild()
    return fresh


changes = st.lists(
    st.lists(
        st.tuples(
            st.integers(0, 4),
            st.sampled_from(NAMES),
            st.sampled_from([None, 0.2, 0.6]),
            st.integers(0, 1),
        ),
        min_size=1,
        max_size=3,
    ),
    min_size=1,
    max_size=5,
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(changes, st.integers(0, 5), st.booleans())
def test_increments_equal_full_exports(
    steps: list[list[tuple[int, str, float | None, int]]], rebuilt_at: int, spliced: bool
) -> None:
    bench = bench_of(limits=PartLimits(rewrite_below=0) if spliced else PartLimits())
    bench.rebuild()
    for moment, step in enumerate(steps):
        touched = set()
        for number, name, left, version in step:
            touched.add(f"as_{number:03d}")
            bench.kili.assets.pop(f"as_{number:03d}", None)
            if left is not None:
                put(bench, number, name, left, version, sign=moment)
        if moment == rebuilt_at:
            bench.rebuild(confirmed_removals=10)
        else:
            bench.run(sorted(touched), confirmed_removals=10)
    fresh = from_nothing(bench)
    for export in OPTIONS:
        assert without_ids(bench.files(export)) == without_ids(fresh.files(export)), export


@pytest.mark.parametrize(
    ("export", "folder"),
    [("raw", "assets"), ("yolo", "images"), ("yolo_split", "images"), ("coco", "data")],
)
def test_names_follow_external_ids_and_get_a_missing_extension(export: str, folder: str) -> None:
    bench = bench_of(export)
    for number, name in enumerate(("a.jpg", "plain", "v1.2", "car.JPG", "d/x y.tif", "e/z.webp")):
        put(bench, number, name)
    bench.rebuild()
    assert media_of(bench.files(export)).keys() == {
        f"{folder}/{name}"
        for name in ("a.jpg", "plain.png", "v1.2.png", "car.JPG", "d/x y.tif", "e/z.webp")
    }


def test_media_are_stored_as_they_are_before_all_labels() -> None:
    bench = bench_of("yolo")
    for number in range(3):
        put(bench, number, f"{number}.jpg")
    bench.rebuild()
    with zipfile.ZipFile(BytesIO(bench.objects.stored[bench.manifest("yolo").archive.key][0])) as z:
        entries = sorted(z.infolist(), key=lambda info: info.header_offset)
    assert [info.filename.split("/")[0] for info in entries[:3]] == ["images"] * 3
    assert all(info.compress_type == zipfile.ZIP_STORED for info in entries[:3])
    assert all(not info.flag_bits & 8 for info in entries), "a size follows its contents"


def test_several_exports_share_one_fetch() -> None:
    bench = bench_of()
    for number in range(4):
        put(bench, number, f"{number}.jpg")
    bench.rebuild()
    assert sorted(bench.kili.media_fetches) == [f"/{number}-0" for number in range(4)]


def test_a_label_edit_moves_no_media() -> None:
    bench = bench_of("yolo", limits=PartLimits(rewrite_below=0))
    size = 8 << 20
    keys = [put(bench, number, f"{number}.jpg") for number in range(3)]
    for number in range(3):
        bench.kili.files[f"/{number}-0"] = (bytes([number]) * size, "image/jpeg")
    bench.rebuild()
    before = bench.objects.snapshot()
    bench.kili.media_fetches.clear()
    put(bench, 1, "1.jpg", left=0.7, sign=1)
    bench.kili.files["/1-0"] = (b"not to be asked for", "image/jpeg")
    answered = bench.run([keys[1]])
    after = bench.objects.snapshot()
    assert answered["yolo"].status == "committed"
    assert bench.kili.media_fetches == []
    # An archive's first parts are copied; what is below a part's least size is not.
    assert after.bytes_down - before.bytes_down < size
    assert after.bytes_up - before.bytes_up < size
    assert bench.files("yolo")["images/1.jpg"] == b"\1" * size
    delta = bench.files_at(str(answered["yolo"].delta_key))
    assert delta.keys() == {"delta.json", "labels/1.txt"}


def test_a_rebuild_takes_media_from_the_archive_that_stands() -> None:
    bench = bench_of()
    for number, name in enumerate(("a.jpg", "plain", "d/a.jpg")):
        put(bench, number, name)
    bench.rebuild()
    before = {export: bench.files(export) for export in OPTIONS}
    bench.kili.media_fetches.clear()
    bench.rebuild()
    assert bench.kili.media_fetches == []
    assert {export: bench.files(export) for export in OPTIONS} == before


def test_new_contents_are_fetched_and_replace_the_former() -> None:
    bench = bench_of("raw")
    key = put(bench, 1, "a.jpg")
    bench.rebuild()
    put(bench, 1, "a.jpg", version=1)
    bench.run([key])
    assert bench.files("raw")["assets/a.jpg"].startswith(b"picture 1 1")
    assert bench.kili.media_fetches == ["/1-0", "/1-1"]


def test_the_first_of_equal_names_wins_and_the_next_follows_it() -> None:
    bench = bench_of("yolo")
    keys = [put(bench, number, "same.jpg") for number in (1, 2, 3)]
    bench.rebuild()
    assert bench.files("yolo")["images/same.jpg"].startswith(b"picture 1")
    bench.kili.media_fetches.clear()
    del bench.kili.assets[keys[0]]
    bench.run(keys[:1], confirmed_removals=1)
    assert bench.files("yolo")["images/same.jpg"].startswith(b"picture 2")
    put(bench, 1, "same.jpg")
    bench.run(keys[:1])
    assert bench.files("yolo")["images/same.jpg"].startswith(b"picture 1")
    assert bench.kili.media_fetches == ["/1-0"]


def test_a_picture_tells_its_size_where_kili_does_not_and_is_not_fetched_for_it_again() -> None:
    bench = bench_of("coco", "voc")
    key = put(bench, 1, "a.png")
    found = bench.kili.assets[key]
    bench.kili.assets[key] = replace(found, fields={**found.fields, "resolution": None})
    bench.kili.files["/1-0"] = (encode_png([bytearray(30)] * 20, [(0, 0, 0)]), "image/png")
    for run in range(2):
        bench.run([key], mode="incremental" if run else "rebuild")
        [image] = json.loads(bench.files("coco")["labels.json"])["images"]
        assert (image["width"], image["height"]) == (30, 20)
        assert b"<width>30</width>" in bench.files("voc")["labels/a.png.xml"]
    assert bench.kili.media_fetches == ["/1-0"]


def test_media_go_with_their_asset() -> None:
    bench = bench_of("coco")
    keys = [put(bench, number, f"{number}.jpg") for number in (1, 2)]
    bench.rebuild()
    gone = keys[0]
    bench.kili.assets[gone] = replace(bench.kili.assets[gone], latest_label=None)
    bench.run([gone])
    assert media_of(bench.files("coco")).keys() == {"data/2.jpg"}


def test_an_asset_whose_picture_is_gone_is_quarantined_alone() -> None:
    bench = bench_of()
    put(bench, 1, "1.jpg")
    bad = put(bench, 2, "2.jpg")
    del bench.kili.files["/2-0"]
    answered = bench.rebuild()
    assert {answer.quarantined for answer in answered.values()} == {1}
    assert bench.kili.media_fetches.count("/2-0") == 1
    [entry] = bench.manifest("yolo").quarantined
    assert entry.asset_id == bad
    assert "HTTP 404" in entry.error
    assert media_of(bench.files("yolo")).keys() == {"images/1.jpg"}
    assert "labels/2.txt" not in bench.files("yolo")


def test_a_storage_that_is_down_is_no_assets_fault() -> None:
    bench = bench_of("yolo")
    for number in (1, 2):
        put(bench, number, f"{number}.jpg")
        bench.kili.unreachable.add(f"/{number}-0")
    with pytest.raises(Unavailable):
        bench.rebuild()


def test_what_was_fetched_is_stored_before_the_disk_is_full() -> None:
    bench = bench_of("raw", "yolo", media=MediaLimits(spooled=1000))
    for number in range(5):
        put(bench, number, f"{number}.jpg")
    bench.rebuild()
    for export in ("raw", "yolo"):
        assert len(media_of(bench.files(export))) == 5
    assert sorted(bench.kili.media_fetches) == [f"/{number}-0" for number in range(5)]


def video(number: int, frames: dict[str, str], response: Any) -> FetchedAsset:
    return fetched(
        asset(
            number,
            "film",
            label(response),
            content="",
            jsonContent="https://storage.example/frames.json?sig=1",
            resolution=None,
        ),
        json_content=frames,
    )


def test_frames_of_a_video_are_numbered_in_the_order_of_their_list() -> None:
    bench = bench_of("raw", "yolo")
    bench.project = replace(bench.project, input_type="VIDEO")
    frames = {str(n): f"https://storage.example/f{n}?sig=1" for n in range(11)}
    for n in range(11):
        bench.kili.files[f"/f{n}"] = (f"picture of frame {n}".encode(), "image/png")
    bench.kili.assets["as_1"] = video(
        1, frames, {"0": answers(CARS=[box("BIG", 0.1, 0.1, 0.5, 0.5)])}
    )
    bench.rebuild()
    expected = {f"film_{n + 1:02d}.jpg": f"picture of frame {n}".encode() for n in range(11)}
    assert media_of(bench.files("raw")) == {f"assets/{k}": v for k, v in expected.items()}
    assert media_of(bench.files("yolo")) == {f"images/{k}": v for k, v in expected.items()}
    bench.kili.media_fetches.clear()
    bench.run(["as_1"])
    assert bench.kili.media_fetches == []


def test_frames_that_came_one_by_one_are_laid_out_again_by_a_full_export() -> None:
    corrected = ExportOptions(
        "yolo_v8", Layout.MERGED, with_assets=True, compatibility=Compatibility.CORRECTED
    )

    def labelled(to: Workbench, *frames: int) -> None:
        urls = {str(n): f"https://storage.example/f{n}?sig=1" for n in range(3)}
        box_in_it = answers(CARS=[box("BIG", 0.1, 0.1, 0.5, 0.5)])
        to.kili.assets["as_1"] = video(1, urls, {str(frame): box_in_it for frame in frames})

    def empty() -> Workbench:
        made = Workbench(project({"CARS": job(["BIG"])}, "VIDEO"), {"yolo": corrected})
        for n in range(3):
            made.kili.files[f"/f{n}"] = (f"picture of frame {n}".encode(), "image/png")
        return made

    def archive_of(made: Workbench) -> bytes:
        return made.objects.stored[made.manifest("yolo").archive.key][0]

    bench, fresh = empty(), empty()
    labelled(bench, 0, 2)
    bench.rebuild()
    labelled(bench, 0, 1, 2)
    bench.run(["as_1"])
    bench.rebuild()
    labelled(fresh, 0, 1, 2)
    fresh.rebuild()
    assert archive_of(bench) == archive_of(fresh)


def test_a_video_with_a_frame_that_cannot_be_had_is_quarantined() -> None:
    bench = bench_of("raw")
    bench.project = replace(bench.project, input_type="VIDEO")
    frames = {str(n): f"https://storage.example/f{n}?sig=1" for n in range(20)}
    for n in range(20):
        bench.kili.files[f"/f{n}"] = (f"picture of frame {n}".encode(), "image/png")
    del bench.kili.files["/f13"]
    bench.kili.assets["as_1"] = video(1, frames, {})
    bench.rebuild()
    [entry] = bench.manifest("raw").quarantined
    assert "HTTP 404" in entry.error
    assert media_of(bench.files("raw")) == {}


def test_media_of_one_asset_that_fill_the_disk_are_refused() -> None:
    bench = bench_of("raw", media=MediaLimits(largest_file=160, spooled=20))
    bench.project = replace(bench.project, input_type="VIDEO")
    frames = {str(n): f"https://storage.example/f{n}?sig=1" for n in range(20)}
    for n in range(20):
        bench.kili.files[f"/f{n}"] = (b"picture of a frame, 26 byt", "image/png")
    bench.kili.assets["as_1"] = video(1, frames, {})
    bench.rebuild()
    [entry] = bench.manifest("raw").quarantined
    assert "MEDIA_FILE_LIMIT" in entry.error


def test_a_video_without_frames_of_its_own_is_refused_with_the_way_out() -> None:
    bench = bench_of("raw")
    bench.project = replace(bench.project, input_type="VIDEO")
    made = fetched(asset(1, "film.mp4", label({"0": {}}), resolution=None))
    bench.kili.assets["as_1"] = made
    bench.rebuild()
    [entry] = bench.manifest("raw").quarantined
    assert "ffmpeg" in entry.error
    assert "with_assets" in entry.error


def test_the_media_of_a_document_in_layers_are_refused_with_the_way_out() -> None:
    bench = bench_of("raw")
    bench.project = replace(bench.project, input_type="PDF")
    layers = "https://storage.example/layers?sig=1"
    bench.kili.assets["as_1"] = fetched(asset(1, "a.pdf", label({}), jsonContent=layers))
    bench.rebuild()
    [entry] = bench.manifest("raw").quarantined
    assert entry.error == (
        "The media of a PDF asset with a jsonContent cannot be exported; set with_assets to false."
    )


def test_rich_text_brings_its_document_and_its_text() -> None:
    bench = bench_of("raw")
    bench.project = replace(bench.project, input_type="TEXT")
    bench.kili.files["/rich"] = (b"picture of a document", "application/json")
    bench.kili.files["/plain"] = (b"picture of a text", "text/plain")
    bench.kili.assets["as_1"] = fetched(
        asset(
            1,
            "note",
            label({}),
            content="https://storage.example/plain?sig=1",
            jsonContent="https://storage.example/rich?sig=1",
        )
    )
    bench.rebuild()
    assert media_of(bench.files("raw")) == {
        "assets/note.json": b"picture of a document",
        "assets/note.txt": b"picture of a text",
    }
    bench.kili.media_fetches.clear()
    bench.run(["as_1"])
    assert bench.kili.media_fetches == []
