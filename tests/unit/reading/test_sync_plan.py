"""What has to change in a folder, out of what it holds and what it shall hold."""

from collections.abc import Iterator, Mapping

from hypothesis import given
from hypothesis import strategies as st

from kili_export.archives.stored_archive import StoredArchive
from kili_export.reading.following_folder import FollowedFile, FollowedFiles
from kili_export.reading.sync_plan import Plan, plan_change
from kili_export.reading.sync_sources import WantedFile, WantedFiles
from kili_export.splicing.central_directory import Directory
from kili_export.splicing.entry_record import Record
from kili_export.splicing.regions import Regions
from kili_export.splicing.upload_parts import Source
from kili_export.storage.external_sort import SortedDocuments
from tests.support.fakes import InMemoryObjects

DAMAGED = "damaged"
PATHS = st.text("ab/é😀-", min_size=1, max_size=4)
FILES = st.dictionaries(PATHS, st.sampled_from("123"))


def by_path(files: Mapping[str, str]) -> list[tuple[str, str]]:
    return sorted(files.items(), key=lambda file: file[0].encode())


def held(files: Mapping[str, str], damaged: frozenset[str] = frozenset()) -> FollowedFiles:
    def read() -> Iterator[tuple[bytes, FollowedFile]]:
        for path, digest in by_path(files):
            yield path.encode(), FollowedFile(digest, 0, path in damaged)

    return FollowedFiles(None, len(files), bool(damaged), read)


def planned(
    have: Mapping[str, str], want: Mapping[str, str], damaged: str = "", foreign: str = ""
) -> Plan:
    strangers = SortedDocuments()
    for path in foreign.split():
        strangers.add(path)
    wanted = WantedFiles("archive", [WantedFile(*file) for file in by_path(want)])
    return plan_change(held(have, frozenset(damaged.split())), wanted, strangers)


def written(plan: Plan) -> dict[str, str]:
    return {step.path: step.digest for step in plan.change.steps("write")}


def test_only_what_differs_is_written_and_only_own_files_are_removed() -> None:
    have = {"same": "1", "other": "1", "damaged": "1", "gone": "1"}
    want = {"same": "1", "other": "2", "damaged": "1", "new": "1"}
    plan = planned(have, want, damaged="damaged", foreign="mine new")
    assert written(plan) == {"other": "2", "damaged": "1", "new": "1"}
    assert [*plan.change.paths("remove")] == ["gone", "mine"]
    assert plan.files == 4
    assert not planned(have, have).change


@given(FILES, FILES)
def test_a_change_leads_from_any_files_to_any_others(
    have: dict[str, str], want: dict[str, str]
) -> None:
    plan = planned(have, want)
    removed = set(plan.change.paths("remove"))
    after = {path: digest for path, digest in have.items() if path not in removed}
    assert {**after, **written(plan)} == want
    assert all(have.get(path) != digest for path, digest in written(plan).items())
    assert plan.files == len(want)
    steps = [step.path.encode() for step in plan.change.steps()]
    assert steps == sorted(steps)


def test_a_step_comes_back_as_it_was_kept() -> None:
    source = Source("exports/p/e/a.zip", "etag", 100)
    archive = StoredArchive(InMemoryObjects(), source, Directory.empty(), Regions(0, 0, 0))
    place = Record("a.txt", "as_1", 1, 2, 3, 8, 4, 50, 0x58210000)
    wanted = WantedFiles("archive", [WantedFile("a.txt", "1", (archive, place))])
    plan = plan_change(held({"a.txt": "2"}), wanted, SortedDocuments())
    [step] = plan.change.steps()
    assert plan.archives == [archive]
    assert step.place == (0, Record("a.txt", "", 1, 2, 3, 8, 4, 50, 0x58210000))
    assert (step.kind, step.is_ours, step.is_damaged) == ("write", True, False)
    assert step.date == wanted.files[0].date  # type: ignore[index]


def test_a_date_alone_is_given_where_it_is_known() -> None:
    source = Source("exports/p/e/a.zip", "etag", 100)
    archive = StoredArchive(InMemoryObjects(), source, Directory.empty(), Regions(0, 0, 0))
    file = WantedFile("a.txt", "1", (archive, Record("a.txt", "", 1, 2, 3, 8, 4, 50)))
    plan = plan_change(held({"a.txt": "1"}), WantedFiles("archive", [file]), SortedDocuments())
    [step] = plan.change.steps()
    assert (step.kind, step.date) == ("date", file.date)
    assert not planned({"a.txt": "1"}, {"a.txt": "1"}).change
