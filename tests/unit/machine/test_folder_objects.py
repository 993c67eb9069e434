"""What a bucket in a folder has left after crashes, changed files and a full disk."""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from kili_export.core.errors import ConflictError, IntegrityError, InvalidConfiguration, Unavailable
from kili_export.machine.folder_objects import FolderObjects
from kili_export.machine.state_files import DATABASE
from kili_export.splicing.upload_parts import BufferPart, CopyRange, InlineBytes, Source
from tests.support.fakes import ManualClock


@pytest.fixture
def objects(tmp_path: Path) -> Iterator[FolderObjects]:
    made = FolderObjects.at(tmp_path, ManualClock())
    yield made
    made.database.close()


def files(objects: FolderObjects) -> list[Path]:
    return sorted(objects.folder.iterdir())


def test_former_versions_and_deleted_objects_take_no_room(objects: FolderObjects) -> None:
    for number in range(3):
        objects.put("key", b"%d" % number)
    objects.put("other", b"x")
    assert len(files(objects)) == 2
    objects.delete(["key", "other"])
    assert files(objects) == []


def test_a_write_that_is_refused_leaves_nothing(objects: FolderObjects) -> None:
    objects.put("key", b"first")
    with pytest.raises(ConflictError):
        objects.put("key", b"second", if_none_match=True)
    source = Source("key", '"another"', 5)
    parts = [BufferPart((InlineBytes(b"begin"), CopyRange(source, 0, 5)))]
    with pytest.raises(ConflictError):
        objects.compose("whole", parts)
    assert len(files(objects)) == 1


def test_what_a_crash_left_goes_and_what_is_named_stays(objects: FolderObjects) -> None:
    stored = objects.put("key", b"kept")
    (objects.folder / "0123456789abcdef").write_bytes(b"half of an arch")
    objects.sweep()
    assert [one.name for one in files(objects)] == [stored.etag.strip('"')]


@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_a_file_that_somebody_changed_is_not_taken_for_the_object(
    objects: FolderObjects, damage: str
) -> None:
    objects.put("key", b"0123456789")
    (file,) = files(objects)
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(b"0123")
    with pytest.raises(IntegrityError, match="the file of key"):
        objects.get("key")


def test_a_full_disk_is_named_and_nothing_is_left(
    objects: FolderObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects.put("key", b"former")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unavailable, match="No space left on device"):
        objects.put("key", b"later")
    monkeypatch.undo()
    found = objects.get("key")
    assert found is not None
    assert found[0] == b"former"
    assert len(files(objects)) == 1


@pytest.mark.parametrize("durable", [True, False])
def test_file_and_name_are_on_disk_before_an_object_counts(
    tmp_path: Path, durable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = FolderObjects.at(tmp_path, ManualClock(), durable=durable)
    stored: list[bool] = []

    def store(descriptor: int) -> None:
        assert objects.head("key") is None
        stored.append(stat.S_ISDIR(os.fstat(descriptor).st_mode))

    monkeypatch.setattr(os, "fsync", store)
    objects.put("key", b"content")
    objects.database.close()
    assert stored == ([False, True] if durable else [])


@pytest.mark.parametrize(
    "key", ["../outside", "/etc/passwd", "a//b", ".", "x" * 900, "CON", "\u00e9\u202e"]
)
def test_no_key_leads_out_of_the_folder(objects: FolderObjects, key: str) -> None:
    objects.put(key, b"held")
    found = objects.get(key)
    assert found is not None
    assert found[0] == b"held"
    assert [one.key for one in objects.list("")] == [key]
    assert {one.parent for one in objects.folder.rglob("*")} == {objects.folder}
    database = {f"state.sqlite{suffix}" for suffix in ("", "-shm", "-wal")}
    assert {one.name for one in objects.folder.parent.iterdir()} == {"objects", *database}


def test_a_damaged_database_is_named_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_bytes(b"no database" * 1000)
    with pytest.raises(InvalidConfiguration) as refused:
        FolderObjects.at(tmp_path, ManualClock())
    assert f"move {tmp_path} away" in str(refused.value)
