"""What programs read of an export is what its archive holds, while generations come and go."""

import io
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kili_export.archives.statistics import differences
from kili_export.core.errors import (
    AccessDenied,
    ChangesUnknown,
    GenerationExpired,
    IntegrityError,
    InvalidConfiguration,
    NoSuchFile,
)
from kili_export.maintenance.retention.apply_retention import ApplyRetention
from kili_export.maintenance.retention.retention_rules import RetentionRules
from kili_export.reading.changes import Changes, FileChange
from kili_export.reading.published_export import PublishedExport
from kili_export.reading.take_snapshot import take_snapshot
from tests.support.workbench import Workbench
from tests.unit.reading.test_lineage import purge
from tests.unit.reading.test_sync_folder import OPTIONS, change, files_in, remove
from tests.unit.steps.publishing.test_deltas_follow import SELDOM
from tests.unit.steps.publishing.test_increments import labelled, two_jobs


@pytest.fixture(params=["archive", "archive with deltas"])
def bench(request: pytest.FixtureRequest) -> Workbench:
    made = Workbench(two_jobs(), dict(OPTIONS))
    if request.param == "archive with deltas":
        made.rewriting = SELDOM
    for number in range(12):
        made.kili.assets[f"as_{number:03d}"] = labelled(number, f"d{number % 3}/{number}.jpg", 0.2)
    made.rebuild()
    change(made, 1)
    remove(made, 2)
    return made


def opened(bench: Workbench, name: str = "yolo") -> PublishedExport:
    return PublishedExport(bench.objects, bench.manifest(name))


def unpacked(export: PublishedExport) -> dict[str, bytes]:
    """What Python's own reader finds in the archive that `pull` writes."""
    target = io.BytesIO()
    assert export.pull(target) == len(target.getvalue())
    with zipfile.ZipFile(target) as archive:
        return {one.filename: archive.read(one) for one in archive.infolist()}


@pytest.mark.parametrize("name", OPTIONS)
def test_every_file_is_listed_and_read_as_the_archive_has_it(bench: Workbench, name: str) -> None:
    export = opened(bench, name)
    files = unpacked(export)
    assert [file.path for file in export.files()] == sorted(files, key=str.encode)
    assert {file.path: file.size for file in export.files()} == {
        path: len(data) for path, data in files.items()
    }
    assert {path: export.open(path).read() for path in files} == files
    assert {file.path: data for file, data in export.contents()} == files


def test_files_are_of_their_assets(bench: Workbench) -> None:
    files = {file.path: file.asset_id for file in opened(bench).files()}
    assert files["labels/d1/1.txt"] == "as_001"
    assert files["data.yaml"] is None


@pytest.mark.parametrize(
    "pattern", ["labels/*/*.txt", "labels/d[12]/*", "data.yaml", "*", "labels/d?/1?.txt", "none/*"]
)
def test_a_pattern_chooses_within_folders(bench: Workbench, pattern: str) -> None:
    export = opened(bench)
    expected = {
        path
        for path in unpacked(export)
        if path.count("/") == pattern.count("/") and fnmatchcase(path, pattern)
    }
    assert {file.path for file in export.files(pattern)} == expected


@pytest.mark.parametrize("pattern", ["**", "**/*", "**/*.txt", "labels/**/*.txt", "labels/**"])
def test_two_stars_are_any_folders(bench: Workbench, pattern: str) -> None:
    export = opened(bench)
    ending = ".txt" if pattern.endswith(".txt") else ""
    below = "labels/" if pattern.startswith("labels") else ""
    assert {file.path for file in export.files(pattern)} == {
        path for path in unpacked(export) if path.startswith(below) and path.endswith(ending)
    }


def test_a_file_that_is_not_there_is_an_error_of_python_and_of_the_tree(bench: Workbench) -> None:
    with pytest.raises(NoSuchFile, match=r"no file 'labels/none\.txt'"):
        opened(bench).open("labels/none.txt")
    with pytest.raises(FileNotFoundError):
        opened(bench).find("labels")


def test_a_file_that_was_damaged_is_refused(bench: Workbench) -> None:
    export = opened(bench)
    file = export.find("data.yaml")
    source, start = file.archive.locate(file.record)
    data, stored = bench.objects.stored[source.key]
    at = start + file.record.local_length - 3
    bench.objects.stored[source.key] = (data[:at] + b"!!!" + data[at + 3 :], stored)
    with pytest.raises(IntegrityError):
        export.open("data.yaml")


def test_changes_name_files_and_assets(bench: Workbench) -> None:
    changes = opened(bench).changes(since=1)
    assert list(changes) == [
        FileChange("changed", "images/remote_assets.csv", None),
        FileChange("changed", "labels/d1/1.txt", "as_001"),
        FileChange("removed", "labels/d2/2.txt", "as_002"),
    ]
    assert (changes.assets.changed, changes.assets.removed) == (("as_001",), ("as_002",))
    assert changes.backwards().paths("added") == ("labels/d2/2.txt",)
    assert len(opened(bench).changes(since=3)) == 0


def test_changes_from_a_generation_that_the_chain_does_not_reach_are_unknown(
    bench: Workbench,
) -> None:
    export = opened(bench)
    with pytest.raises(ChangesUnknown, match="at generation 3: there is no generation 4"):
        export.changes(since=4)
    manifest = export.manifest.model_copy(
        update={"recent_deltas": export.manifest.recent_deltas[1:]}
    )
    with pytest.raises(ChangesUnknown, match="reach back to generation 2, and not to 1"):
        PublishedExport(bench.objects, manifest).changes(since=1)


def test_a_broken_chain_is_not_followed(bench: Workbench) -> None:
    first, second = bench.manifest("yolo").recent_deltas
    strange = second.model_copy(update={"from_version": "of-others.zip"})
    manifest = bench.manifest("yolo").model_copy(update={"recent_deltas": (first, strange)})
    with pytest.raises(ChangesUnknown, match="reach back to generation 2"):
        PublishedExport(bench.objects, manifest).changes(since=1)


def test_changes_since_another_lineage_are_unknown_by_number_and_compared_by_files(
    bench: Workbench,
) -> None:
    before = opened(bench)
    kept = dict(bench.objects.stored)
    purge(bench)
    del bench.kili.assets["as_003"]
    bench.rebuild()
    after = opened(bench)
    with pytest.raises(ChangesUnknown, match="of another lineage"):
        after.changes(since=before.generation)
    with pytest.raises(GenerationExpired):
        after.changes(since=before)
    bench.objects.stored = {**kept, **bench.objects.stored}
    assert after.changes(since=before).paths("removed") == ("labels/d0/3.txt",)
    assert after.changes(since=before).assets.removed == ("as_003",)


def test_a_snapshot_is_read_as_it_was(bench: Workbench) -> None:
    before = unpacked(opened(bench))
    take_snapshot(bench.objects, "proj1", "yolo", "v1")
    remove(bench, 5)
    export = opened(bench)
    assert unpacked(export.at("v1")) == before
    assert list(export.snapshots()) == ["v1"]
    assert export.changes(since=export.at("v1")).paths("removed") == ("labels/d2/5.txt",)
    assert export.at("v1").changes(since=export).paths("added") == ("labels/d2/5.txt",)
    assert export.at("v1").changes(since=1).assets.removed == ("as_002",)


def test_a_snapshot_behind_the_chain_is_compared_file_by_file(bench: Workbench) -> None:
    take_snapshot(bench.objects, "proj1", "yolo", "v1")
    remove(bench, 5)
    change(bench, 4)
    manifest = bench.manifest("yolo")
    short = manifest.model_copy(update={"recent_deltas": manifest.recent_deltas[-1:]})
    export = PublishedExport(bench.objects, short)
    changes = export.changes(since=export.at("v1"))
    assert changes.paths("removed") == ("labels/d2/5.txt",)
    assert changes.paths("changed") == ("images/remote_assets.csv", "labels/d1/4.txt")
    assert (changes.assets.changed, changes.assets.removed) == (("as_004",), ("as_005",))


def test_the_history_says_what_each_generation_changed(bench: Workbench) -> None:
    take_snapshot(bench.objects, "proj1", "yolo", "v1")
    latest, second, first = opened(bench).history()
    assert (latest.generation, latest.removed, latest.changed) == (3, 1, 1)
    assert (second.generation, second.removed, second.changed) == (2, 0, 1)
    assert (latest.files, second.files, first.files) == tuple(
        len(bench.files("yolo")) + more for more in _more(bench)
    )
    assert (latest.snapshots, first.generation, first.added) == (("v1",), 1, None)
    assert latest.published_at is not None
    assert second.bytes == bench.manifest("yolo").recent_deltas[0].size


def _more(bench: Workbench) -> tuple[int, int, int]:
    """How many files more than its archive each generation has: without deltas it is rewritten."""
    return (-1, 0, 0) if bench.rewriting is SELDOM else (0, 1, 1)


def test_a_generation_that_expired_is_a_clear_error(bench: Workbench, tmp_path: Path) -> None:
    export = opened(bench)
    path = next(export.files("labels/**")).path
    export.open(path)
    for number in range(6, 9):
        remove(bench, number)
    bench.run(sorted(bench.kili.assets), mode="rebuild")
    change(bench, 3, left=0.9)
    _expire(bench)
    for read in (
        lambda: export.open(path),
        lambda: list(export.contents()),
        lambda: export.pull(io.BytesIO()),
        lambda: export.sync(tmp_path),
        lambda: list(opened_again(export).files()),
    ):
        with pytest.raises(GenerationExpired, match="Generation 3 of export 'yolo'"):
            read()
    assert unpacked(export.latest()) == unpacked(opened(bench))


def opened_again(export: PublishedExport) -> PublishedExport:
    return PublishedExport(export._objects, export.manifest)


def _expire(bench: Workbench) -> None:
    """Deletes all that only former generations need."""
    bench.clock.advance(7200)
    none = timedelta(0)
    rules = RetentionRules(generations=0, recent=none, ledgers=none)
    for name in bench.options:
        ApplyRetention(bench.objects, bench.clock, rules).delete_expired("proj1", name)


def test_a_sync_brings_the_generation_that_was_opened(bench: Workbench, tmp_path: Path) -> None:
    export = opened(bench)
    remove(bench, 5)
    result = export.sync(tmp_path)
    assert files_in(tmp_path) == unpacked(export)
    assert set(result.change.paths("write")) == set(unpacked(export))
    assert [*opened(bench).sync(tmp_path).change.paths("remove")] == ["labels/d2/5.txt"]


@pytest.mark.parametrize("place", ["s3://bucket/prefix", Path("s3://bucket/prefix")])
def test_no_folder_is_named_like_an_address(
    bench: Workbench, place: str | Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidConfiguration):
        opened(bench).sync(place)
    assert list(tmp_path.iterdir()) == []


class ReadersObjects:
    """What readers of `exports/` alone get of a bucket."""

    def __init__(self, bench: Workbench) -> None:
        self._objects = bench.objects

    def __getattr__(self, name: str) -> object:
        method = getattr(self._objects, name)

        def call(key: str, *arguments: object, **named: object) -> object:
            if not key.startswith("exports/"):
                raise AccessDenied(f"{key} is not for readers")
            return method(key, *arguments, **named)

        return call


@pytest.mark.parametrize("version", ["0.1", "with a files table"])
def test_readers_of_exports_alone_sync_too(bench: Workbench, tmp_path: Path, version: str) -> None:
    objects: object = ReadersObjects(bench)
    manifest = bench.manifest("yolo")
    if version == "0.1":
        manifest = manifest.model_copy(update={"files": ()})
    export = PublishedExport(objects, manifest)  # type: ignore[arg-type]
    assert export.sync(tmp_path).fetched == len(unpacked(export))
    (tmp_path / "data.yaml").write_text("changed")
    assert export.sync(tmp_path).fetched == 1
    assert files_in(tmp_path) == unpacked(export)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["change", "add", "remove", "full", "open", "snapshot", "expire", "name"]),
        st.integers(0, 11),
    ),
    min_size=4,
    max_size=14,
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    steps=STEPS, seldom=st.booleans(), listed=st.booleans(), name=st.sampled_from(["yolo", "coco"])
)
def test_all_ways_of_reading_agree_over_random_histories(
    steps: list[tuple[str, int]], *, seldom: bool, listed: bool, name: str
) -> None:
    bench = Workbench(two_jobs(), {"yolo": OPTIONS["yolo"], "coco": OPTIONS["coco"]})
    if seldom:
        bench.rewriting = SELDOM
    for number in range(6):
        bench.kili.assets[f"as_{number:03d}"] = labelled(number, f"{number}.jpg", 0.2)
    bench.rebuild()
    held = [(opened(bench, name), unpacked(opened(bench, name)))]
    with TemporaryDirectory() as folder:
        for at, (step, number) in enumerate(steps):
            _take(bench, name, step, number, at)
            if step == "open":
                held.append((opened(bench, name), unpacked(opened(bench, name))))
            if step in {"open", "full"}:
                opened(bench, name).sync(folder, verify=step == "full")
                assert files_in(Path(folder)) == unpacked(opened(bench, name))
    now = opened(bench, name)
    files = unpacked(now)
    for export, before in held:
        _check_files(export if listed else _as_of_version_0_1(export), before)
        _check_changes(now, export, (before, files))


def _as_of_version_0_1(export: PublishedExport) -> PublishedExport:
    """The same without a files table."""
    manifest = export.manifest.model_copy(update={"files": ()})
    return PublishedExport(export._objects, manifest)


def _take(bench: Workbench, name: str, step: str, number: int, at: int) -> None:
    key = f"as_{number:03d}"
    if step in {"change", "add", "name"}:
        path = f"moved/{number}.jpg" if step == "name" else f"{number}.jpg"
        bench.kili.assets[key] = labelled(number, path, 0.2 + 0.03 * at)
        bench.run([key])
    elif step == "remove" and key in bench.kili.assets:
        del bench.kili.assets[key]
        bench.run([key])
    elif step == "full":
        bench.rebuild()
    elif step == "snapshot":
        take_snapshot(bench.objects, "proj1", name, f"at-{at}")
    elif step == "expire":
        _expire(bench)


def _check_files(export: PublishedExport, files: dict[str, bytes]) -> None:
    try:
        found = {file.path: export.open(file.path).read() for file in export.files()}
        assert found == files
        assert {file.path: data for file, data in export.contents("**/*.txt")} == {
            path: data for path, data in files.items() if path.endswith(".txt")
        }
    except GenerationExpired:
        stored = export._objects.stored  # type: ignore[attr-defined]
        manifest = export.manifest
        keys = [manifest.archive.key, *(one.key for one in manifest.deltas)]
        keys += [one.key for one in manifest.files]
        assert not stored.keys() >= set(keys)


def _check_changes(
    now: PublishedExport, since: PublishedExport, sides: tuple[dict[str, bytes], dict[str, bytes]]
) -> None:
    before, after = sides
    for changes in _known_changes(now, since):
        assert set(changes.paths("added")) == after.keys() - before.keys()
        assert set(changes.paths("removed")) == before.keys() - after.keys()
        differ = {path for path in before.keys() & after.keys() if before[path] != after[path]}
        assert differ <= set(changes.paths("changed")) <= before.keys() & after.keys()
        assert changes.statistics == differences(since.statistics, now.statistics)


def _known_changes(now: PublishedExport, since: PublishedExport) -> Iterator[Changes]:
    for asked in (since, since.generation):
        try:
            yield now.changes(since=asked)
        except (ChangesUnknown, GenerationExpired):
            continue


def test_a_file_is_found_without_reading_a_directory(bench: Workbench) -> None:
    export = opened(bench)
    bench.objects.requests.clear()
    data = export.open("labels/d1/1.txt").read()
    assert data == unpacked(export)["labels/d1/1.txt"]
    first, second, *_ = [key for _, key in bench.objects.requests]
    assert ("/files/" in first, "/files/" in second) == (True, False)
