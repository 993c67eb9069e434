"""A prefix equals the export after every sync, at whichever request it was interrupted."""

import gzip
import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from kili_export.core.errors import IntegrityError, InvalidConfiguration, Unavailable
from kili_export.reading.folder_change import FolderChange
from kili_export.reading.folder_state import FolderState
from kili_export.reading.followed_prefix import FollowedPrefix
from kili_export.reading.following_folder import Met
from kili_export.reading.sync import SyncRequest, SyncResult, sync_folder
from kili_export.steps.publishing.documents.sharding import ShardRules
from tests.support.fakes import InMemoryObjects
from tests.support.sample_manifest import manifest_of
from tests.support.workbench import Workbench
from tests.unit.reading.test_sync_folder import OPTIONS, change, remove
from tests.unit.steps.publishing.test_increments import labelled, two_jobs

PREFIX = "trees/yolo/"
OWN = f"{PREFIX}.kili-export/"


@pytest.fixture
def bench() -> Workbench:
    made = Workbench(two_jobs(), OPTIONS)
    for number in range(6):
        made.kili.assets[f"as_{number:03d}"] = labelled(number, f"d{number % 3}/{number}.jpg", 0.2)
    made.rebuild()
    return made


def sync(
    bench: Workbench, target: Any, export: str = "yolo", *, workers: int = 4, **wish: Any
) -> SyncResult:
    with FollowedPrefix.open(target, PREFIX, workers=workers) as prefix:
        return sync_folder(bench.objects, prefix, SyncRequest("proj1", export, **wish))


def files_in(target: InMemoryObjects) -> dict[str, bytes]:
    return {
        key.removeprefix(PREFIX): data
        for key, (data, _) in target.stored.items()
        if key.startswith(PREFIX) and not key.startswith(OWN)
    }


def state_in(target: InMemoryObjects) -> Any:
    return json.loads(target.stored[f"{OWN}state.json"][0])


def assert_holds(
    target: InMemoryObjects, bench: Workbench, export: str = "yolo", *, most_lists: int = 1
) -> None:
    assert files_in(target) == bench.files(export)
    state = state_in(target)
    assert (state["status"], state["generation"]) == ("current", bench.manifest(export).generation)
    lists = [key for key in target.stored if key.startswith(f"{OWN}files-")]
    assert 1 <= len(lists) <= most_lists


class Crash(BaseException):
    """The process ends here."""


class Crashing(InMemoryObjects):
    """A bucket whose client dies at a request, before or after it took effect, and stays dead."""

    left = -1
    after = False

    def _note(self, name: str, key: str) -> None:
        self._strike(takes=1)
        super()._note(name, key)

    def _strike(self, takes: int) -> None:
        if self.left == 0:
            raise Crash
        self.left -= takes

    def _store(self, *arguments: Any) -> Any:
        stored = super()._store(*arguments)
        if self.after:
            self._strike(takes=0)
        return stored


def crash_at(bench: Workbench, target: Crashing, request: int, *, after: bool) -> bool:
    """Whether a sync crashed there."""
    target.left, target.after = request, after
    try:
        sync(bench, target, workers=1)
    except Crash:
        return True
    finally:
        target.left = -1
    return False


def test_a_first_sync_puts_every_file_and_the_next_only_what_changed(bench: Workbench) -> None:
    target = InMemoryObjects()
    first = sync(bench, target)
    assert_holds(target, bench)
    assert (first.method, first.from_generation) == ("archive", None)
    assert first.written == first.files == len(bench.files("yolo"))

    change(bench, 1)
    remove(bench, 2)
    target.requests.clear()
    second = sync(bench, target)
    assert_holds(target, bench)
    assert (second.method, second.from_generation) == ("deltas", 1)
    written = [key for name, key in target.requests if name == "put" and not key.startswith(OWN)]
    assert len(written) == second.written < second.files

    target.requests.clear()
    assert sync(bench, target).method == "nothing"
    assert {name for name, _ in target.requests} == {"head", "get"}


def test_large_documents_are_put_and_followed(bench: Workbench) -> None:
    bench.sharding = ShardRules(threshold=200, target=2_000, overhead=0)
    bench.rebuild()
    target = InMemoryObjects()
    sync(bench, target, "coco")
    change(bench, 1, 3)
    sync(bench, target, "coco")
    assert_holds(target, bench, "coco")


def requests_of(bench: Workbench, before: InMemoryObjects) -> Iterator[int]:
    """The numbers of the requests that a sync makes of the target."""
    target = copy_of(before)
    sync(bench, target, workers=1)
    yield from range(len(target.requests))


def copy_of(target: InMemoryObjects) -> Crashing:
    return Crashing(stored=dict(target.stored))


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("is_first", [False, True])
def test_a_crash_at_any_request_is_completed(bench: Workbench, is_first: bool, after: bool) -> None:
    before = InMemoryObjects()
    if not is_first:
        sync(bench, before)
    change(bench, 1)
    remove(bench, 2)
    crashes = 0
    for request in requests_of(bench, before):
        target = copy_of(before)
        crashes += crash_at(bench, target, request, after=after)
        if f"{OWN}state.json" in target.stored and state_in(target)["status"] == "current":
            # What it says of itself is right at any moment.
            is_new = state_in(target)["generation"] == bench.manifest("yolo").generation
            assert files_in(target) == (bench.files("yolo") if is_new else files_in(before))
        assert_holds_after(target, bench)
    assert crashes


def assert_holds_after(target: InMemoryObjects, bench: Workbench) -> None:
    """The next sync makes it whole."""
    sync(bench, target)
    # Lists that a crash left go with the next change.
    assert_holds(target, bench, most_lists=2)
    left = bench.manifest("yolo").generation / 1000
    change(bench, 0, left=left)
    sync(bench, target)
    assert_holds(target, bench)


def test_two_crashes_lose_nothing_though_the_files_are_as_before_the_first(
    bench: Workbench,
) -> None:
    before = InMemoryObjects()
    sync(bench, before)
    change(bench, 1, left=0.6)
    once = [copy_of(before) for _ in requests_of(bench, before)]
    for request, target in enumerate(once):
        crash_at(bench, target, request, after=bool(request % 2))
    # Back to what it was: the lists of the base and of what is applied now are alike.
    change(bench, 1, left=0.2)
    for crashed in once:
        for request in requests_of(bench, crashed):
            target = copy_of(crashed)
            crash_at(bench, target, request, after=bool(request % 2))
            sync(bench, target)
            assert_holds(target, bench, most_lists=3)


def test_what_an_interrupted_sync_put_is_not_put_again(bench: Workbench) -> None:
    target = Crashing()
    count = len(bench.files("yolo"))
    crash_at(bench, target, count + count // 2 + 5, after=False)
    assert state_in(target)["status"] == "applying"
    placed = len(files_in(target))
    assert 0 < placed < count
    synced = sync(bench, target)
    assert (synced.resumed, synced.fetched) == (placed, count - placed)
    assert_holds(target, bench)


def test_of_two_at_once_one_fails(bench: Workbench) -> None:
    target = InMemoryObjects()
    sync(bench, target)
    change(bench, 1)
    with FollowedPrefix.open(target, PREFIX) as slow:
        slow.read(verify=False)
        sync(bench, target)
        with pytest.raises(InvalidConfiguration, match="Another sync"):
            slow._put_state(slow._state)  # type: ignore[arg-type]
    assert_holds(target, bench)


class Meanwhile(InMemoryObjects):
    """A bucket where something happens right before a file is put."""

    action: Any = None

    def _note(self, name: str, key: str) -> None:
        if name == "put" and not key.startswith(OWN) and self.action is not None:
            action, self.action = self.action, None
            action()
        super()._note(name, key)


def test_it_fails_too_when_a_generation_was_published_meanwhile(bench: Workbench) -> None:
    target = Meanwhile()
    sync(bench, target)
    change(bench, 1)

    def overtake() -> None:
        change(bench, 1, left=0.4)
        sync(bench, target)

    target.action = overtake
    with pytest.raises(InvalidConfiguration, match="mend it with --verify"):
        sync(bench, target)
    sync(bench, target, verify=True)
    assert_holds(target, bench)


def test_puts_of_a_try_in_vain_are_over_before_the_next(bench: Workbench) -> None:
    target = Meanwhile()

    def fail() -> None:
        raise Unavailable("S3 cannot be reached")

    target.action = fail
    with FollowedPrefix.open(target, PREFIX) as prefix:
        prefix.stage("a.txt", digest_of(b"a"), [b"a"])
        wish = SyncRequest("proj1", "yolo", take_over=True)
        sync_folder(bench.objects, prefix, wish)
    assert_holds(target, bench)


def test_verify_mends_what_others_changed(bench: Workbench) -> None:
    target = InMemoryObjects()
    sync(bench, target)
    first, second, *_ = sorted(files_in(target))
    target.put(PREFIX + first, b"other")
    target.delete([PREFIX + second])
    assert sync(bench, target).method == "nothing"
    assert sync(bench, target, verify=True).written == 2
    assert_holds(target, bench)


def test_objects_of_others_stay_unless_they_are_to_go(bench: Workbench) -> None:
    target = InMemoryObjects()
    target.put(f"{PREFIX}mine.txt", b"mine")
    with pytest.raises(InvalidConfiguration, match="not empty"):
        sync(bench, target)
    sync(bench, target, take_over=True)
    assert files_in(target) == {**bench.files("yolo"), "mine.txt": b"mine"}
    sync(bench, target, delete=True)
    assert_holds(target, bench)


def test_what_is_in_the_way_is_named_and_what_is_the_same_is_taken_over(bench: Workbench) -> None:
    target = InMemoryObjects()
    sync(bench, target)
    first, second, *_ = sorted(files_in(target))
    kept = dict(target.stored)
    for key in [key for key in target.stored if key.startswith(OWN)]:
        del target.stored[key]
    assert sync(bench, target, take_over=True).fetched == 0
    assert_holds(target, bench)
    target.stored = {PREFIX + first: kept[PREFIX + first]}
    target.put(PREFIX + second, b"other")
    with pytest.raises(InvalidConfiguration, match=second):
        sync(bench, target, take_over=True)


def test_of_many_paths_those_where_something_is_are_looked_at() -> None:
    target = InMemoryObjects()
    wanted = {f"{number}.txt": digest_of(b"%d" % number) for number in range(150)}
    with FollowedPrefix.open(target, PREFIX) as prefix:
        prefix.stage("7.txt", wanted["7.txt"], [b"7"])
        prefix.change(FolderChange(), FolderState.of(manifest_of()))
        target.put(f"{PREFIX}8.txt", b"other")
        target.requests.clear()
        assert [*prefix.met(sorted(wanted.items()))] == [
            Met("7.txt", "7.txt", is_same=True),
            Met("8.txt", "8.txt", is_same=False),
        ]
        assert [name for name, _ in target.requests] == ["list", "head", "head"]


def test_contents_that_are_not_promised_are_not_put() -> None:
    target = InMemoryObjects()
    with (
        FollowedPrefix.open(target, PREFIX) as prefix,
        pytest.raises(IntegrityError, match="SHA-256"),
    ):
        prefix.stage("a.txt", digest_of(b"a"), [b"b"])
    assert not target.stored


def digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_another_export_is_refused(bench: Workbench) -> None:
    target = InMemoryObjects()
    sync(bench, target)
    with pytest.raises(InvalidConfiguration, match="follows export 'yolo'"):
        sync(bench, target, "coco")


@pytest.mark.parametrize(
    "damaged",
    [
        b"no gzip",
        gzip.compress(b"3\n", mtime=0)[:-9],
        gzip.compress(b'["../up", "x"]\n', mtime=0),
        gzip.compress(b"3\n", mtime=0),
    ],
)
def test_lists_of_others_are_refused(bench: Workbench, damaged: bytes) -> None:
    target = InMemoryObjects()
    sync(bench, target)
    (key,) = [key for key in target.stored if key.startswith(f"{OWN}files-")]
    target.put(key, damaged)
    change(bench, 1)
    with pytest.raises(IntegrityError):
        sync(bench, target)


def test_keys_that_s3_has_no_room_for_are_refused_before_anything_changes(
    bench: Workbench,
) -> None:
    target = InMemoryObjects()
    with (
        FollowedPrefix.open(target, f"{'long/' * 204}") as prefix,
        pytest.raises(InvalidConfiguration, match="more than 1024 bytes"),
    ):
        sync_folder(bench.objects, prefix, SyncRequest("proj1", "yolo"))
    assert not target.stored


def test_a_list_that_is_too_large_for_one_request_is_followed(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kili_export.reading.prefix_writer.WHOLE", 100)
    target = InMemoryObjects()
    sync(bench, target)
    assert any(name == "compose" and "/files-" in key for name, key in target.requests)
    change(bench, 1)
    assert sync(bench, target).method == "deltas"
    assert_holds(target, bench)


def test_with_verify_nothing_counts_as_put_before(bench: Workbench) -> None:
    """An interrupted change may have put it, and somebody else changed it since."""
    target = Crashing()
    sync(bench, target)
    change(bench, 1)
    requests = list(requests_of(bench, target))
    crash_at(bench, target, requests[-4], after=False)
    assert state_in(target)["status"] == "applying"
    stored = target.stored[f"{PREFIX}labels/d1/1.txt"]
    target.stored[f"{PREFIX}labels/d1/1.txt"] = (b"x" * len(stored[0]), stored[1])
    sync(bench, target, verify=True)
    assert_holds(target, bench)


class Slow(InMemoryObjects):
    """A bucket where something happens right before lists are looked for."""

    action: Any = None

    def _note(self, name: str, key: str) -> None:
        if name == "list" and "/files-" in key and self.action is not None:
            action, self.action = self.action, None
            action()
        super()._note(name, key)


def test_a_sync_that_ends_removes_no_list_of_one_that_began_since(bench: Workbench) -> None:
    target = InMemoryObjects()
    sync(bench, target)
    change(bench, 1)
    slow = Slow(stored=target.stored)

    def overtake() -> None:
        change(bench, 0, left=0.3)
        sync(bench, target)

    slow.action = overtake
    with pytest.raises(InvalidConfiguration, match="Another sync"):
        sync(bench, slow)
    sync(bench, target, verify=True)
    assert_holds(target, bench, most_lists=2)


def test_a_list_that_is_gone_is_named_with_the_way_out(bench: Workbench) -> None:
    target = InMemoryObjects()
    sync(bench, target)
    target.delete([key for key in target.stored if key.startswith(f"{OWN}files-")])
    with pytest.raises(IntegrityError, match="cannot be read; sync to an empty prefix instead"):
        sync(bench, target)
