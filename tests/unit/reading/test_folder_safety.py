"""What others put into a folder's own place harms no file elsewhere; no folder is taken unseen."""

import json
import os
import pwd
from pathlib import Path

import pytest

from kili_export.core.errors import IntegrityError, InvalidConfiguration
from kili_export.reading.folder import FolderOnDisk
from kili_export.reading.folder_choice import checked_root
from kili_export.reading.folder_state import FolderState
from kili_export.reading.sync import SyncRequest, sync_folder
from tests.support.sample_manifest import manifest_of
from tests.support.workbench import Workbench
from tests.unit.reading.test_sync_folder import OPTIONS, change, files_in, sync
from tests.unit.steps.publishing.test_increments import labelled, two_jobs

OWN_NAMES = (
    "lock",
    "state.json",
    "state.part",
    "files.jsonl",
    "files.part",
    "change.jsonl",
    "change.part",
    "staging",
)


@pytest.fixture
def bench() -> Workbench:
    made = Workbench(two_jobs(), dict(OPTIONS))
    for number in range(10):
        made.kili.assets[f"as_{number:03d}"] = labelled(number, f"{number}.jpg", 0.2)
    made.rebuild()
    return made


def try_to_sync(bench: Workbench, root: Path) -> None:
    """It may be refused; it must not harm."""
    try:
        sync(bench, root)
    except (InvalidConfiguration, IntegrityError):
        return


@pytest.mark.parametrize("kind", ["symbolic", "hard", "dangling", "folder"])
@pytest.mark.parametrize("followed", [False, True])
@pytest.mark.parametrize("name", OWN_NAMES)
def test_a_link_in_the_own_place_changes_nothing_elsewhere(
    bench: Workbench, tmp_path: Path, name: str, *, followed: bool, kind: str
) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    outside.mkdir()
    victim = outside / "victim"
    victim.write_bytes(b"precious")
    if followed:
        sync(bench, root)
        change(bench, 1)
    own = root / ".kili-export"
    own.mkdir(parents=True, exist_ok=True)
    (own / name).unlink(missing_ok=True)
    if kind == "hard":
        os.link(victim, own / name)
    else:
        target = {"symbolic": victim, "dangling": outside / "new", "folder": outside}[kind]
        (own / name).symlink_to(target)
    try_to_sync(bench, root)
    assert {path.name: path.read_bytes() for path in outside.iterdir()} == {"victim": b"precious"}
    (own / name).unlink(missing_ok=True)


@pytest.mark.parametrize("name", ["lock", "state.json", "files.jsonl", "change.jsonl"])
def test_a_link_is_refused_by_its_name(bench: Workbench, tmp_path: Path, name: str) -> None:
    root = tmp_path / "root"
    sync(bench, root)
    (tmp_path / "victim").write_bytes(b"")
    (root / ".kili-export" / name).unlink(missing_ok=True)
    (root / ".kili-export" / name).symlink_to(tmp_path / "victim")
    with pytest.raises(InvalidConfiguration, match=f"{name} is a symbolic link"):
        sync(bench, root)


def test_a_link_in_place_of_the_own_place_is_refused(bench: Workbench, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / ".kili-export").symlink_to(outside)
    with pytest.raises(InvalidConfiguration, match="is a symbolic link"):
        sync(bench, tmp_path / "root")
    assert list(outside.iterdir()) == []


def test_a_pipe_does_not_make_it_wait(bench: Workbench, tmp_path: Path) -> None:
    sync(bench, tmp_path)
    (tmp_path / ".kili-export" / "state.json").unlink()
    os.mkfifo(tmp_path / ".kili-export" / "state.json")
    with pytest.raises(InvalidConfiguration, match="not what sync makes there"):
        sync(bench, tmp_path)


def test_another_users_own_place_is_refused(
    bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync(bench, tmp_path)
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    with pytest.raises(InvalidConfiguration, match=f"belongs to another user .uid {mine}."):
        sync(bench, tmp_path)


@pytest.mark.parametrize("operation", [["remove", "../victim"], ["write", "../victim", "0", None]])
def test_a_change_that_names_a_file_elsewhere_is_not_made(
    tmp_path: Path, operation: list[object]
) -> None:
    root = tmp_path / "root"
    (tmp_path / "victim").write_bytes(b"precious")
    (root / ".kili-export").mkdir(parents=True)
    header = FolderState.of(manifest_of()).model_dump(mode="json")
    lines = [json.dumps(header), json.dumps(operation)]
    (root / ".kili-export" / "change.jsonl").write_text("\n".join(lines))
    with FolderOnDisk.open(root) as folder, pytest.raises(IntegrityError, match="victim"):
        folder.read(verify=False)
    assert (tmp_path / "victim").read_bytes() == b"precious"


def test_folders_that_hold_more_than_a_dataset_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home" / "me"
    here = tmp_path / "work" / "here"
    for folder in (home, here / "data"):
        folder.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(here)
    (tmp_path / "link").symlink_to(home)
    refused = ["", " ", "/", "//", "..", "../..", str(home), str(home.parent), str(tmp_path)]
    for path in (*refused, str(tmp_path / "link"), f"{here}/data/../.."):
        with pytest.raises(InvalidConfiguration, match=r"empty text|for this export alone"):
            checked_root(path)
    for path in ("data", ".", "new/one", str(home / "data"), str(tmp_path / "other")):
        assert checked_root(path) == Path(os.path.realpath(path))


def test_the_home_directory_is_known_without_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    home = pwd.getpwuid(os.geteuid()).pw_dir
    monkeypatch.delenv("HOME", raising=False)
    with pytest.raises(InvalidConfiguration, match="for this export alone"):
        checked_root(home)


def test_a_folder_that_is_not_empty_is_taken_over_only_where_that_is_wanted(
    bench: Workbench, tmp_path: Path
) -> None:
    (tmp_path / "mine").write_bytes(b"mine")
    for delete in (False, True):
        with (
            FolderOnDisk.open(tmp_path) as folder,
            pytest.raises(InvalidConfiguration, match="confirm with --yes"),
        ):
            sync_folder(bench.objects, folder, SyncRequest("proj1", "yolo", delete=delete))
    assert files_in(tmp_path) == {"mine": b"mine"}
    sync(bench, tmp_path, take_over=True)
    change(bench, 1)
    sync(bench, tmp_path, take_over=False)
    assert files_in(tmp_path) == {**bench.files("yolo"), "mine": b"mine"}


def test_a_first_sync_that_broke_off_is_not_asked_about(bench: Workbench, tmp_path: Path) -> None:
    sync(bench, tmp_path)
    own = tmp_path / ".kili-export"
    header, lines = own / "state.json", own / "change.jsonl"
    lines.write_bytes(header.read_bytes() + b"\n")
    header.unlink()
    sync(bench, tmp_path, take_over=False)
    assert files_in(tmp_path) == bench.files("yolo")
