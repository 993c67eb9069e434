import random
import zipfile
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from kili_export.core.errors import IntegrityError
from kili_export.splicing.addition import AddedEntries
from kili_export.splicing.archive_reader import fetch_from, read_archive, read_entry
from kili_export.splicing.central_directory import Directory
from kili_export.splicing.entries import encode_entry
from kili_export.splicing.regions import Gap, Region, Regions, lay_out
from kili_export.splicing.splice import BaseArchive, splice
from kili_export.splicing.upload_parts import CopyRange, InlineBytes, Source
from tests.support.archive_readers import sha256, walk_local_headers
from tests.unit.splicing.simple_archives import (
    CONTENTS,
    NAMES,
    additions_of,
    base_of,
    full_archive,
    region_of,
    render,
    segment,
)

FILES = st.dictionaries(NAMES, CONTENTS, max_size=12)


def contents(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(BytesIO(archive)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def batches_of(files: dict[str, bytes], cuts: random.Random) -> list[dict[str, bytes]]:
    """The same files in another order and in several batches."""
    shuffled = list(files.items())
    cuts.shuffle(shuffled)
    count = cuts.randint(1, 4)
    return [dict(shuffled[number::count]) for number in range(count)]


class SplicedArchive(RuleBasedStateMachine):
    """An archive through a long life, beside the files that it must hold."""

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, bytes] = {}
        self.archive = b""
        self.base: BaseArchive | None = None

    @initialize(files=FILES)
    def begin(self, files: dict[str, bytes]) -> None:
        self._splice([], files, random.Random(0))

    @rule(data=st.data(), coming=FILES, cuts=st.randoms(use_true_random=False))
    def change(self, data: st.DataObject, coming: dict[str, bytes], cuts: random.Random) -> None:
        known = sorted(self.files)
        going = data.draw(st.lists(st.sampled_from(known), unique=True)) if known else []
        edited = data.draw(st.lists(st.sampled_from(known), unique=True)) if known else []
        self._splice(going, {**coming, **dict.fromkeys(edited, b"edited" * 9)}, cuts)

    @rule(data=st.data(), to=NAMES)
    def rename(self, data: st.DataObject, to: str) -> None:
        if self.files:
            path = data.draw(st.sampled_from(sorted(self.files)))
            self._splice([path], {to: self.files[path]}, random.Random(0))

    @rule()
    def remove_everything(self) -> None:
        self._splice(list(self.files), {}, random.Random(0))

    def _splice(self, going: list[str], coming: dict[str, bytes], cuts: random.Random) -> None:
        objects: dict[str, bytes] = {"base": self.archive}
        additions = additions_of(batches_of(coming, cuts), keep=objects)
        plan = splice(self.base, going, additions)
        self.archive = render(plan.pieces, objects)
        self.base = base_of("base", self.archive, plan)
        assert len(self.archive) == plan.size
        assert all(piece.length for piece in plan.pieces), "a piece of nothing"
        for path in going:
            self.files.pop(path)
        self.files.update(coming)

    @invariant()
    def every_reader_finds_exactly_the_files(self) -> None:
        if self.base is None:
            return
        assert contents(self.archive) == self.files
        forwards = walk_local_headers(self.archive)
        assert forwards == {path: sha256(data) for path, data in self.files.items()}

    @invariant()
    def it_is_read_back_as_it_was_planned(self) -> None:
        if self.base is None:
            return
        index = read_archive(fetch_from(self.archive), len(self.archive))
        index.directory.verify()
        assert index.directory == self.base.directory
        assert len(index.directory) == len(self.files)
        assert index.entries_size == self.base.regions.documents_end
        for record in index.directory.records():
            assert record.owner == "clx0"
            assert read_entry(fetch_from(self.archive), record) == self.files[record.path]
            start, end = self.base.regions.span(region_of(record.path))
            assert start <= record.offset < record.end <= end


TestSplicedArchive = SplicedArchive.TestCase
TestSplicedArchive.settings = settings(max_examples=60, stateful_step_count=12, deadline=None)


@given(FILES, st.randoms(use_true_random=False))
def test_a_full_archive_does_not_depend_on_its_batches(
    files: dict[str, bytes], cuts: random.Random
) -> None:
    in_order = sorted(files)
    at_once, plan = full_archive({path: files[path] for path in in_order})
    objects: dict[str, bytes] = {}
    cut = cuts.randint(0, len(in_order))
    batches = [{path: files[path] for path in half} for half in (in_order[:cut], in_order[cut:])]
    batched = splice(None, (), additions_of(batches, keep=objects))
    assert render(batched.pieces, objects) == at_once
    assert batched.regions == plan.regions


@given(FILES, st.data())
def test_no_byte_of_what_is_removed_stays(files: dict[str, bytes], data: st.DataObject) -> None:
    secret = b"the one thing that must go"
    entry_paths = sorted(files) or ["only"]
    path = data.draw(st.sampled_from(entry_paths))
    archive, plan = full_archive({**files, path: secret})
    for changed in (
        splice(base_of("base", archive, plan), [path], []),
        splice(
            base_of("base", archive, plan),
            [],
            [AddedEntries.inline(segment({path: b"replaced"}), region_of(path))],
        ),
    ):
        assert secret in archive
        assert secret not in render(changed.pieces, {"base": archive})


def test_nothing_to_do_gives_the_same_archive() -> None:
    archive, plan = full_archive({"a": b"1", "bb": b"2", "ccc": b"3"})
    unchanged = splice(base_of("base", archive, plan), [], [])
    assert render(unchanged.pieces, {"base": archive}) == archive


def test_the_archive_of_nothing_is_an_end_record() -> None:
    plan = splice(None, [], [])
    archive = render(plan.pieces, {})
    assert (len(archive), contents(archive), len(plan.directory)) == (22, {}, 0)


def test_unchanged_neighbours_are_one_piece() -> None:
    files = {f"labels/{number:05d}.txt": b"x" for number in range(1000)}
    made = segment(files)
    plan = splice(None, [], [AddedEntries.inline(made, Region.LABELS)])
    assert len(plan.pieces) == 3
    base = BaseArchive(Source("base", "etag", plan.size), plan.directory, plan.regions)
    record = plan.directory.find("labels/00500.txt")
    assert record is not None
    edited = splice(base, ["labels/00500.txt"], [])
    copied = [piece for piece in edited.pieces if isinstance(piece, CopyRange)]
    assert copied == [
        CopyRange(base.source, 0, record.offset),
        CopyRange(base.source, record.end, plan.regions.labels_end - record.end),
    ]


def test_segments_that_follow_each_other_in_one_object_are_one_piece() -> None:
    first, second = segment({"a": b"1", "c": b"3"}), segment({"d": b"4"})
    source = Source("batch", "etag", 1000)
    additions = [
        AddedEntries.stored(source, 10, len(first.body), first.directory, Region.LABELS),
        AddedEntries.stored(
            source, 10 + len(first.body), len(second.body), second.directory, Region.LABELS
        ),
    ]
    pieces = splice(None, [], additions).pieces
    assert pieces[0] == CopyRange(source, 10, len(first.body) + len(second.body))
    assert all(isinstance(piece, InlineBytes) for piece in pieces[1:])


def test_segments_stay_whole_whatever_their_names_are() -> None:
    segments = [segment({"a": b"1", "z": b"2"}), segment({"m": b"3", "b": b"4"})]
    sources = [Source(f"batch-{number}", "etag", 1000) for number in range(2)]
    additions = [
        AddedEntries.stored(source, 7, len(made.body), made.directory, Region.MEDIA)
        for source, made in zip(sources, segments, strict=True)
    ]
    assert splice(None, [], additions).pieces[:2] == [
        CopyRange(source, 7, len(made.body)) for source, made in zip(sources, segments, strict=True)
    ]


def test_a_removal_that_is_not_there_is_an_error() -> None:
    archive, plan = full_archive({"a": b"1"})
    with pytest.raises(IntegrityError, match="not in the archive: 'b'"):
        splice(base_of("base", archive, plan), ["b"], [])
    with pytest.raises(IntegrityError, match="not in the archive"):
        splice(None, ["a"], [])


def test_two_additions_of_one_name_are_an_error() -> None:
    additions = [AddedEntries.inline(segment({"a": data}), Region.LABELS) for data in (b"1", b"2")]
    with pytest.raises(IntegrityError, match="two additions are named 'a'"):
        splice(None, [], additions)


def test_removing_what_is_also_added_replaces_it() -> None:
    archive, plan = full_archive({"a": b"1"})
    addition = AddedEntries.inline(segment({"a": b"2"}), Region.DOCUMENTS)
    replaced = splice(base_of("base", archive, plan), ["a", "a"], [addition])
    assert contents(render(replaced.pieces, {"base": archive})) == {"a": b"2"}
    assert replaced.regions.labels_end == 0


@pytest.mark.parametrize("length", [0, 10, 1000])
def test_a_segment_with_bytes_that_no_record_names_is_an_error(length: int) -> None:
    made = segment({"a": b"1"})
    assert len(made.body) not in {0, 10, 1000}
    with pytest.raises(IntegrityError):
        splice(None, [], [AddedEntries(made.directory, Region.LABELS, length, data=made.body)])


def test_a_directory_that_is_not_sorted_is_an_error() -> None:
    raw = [Directory.from_entries([encode_entry(path, b"")]).raw[:] for path in ("b", "a")]
    unsorted = Directory(b"".join(raw), 2)
    with pytest.raises(IntegrityError, match="not sorted"):
        splice(None, [], [AddedEntries(unsorted, Region.LABELS, 62, data=bytes(62))])


@given(st.integers(1, 66), st.sampled_from(["a", "b"]))
def test_a_directory_that_is_cut_off_is_an_error(missing: int, removed: str) -> None:
    archive, plan = full_archive({"a": b"1", "b": b"2"})
    broken = Directory(bytes(plan.directory.raw[:])[:-missing], 2)
    base = BaseArchive(Source("base", "etag", len(archive)), broken, plan.regions)
    assert len(plan.directory.raw) == 2 * 67
    with pytest.raises(IntegrityError):
        splice(base, [removed], [])


def test_regions_that_do_not_fit_the_directory_are_an_error() -> None:
    archive, plan = full_archive({"a": b"1", "b": b"2"})
    source = Source("base", "etag", len(archive))
    with pytest.raises(IntegrityError):
        splice(BaseArchive(source, plan.directory, Regions(0, 5, 5)), ["b"], [])
    with pytest.raises(IntegrityError):
        Regions(5, 4, 6)


def test_holes_that_overlap_are_an_error() -> None:
    with pytest.raises(IntegrityError):
        lay_out(Regions(0, 100, 100), [Gap(10, 20), Gap(25, 5)], {})
