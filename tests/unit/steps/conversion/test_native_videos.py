"""Videos without frames of their own: what they are cut into, and how often."""

import io
import json
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from typing import IO, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kili_export.core.errors import RequestRefused
from kili_export.core.export_options import Compatibility, ExportOptions, ExportType, Layout
from kili_export.core.media import FrameCut, KnownMedia, MediaRequest
from kili_export.steps.conversion import ffmpeg
from kili_export.steps.conversion.ffmpeg import NoCutter
from kili_export.steps.conversion.media_spool import MediaLimits
from tests.support.kili_samples import Json, answers, asset, box, fetched, job, label, project
from tests.support.workbench import Workbench

ONE = answers(BOXES=[box("CAR", 0, 0, 0.5, 0.5)])


@dataclass
class CutterOfThree:
    """Finds three frames in any video, which tell what they were cut out of."""

    cuts: list[FrameCut] = field(default_factory=list)
    frames: int = 3

    def is_there(self) -> bool:
        return True

    def cut(
        self, file: IO[bytes], start: int, size: int, cut: FrameCut
    ) -> Generator[bytes, None, None]:
        self.cuts.append(cut)
        place = file.tell()
        file.seek(start)
        video = file.read(size)
        file.seek(place)
        if video == b"no film":
            raise RequestRefused("ffmpeg cannot cut it")
        for number in range(self.frames):
            yield video + b" frame %d" % number


def bench_of(**exports: ExportOptions) -> Workbench:
    films = project({"BOXES": job(["CAR"])}, "VIDEO")
    bench = Workbench(films, exports)
    bench.cutter = CutterOfThree()
    return bench


def options(format_name: str, layout: Layout = Layout.MERGED, **more: Any) -> ExportOptions:
    last = ExportType.LATEST_FROM_LAST_STEP
    return ExportOptions(format_name, layout, **{"with_assets": True, "export_type": last, **more})


def put(bench: Workbench, number: int, name: str, *responses: Json, **more: Any) -> str:
    film = fetched(asset(number, name, *[label(one) for one in responses], **more))
    bench.kili.assets[film.asset_id] = replace(film, fingerprint=json.dumps(responses))
    bench.kili.files.setdefault(f"/{number}.jpg", (b"film %d" % number, "video/mp4"))
    return film.asset_id


def keys(count: int) -> Json:
    return {str(number): ONE for number in range(count)}


def cutter_of(bench: Workbench) -> CutterOfThree:
    assert isinstance(bench.cutter, CutterOfThree)
    return bench.cutter


def jpegs(files: dict[str, bytes]) -> set[str]:
    return {path for path in files if path.endswith(".jpg")}


def named(pattern: str) -> set[str]:
    return {pattern.format(number) for number in (1, 2, 3)}


@pytest.mark.parametrize(
    ("exporting", "expected"),
    [
        (options("kili"), named("assets/d/v_0{}.jpg")),
        (options("yolo_v8"), named("images/d/v_0{}.jpg")),
        (options("pascal_voc"), named("images/d/v_0{}.jpg") | named("images/d/v_{}.jpg")),
        (
            options("coco"),
            named("data/d/v_label1_0{}.jpg")
            | named("data/d/v_label2_{}.jpg")
            | named("data/d/v_label3_{}.jpg"),
        ),
    ],
    ids=lambda value: getattr(value, "format", ""),
)
def test_each_format_has_its_own_series(exporting: ExportOptions, expected: set[str]) -> None:
    bench = bench_of(it=exporting)
    put(bench, 1, "d/v", keys(10), keys(2), {})
    bench.rebuild()
    files = bench.files("it")
    assert jpegs(files) == expected
    assert {files[path] for path in expected if path.endswith("2.jpg")} == {b"film 1 frame 1"}
    [film] = [data for path, data in files.items() if path.endswith("d/v.mp4")]
    assert film == b"film 1"
    assert len(cutter_of(bench).cuts) == 1, "it was cut more than once"


def test_labels_without_keys_need_no_frames_in_kili_alone() -> None:
    bench = bench_of(kili=options("kili"), yolo=options("yolo_v8"))
    put(bench, 1, "v.mp4", {})
    bench.rebuild()
    assert jpegs(bench.files("kili")) == set()
    assert jpegs(bench.files("yolo")) == named("images/v.mp4_{}.jpg")


def test_a_label_names_the_frames_in_order_of_their_names() -> None:
    bench = bench_of(it=options("kili"))
    cutter_of(bench).frames = 11
    put(bench, 1, "d/v.mp4", keys(2))
    bench.rebuild()
    told = json.loads(bench.files("it")["labels/d/v.mp4.json"])
    assert told["content"] == "assets/v.mp4"
    assert told["jsonContent"][:3] == [f"assets/v.mp4_{number}.jpg" for number in (1, 10, 11)]


@pytest.mark.parametrize(
    ("parameters", "rate"),
    [
        ({}, None),
        ({"shouldKeepNativeFrameRate": True, "framesPlayedPerSecond": 3}, None),
        ({"shouldKeepNativeFrameRate": False, "framesPlayedPerSecond": 3}, "3"),
        ({"shouldKeepNativeFrameRate": False, "framesPlayedPerSecond": 2.5}, "2.5"),
        ({"shouldKeepNativeFrameRate": False}, FrameCut.AS_STORED),
        ({"shouldKeepNativeFrameRate": False, "framesPlayedPerSecond": "1,x"}, FrameCut.AS_STORED),
        ({"shouldKeepNativeFrameRate": False, "framesPlayedPerSecond": -1}, FrameCut.AS_STORED),
    ],
)
def test_the_rate_is_the_one_of_the_import(parameters: Json, rate: str | None) -> None:
    bench = bench_of(it=options("yolo_v8"))
    put(bench, 1, "v", keys(1), jsonMetadata={"processingParameters": parameters})
    bench.rebuild()
    assert [cut.rate for cut in cutter_of(bench).cuts] == [rate]


def test_an_edited_label_cuts_nothing_again() -> None:
    bench = bench_of(it=options("coco", Layout.SPLIT))
    put(bench, 1, "v.mp4", keys(2))
    bench.rebuild()
    before = bench.files("it")
    bench.cutter = NoCutter()
    bench.run([put(bench, 1, "v.mp4", {"0": {}, "1": ONE})])
    after = bench.files("it")
    assert bench.manifest("it").quarantined == ()
    assert {path for path in after if after[path] != before[path]} == {"BOXES/labels.json"}


def test_films_that_cannot_be_cut_stop_nobody_else() -> None:
    bench = bench_of(it=options("yolo_v8"))
    put(bench, 1, "good.mp4", keys(1))
    put(bench, 2, "bad.mp4", keys(1))
    bench.kili.files["/2.jpg"] = (b"no film", "video/mp4")
    bench.rebuild()
    [held] = bench.manifest("it").quarantined
    assert (held.asset_id, "cannot cut it" in held.error) == ("as_2", True)
    assert jpegs(bench.files("it")) == named("images/good.mp4_{}.jpg")


def test_frames_have_as_much_room_as_other_media() -> None:
    bench = bench_of(it=options("yolo_v8"))
    bench.media = MediaLimits(largest_file=20, spooled=20)
    cutter_of(bench).frames = 10
    put(bench, 1, "v.mp4", keys(1))
    bench.rebuild()
    [held] = bench.manifest("it").quarantined
    assert "MEDIA_FILE_LIMIT" in held.error


@pytest.mark.parametrize("format_name", ["kili", "yolo_v8", "coco", "pascal_voc"])
def test_corrected_archives_say_that_they_hold_none(format_name: str) -> None:
    bench = bench_of(it=options(format_name, compatibility=Compatibility.CORRECTED))
    put(bench, 1, "v.mp4", keys(2))
    bench.rebuild()
    [held] = bench.manifest("it").quarantined
    assert "leave compatibility out" in held.error


def test_what_is_known_leads_to_all_names() -> None:
    cut = MediaRequest("https://a/v", "images/v", guessed=False, cut=FrameCut(2))
    video = MediaRequest("https://a/v", "images/v")
    names = (*(f"images/v_{number:02d}.jpg" for number in range(1, 41)), "images/v.mp4")
    known = KnownMedia.of([cut, video], names, (4, 3), frames=40)
    assert known.paths == ("images/v.mp4",)
    assert known.paths_of([cut, video]) == names
    assert known.paths_of([replace(cut, cut=FrameCut(3)), video]) is None


@given(st.lists(st.binary(max_size=30).filter(lambda data: b"\xff" not in data), min_size=1))
def test_pictures_in_a_stream_are_told_apart_wherever_it_is_cut(contents: list[bytes]) -> None:
    pictures = [b"\xff\xd8" + content + b"\xff\xd9" for content in contents]

    class Trickle(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            del size
            return super().read(3)

    assert list(ffmpeg._pictures(Trickle(b"".join(pictures)))) == pictures


@pytest.mark.parametrize("export_type", [ExportType.NORMAL, ExportType.LATEST_FROM_ALL_STEPS])
def test_exports_of_all_labels_hold_the_video_as_it_is(export_type: ExportType) -> None:
    bench = bench_of(it=options("kili", export_type=export_type))
    put(bench, 1, "v.mp4", keys(2))
    bench.rebuild()

    files = bench.files("it")
    assert {path for path in files if path.startswith("assets/")} == {"assets/v.mp4"}
    assert json.loads(files["labels/v.mp4.json"])["jsonContent"] == ""


@pytest.mark.parametrize(
    ("count", "frames"), [(9, {"assets/v.mp4_1.jpg", "assets/v.mp4_2.jpg"}), (0, set())]
)
def test_the_rotation_of_a_label_is_none_of_its_keys(count: int, frames: set[str]) -> None:
    bench = bench_of(it=options("kili"))
    bench.cutter = CutterOfThree(frames=2)
    put(bench, 1, "v.mp4", {**keys(count), "ROTATION_JOB": {"rotation": 90}})
    bench.rebuild()

    assert {path for path in bench.files("it") if path.startswith("assets/")} - {
        "assets/v.mp4"
    } == frames
