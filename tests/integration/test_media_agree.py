"""With media, our archives are the SDK's: Kili's own client judges, on the stand-in."""

import re
import shutil
import subprocess
import warnings
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import pytest

from devtools.corpus import corpus_project
from devtools.corpus.drawing import box, job
from devtools.corpus.pictures import BOB, document, label, picture
from kili_export.core.clock import SystemClock
from kili_export.core.errors import IncompatibleProject, RequestRefused
from kili_export.core.export_options import ExportOptions
from kili_export.core.media import FrameCut
from kili_export.formats.registry import FORMATS, format_named
from kili_export.kili.client import KiliClient, KiliSettings
from kili_export.local.kili_standin import KiliWorld, sample_project, start_standin
from kili_export.local.kili_standin.projects.project_documents import read_project
from kili_export.local.kili_standin.state.model import Project
from kili_export.registration.parse_registration import parse_registration
from kili_export.steps.conversion.ffmpeg import Ffmpeg, NoCutter
from tests.support.sdk_reference import Archive, compare_archives, members_of
from tests.support.workbench import Workbench

# The SDK warns of what it deprecates and leaves its sessions to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore")


@dataclass
class Judge:
    """A served world, our client of it and the SDK's."""

    world: KiliWorld
    ours: KiliClient
    sdk: Any
    projects: dict[str, Project] = field(default_factory=dict)

    def project(self, name: str) -> Project:
        """A project of the corpus, or the sample."""
        if name not in self.projects:
            made = sample_project() if name == "sample" else corpus_project(name, 7)
            self.projects[name] = self.world.add_project(made)
        return self.projects[name]

    def bench(self, project: Project, options: ExportOptions) -> Workbench:
        """Our engine over the served project."""
        found = self.ours.project(project.id)
        format_named(options.format).check(found, options)
        return Workbench(found, {"export": options}, kili=self.ours, batch_size=10)  # type: ignore[arg-type]

    def theirs(self, path: Path, project: Project, options: ExportOptions) -> Archive:
        """What the SDK writes."""
        self.sdk.export_labels(
            project.id,
            str(path),
            options.format,
            layout=options.layout.value,
            single_file=options.single_file,
            export_type=options.export_type.value,
            with_assets=options.with_assets,
        )
        written = members_of(path.read_bytes())
        # Of rich texts the SDK names the file in its own temporary folder, which is gone by then.
        return {
            name: re.sub(
                rb'(?m)^(    "jsonContent": ")/\S[^"\n]*/(assets/[^"/\n]*")', rb"\1\2", data
            )
            if name.endswith(".json")
            else data
            for name, data in written.items()
        }


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    world = KiliWorld(api_key="bench-key")
    with (
        pytest.MonkeyPatch.context() as patch,
        start_standin(world) as standin,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        patch.setenv("KILI_SDK_SKIP_CHECKS", "1")
        from kili.client import Kili

        sdk = Kili(
            api_endpoint=standin.endpoint,
            api_key=world.api_key,
            disable_tqdm=True,
            graphql_client_params={"enable_schema_caching": False},
        )
        settings = KiliSettings(standin.endpoint, world.api_key, requests_per_minute=100_000)
        yield Judge(world, KiliClient.connect(settings, SystemClock()), sdk)


FFMPEG = shutil.which("ffmpeg") or ""
needs_ffmpeg = pytest.mark.skipif(not FFMPEG, reason="there is no ffmpeg on this machine")
SLOWER = {"processingParameters": {"shouldKeepNativeFrameRate": False, "framesPlayedPerSecond": 3}}


def _options(format_name: str, **more: Any) -> ExportOptions:
    declared = {"name": "x", "format": format_name, "with_assets": True, **more}
    registration = parse_registration({"project_id": "p", "exports": [declared]}, FORMATS)
    return registration.exports[0].to_options()


@pytest.mark.parametrize(
    ("name", "format_name", "layout", "single_file"),
    [
        *[(name, "kili", "split", False) for name in ("sample", "pictures", "texts", "documents")],
        ("videos", "kili", "split", False),
        ("pictures", "coco", "merged", False),
        ("files of answers", "kili", "split", False),
        ("files of answers", "raw", "split", True),
        ("sample", "raw", "merged", True),
        *[("sample", form, "split", False) for form in ("yolo_v4", "yolo_v8", "coco")],
        *[("sample", form, "merged", False) for form in ("yolo_v8", "coco", "pascal_voc")],
        ("sample", "geojson", "merged", False),
        ("videos", "yolo_v8", "merged", False),
    ],
)
def test_archives_with_media_are_those_of_the_sdk(
    judge: Judge, tmp_path: Path, name: str, format_name: str, layout: str, single_file: bool
) -> None:
    project = judge.project(name)
    options = _options(format_name, layout=layout, single_file=single_file)
    bench = judge.bench(project, options)
    bench.run(list(project.assets), mode="rebuild")
    theirs = judge.theirs(tmp_path / "out.zip", project, options)
    assert [p for p in theirs if p.startswith(("assets/", "images/", "data/"))]
    ours = bench.files("export")
    # Two assets' pictures get this name, and the SDK keeps that of whichever thread is first.
    contested = {path for path in ours if path in ("assets/a.png", "data/a.png")}
    assert contested <= theirs.keys()
    ours, theirs = (
        {path: data for path, data in files.items() if path not in contested}
        for files in (ours, theirs)
    )
    assert compare_archives(ours, theirs, format_name) == []


@pytest.mark.parametrize("single_file", [False, True])
def test_files_of_answers_come_along_without_media(
    judge: Judge, tmp_path: Path, single_file: bool
) -> None:
    project = judge.project("files of answers")
    options = _options("kili", layout="split", single_file=single_file, with_assets=False)
    bench = judge.bench(project, options)
    bench.run(list(project.assets), mode="rebuild")
    ours, theirs = bench.files("export"), judge.theirs(tmp_path / "o.zip", project, options)
    assert ours["labels/folder_a/name_less.png/SCAN_f2"].startswith(b"file f2 of asset ")
    assert _without_links(ours) == _without_links(theirs)


def _without_links(files: Archive) -> Archive:
    """The files but the README, without addresses, which are signed again in every answer."""
    return {
        path: re.sub(rb'"content": "http[^"]*"', b'"content": ""', data)
        for path, data in files.items()
        if path != "README.kili.txt"
    }


def test_an_edited_label_downloads_itself_and_no_media(judge: Judge) -> None:
    project = judge.project("sample")
    bench = judge.bench(project, _options("yolo_v8", layout="merged"))
    bench.run(list(project.assets), mode="rebuild")
    files = bench.files("export")
    label = project.assets[chosen := next(iter(project.assets))].labels[-1]
    judge.world.edit_label(label.id, {})
    before = judge.ours.traffic.snapshot().requests["download"]
    bench.run([chosen])
    assert judge.ours.traffic.snapshot().requests["download"] - before == 1
    after = bench.files("export")
    changed = {path for path in files if files[path] != after[path]}
    assert [path.split("/")[0] for path in changed] == ["labels"]


def test_a_project_with_data_connections_is_refused_with_the_way_out(judge: Judge) -> None:
    project = corpus_project("pictures", 7)
    project.data_connections.append("connection1")
    judge.world.add_project(project)
    with pytest.raises(IncompatibleProject, match="set with_assets to false"):
        judge.bench(project, _options("kili"))


FRAMES = 12


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A video of twelve frames, six a second."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    source = f"testsrc=size=64x48:rate=6:duration={FRAMES // 6}"
    made: list[str | Path] = [
        FFMPEG,
        "-loglevel",
        "error",
        "-f",
        "lavfi",
        "-i",
        source,
        "-pix_fmt",
        "yuv420p",
        path,
    ]
    subprocess.run(made, check=True)
    return path.read_bytes()


@needs_ffmpeg
@pytest.mark.parametrize(
    ("format_name", "layout", "metadata"),
    [
        ("kili", "split", {}),
        ("kili", "split", SLOWER),
        ("yolo_v8", "merged", SLOWER),
        ("yolo_v8", "split", {}),
        ("pascal_voc", "merged", {}),
        ("coco", "split", {}),
    ],
)
def test_videos_are_cut_into_the_frames_of_the_sdk(
    judge: Judge,
    tmp_path: Path,
    film: bytes,
    format_name: str,
    layout: str,
    metadata: dict[str, Any],
) -> None:
    pytest.importorskip("ffmpeg", reason="ffmpeg-python, by which the SDK cuts, is not installed")
    project = native_videos(film, metadata)
    judge.world.add_project(project)
    options = _options(format_name, layout=layout, export_type="latest_from_last_step")
    bench = judge.bench(project, options)
    bench.cutter = Ffmpeg(FFMPEG)
    bench.run(list(project.assets), mode="rebuild")
    assert bench.manifest("export").quarantined == ()
    ours = bench.files("export")
    theirs = judge.theirs(tmp_path / "out.zip", project, options)
    assert sum(path.endswith(".jpg") for path in ours) >= FRAMES / 2
    # The SDK numbers the frames of each video and label alike, so that what annotations are of
    # cannot be told from theirs.
    differences = [
        one
        for one in compare_archives(ours, theirs, format_name)
        if not one.startswith("BOXES/labels.json annotation")
    ]
    assert differences == []


def native_videos(film: bytes, metadata: dict[str, Any]) -> Project:
    """Two videos without frames of their own; of one, the labels have ten keys and two."""
    boxes = {"BOXES": {"annotations": [box("CAR", 0.1, 0.1, 0.5, 0.5)]}}
    long, short = ({str(frame): boxes for frame in range(count)} for count in (10, 2))
    shown: dict[str, Any] = {"contentBase64": b64encode(film).decode(), "contentType": "video/mp4"}
    assets = [
        picture("film.mp4", label(long), label(short, author=BOB), **shown, jsonMetadata=metadata),
        picture("without end", label(short), **shown, jsonMetadata=metadata),
    ]
    assets[1]["resolution"] = None
    interface = {"jobs": {"BOXES": job(["CAR"], ["rectangle"])}}
    return read_project(document("Films", "VIDEO", jsonInterface=interface, assets=assets))


@needs_ffmpeg
def test_a_video_is_cut_once_and_its_frames_stay(judge: Judge, film: bytes) -> None:
    project = judge.world.add_project(native_videos(film, {}))
    bench = judge.bench(project, _options("kili", export_type="latest_from_last_step"))
    bench.cutter = Ffmpeg(FFMPEG)
    bench.run(list(project.assets), mode="rebuild")
    before = bench.files("export")
    assert sum(path.endswith(".jpg") for path in before) == 2 * FRAMES
    label_of = project.assets[chosen := next(iter(project.assets))].labels[-1]
    judge.world.edit_label(label_of.id, {"0": {}, "1": {}})
    bench.cutter = NoCutter()
    bench.run([chosen])
    after = bench.files("export")
    assert bench.manifest("export").quarantined == ()
    changed = {path for path in before if before[path] != after[path]}
    assert changed == {"labels/film.mp4.json"}
    assert before.keys() == after.keys()


@needs_ffmpeg
@pytest.mark.parametrize(
    "not_a_film",
    [
        b"",
        b"not a film",
        b"#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:1.0,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
    ],
)
def test_what_is_no_film_puts_its_asset_into_quarantine(judge: Judge, not_a_film: bytes) -> None:
    project = judge.world.add_project(native_videos(not_a_film, {}))
    bench = judge.bench(project, _options("yolo_v8", layout="merged"))
    bench.cutter = Ffmpeg(FFMPEG)
    bench.run(list(project.assets), mode="rebuild")
    errors = [entry.error for entry in bench.manifest("export").quarantined]
    assert len(errors) == 2
    assert all("ffmpeg" in error for error in errors)


@needs_ffmpeg
def test_cutting_takes_no_longer_than_it_may(film: bytes) -> None:
    with TemporaryFile() as file:
        file.write(film)
        with pytest.raises(RequestRefused, match="not within 0 seconds"):
            list(Ffmpeg(FFMPEG, seconds=0).cut(file, 0, len(film), FrameCut(1)))


def test_video_files_are_refused_where_they_cannot_be_cut(judge: Judge) -> None:
    project = judge.project("native videos")
    bench = judge.bench(project, _options("kili"))
    bench.run(list(project.assets), mode="rebuild")
    errors = {entry.error for entry in bench.manifest("export").quarantined}
    assert errors
    assert all("ffmpeg" in error for error in errors)
