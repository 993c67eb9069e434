"""With media, our archives are the SDK's: Kili's own client judges, on the stand-in."""

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from kili_export.adapters.kili.client import KiliClient, KiliSettings
from kili_export.adapters.system import SystemClock
from kili_export.contracts.registration import parse_registration
from kili_export.domain.errors import IncompatibleProject
from kili_export.domain.formats.registry import FORMATS, format_named
from kili_export.domain.options import ExportOptions
from local.kili_standin import KiliWorld, sample_project, start_standin
from local.kili_standin.corpus import corpus_project
from local.kili_standin.model import Project
from tests.sdk_reference import Archive, compare_archives, members_of
from tests.workbench import Workbench

# The SDK warns of what it deprecates and leaves its sessions to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.xdist_group("kili_standin_sdk"),
]


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
    """The files but the README, without addresses, which are signed anew in every answer."""
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


def test_video_files_are_refused_where_they_cannot_be_cut(judge: Judge) -> None:
    project = judge.project("native videos")
    bench = judge.bench(project, _options("kili"))
    bench.run(list(project.assets), mode="rebuild")
    errors = {entry.error for entry in bench.manifest("export").quarantined}
    assert errors
    assert all("ffmpeg" in error for error in errors)
