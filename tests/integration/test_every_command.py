"""Every command against a running stack: wrong names and paths, closed pipes, what is not known."""

import os
import shutil
import stat
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kili_export.cli.exit_codes import ExitCode
from kili_export.local.kili_standin import KiliWorld, sample_project, start_standin
from kili_export.local.kili_standin.state.model import Project
from kili_export.local.main import main
from tests.support.every_command import OF_A_STACK, WRITTEN_PATHS, Command, written_paths
from tests.support.local_stack import StackProcess

pytestmark = pytest.mark.slow


@dataclass
class Site:
    """A running stack with one project that no webhook tells of."""

    world: KiliWorld
    project: Project
    stack: StackProcess
    folder: Path


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("stack")
    world = KiliWorld(api_key="site-key")
    project = world.add_project(sample_project())
    with start_standin(world) as kili:
        stack = StackProcess(folder / "state", kili, world.api_key)
        stack.start()
        try:
            exports = ("--export=yolo=yolo_v8", "--export=coco=coco")
            stack.answer("register", project.id, *exports)
            stack.answer("wait", project.id)
            yield Site(world, project, stack, folder)
        finally:
            stack.discard()


Run = Callable[..., tuple[int, str, list[str]]]


@pytest.fixture
def run(site: Site, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process: its status, its output and the lines on standard error."""

    def run_command(*words: str) -> tuple[int, str, list[str]]:
        capfd.readouterr()
        status = main([*words, "--state", str(site.stack.state)])
        told = capfd.readouterr()
        return status, told.out, told.err.splitlines()

    return run_command


@pytest.mark.parametrize(
    "command", [one for one in OF_A_STACK if "project_id" in one.places], ids=str
)
def test_a_project_that_is_none(command: Command, run: Run, site: Site) -> None:
    words = command.with_value("project_id", "nosuchproject")
    assert words is not None
    if command.name == "sync":
        words = (*words[:-1], str(site.folder / "unused"))
    if command.name == "pull":
        words = (*words[:-1], str(site.folder / "unused.zip"))
    if command.name == "purge":
        words = (*words, "--yes")
    status, _, lines = run(*words)
    expected = {
        # Kili is asked, and does not show it.
        "register": {ExitCode.FAILED},
        "assets": {ExitCode.FAILED},
        "labels": {ExitCode.FAILED},
        "webhook install": {ExitCode.USAGE},
        # It is so already.
        "webhook remove": {ExitCode.OK},
    }.get(command.name, {ExitCode.USAGE})
    assert status in expected, f"{words}: {lines}"
    assert len(lines) == (0 if status == ExitCode.OK else 1), f"{words}: {lines}"
    assert [one.name for one in site.world.webhooks.listing()] == []
    assert not (site.folder / "unused.zip").exists()


@pytest.mark.parametrize("command", [one for one in OF_A_STACK if "export" in one.places], ids=str)
def test_an_export_that_is_none(command: Command, run: Run, site: Site) -> None:
    given = {"project_id": site.project.id, "directory": str(site.folder / "unused")}
    places = [given.get(place, "yoloo") for place in command.places]
    options = [str(site.folder / "unused.zip") if "zip" in one else one for one in command.options]
    more = ("--yes",) if command.name == "purge" else ()
    for action in ((), ("--list",), ("--delete",)) if command.name == "snapshot" else ((),):
        named = [] if action == ("--list",) else options
        status, _, lines = run(command.name, *places, *named, *action, *more)
        assert (status, len(lines)) == (ExitCode.USAGE, 1), f"{action}: {lines}"
        assert "'yoloo'" in lines[0]
        assert "coco, yolo" in lines[0] or "yolo, coco" in lines[0]


@pytest.mark.parametrize("words", WRITTEN_PATHS, ids=" ".join)
def test_a_target_that_cannot_be_written(
    words: tuple[str, ...], run: Run, site: Site, tmp_path: Path
) -> None:
    given = [site.project.id if word == "P" else word for word in words]
    before = sorted(tmp_path.rglob("*"))
    for name, path in written_paths(tmp_path).items():
        before = before or sorted(tmp_path.rglob("*"))
        status, _, lines = run(*given, path)
        told = [line for line in lines if line.startswith("kili-export: ")]
        assert (status, len(told)) == (ExitCode.USAGE, 1), f"{name}: {lines}"
        assert not any("Traceback" in line for line in lines)
    assert sorted(tmp_path.rglob("*")) == before, "something was left behind"


def test_a_folder_that_sync_cannot_use(run: Run, site: Site, tmp_path: Path) -> None:
    for name, path in written_paths(tmp_path).items():
        if name == "directory":
            (tmp_path / "taken" / ".kili-export").write_text("in the way")
        status, _, lines = run("sync", site.project.id, "yolo", path)
        assert (status, len(lines)) == (ExitCode.USAGE, 1), f"{name}: {lines}"


# `export` has a state of its own: tests/integration/test_one_shot.py.
@pytest.mark.parametrize(
    "words", [one for one in WRITTEN_PATHS if one[0] != "export"], ids=" ".join
)
def test_a_device_is_written_and_never_replaced(
    words: tuple[str, ...], run: Run, site: Site
) -> None:
    given = [site.project.id if word == "P" else word for word in words]
    status, _, _ = run(*given, "/dev/null")
    assert status in {ExitCode.OK, ExitCode.QUARANTINED}
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    status, _, lines = run(*given, "/dev/full")
    told = [line for line in lines if line.startswith("kili-export: ")]
    assert (status, told) == (
        ExitCode.FAILED,
        ["kili-export: /dev/full cannot be written: No space left on device."],
    )


def test_an_archive_on_standard_output(site: Site, run: Run, tmp_path: Path) -> None:
    target = tmp_path / "yolo.zip"
    assert run("pull", site.project.id, "yolo", "--output", str(target))[0] == ExitCode.OK
    piped = tmp_path / "piped.zip"
    with piped.open("w") as output, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", output)
        words = ("pull", site.project.id, "yolo", "--output", "-")
        assert main([*words, "--state", str(site.stack.state)]) == ExitCode.OK
    assert piped.read_bytes() == target.read_bytes()


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["for people", "as JSON"])
@pytest.mark.parametrize("name", ["status", "report", "assets", "labels"])
def test_a_reader_that_closes_the_pipe(
    name: str, form: tuple[str, ...], site: Site, capfd: pytest.CaptureFixture[str]
) -> None:
    if form and name in {"assets", "labels"}:
        pytest.skip("they write JSON alone")
    words = {"report": (site.project.id, "yolo")}.get(name, (site.project.id,))
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        status = main([name, *words, *form, "--state", str(site.stack.state)])
        stream.flush()
    assert status == ExitCode.OK
    assert "Traceback" not in capfd.readouterr().err


def test_a_copied_folder_is_followed_without_fetching_it_again(
    run: Run, site: Site, tmp_path: Path
) -> None:
    assert run("sync", site.project.id, "yolo", str(tmp_path / "one"))[0] == ExitCode.OK
    shutil.copytree(tmp_path / "one", tmp_path / "two", copy_function=shutil.copyfile)
    for more in ((), ("--verify",)):
        status, out, _ = run("sync", site.project.id, "yolo", str(tmp_path / "two"), *more)
        assert status == ExitCode.OK
        assert "nothing to do" in out


def test_a_run_finds_by_itself_what_no_event_told_of(run: Run, site: Site, tmp_path: Path) -> None:
    before = site.stack.answer("status", site.project.id)["exports"][0]["generation"]
    site.world.submit_label("scene-28.png")
    status, out, _ = run("run", site.project.id, "--wait")
    assert (status, out.strip()) == (ExitCode.OK, "Everything is published.")
    after = site.stack.answer("status", site.project.id)["exports"][0]["generation"]
    assert after == before + 1
    assert run("pull", site.project.id, "yolo", "--output", str(tmp_path / "y.zip"))[0] == 0
    assert zipfile.ZipFile(tmp_path / "y.zip").testzip() is None


def test_an_export_that_ended_is_listed_until_it_is_purged(run: Run, site: Site) -> None:
    """The last test here: the project is exported no more after it."""
    assert run("unregister", site.project.id)[0] == ExitCode.OK
    assert site.project.id in run("status")[1]
    status, out, _ = run("status", site.project.id)
    assert status == ExitCode.OK
    assert "Ended: coco" in out
    asset = next(iter(site.project.assets))
    status, _, lines = run("purge", site.project.id, "--asset", asset, "--yes")
    assert (status, len(lines)) == (ExitCode.USAGE, 1)
    assert f"kili-export purge {site.project.id} coco" in lines[0]
    for name in ("coco", "yolo"):
        assert run("purge", site.project.id, name, "--yes")[0] == ExitCode.OK
    assert run("status", site.project.id)[0] == ExitCode.USAGE
    assert "No project has exports." in run("status")[1]
