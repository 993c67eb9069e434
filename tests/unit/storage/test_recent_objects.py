"""What a process keeps of objects that never change: little, and not for long."""

from kili_export.storage.object_store import StoredObject
from kili_export.storage.recent_objects import LARGEST, RecentObjects
from tests.support.fakes import ManualClock


def test_the_beginning_of_an_object_is_found_by_its_etag() -> None:
    recent = RecentObjects(ManualClock())
    recent.keep("a", '"1"', b"0123456789")

    assert recent.find("a", '"1"', 2, 3) == b"234"
    assert recent.find("a", '"1"', 0, 10) == b"0123456789"
    assert recent.find("a", '"1"', 8, 3) is None, "the end is not known"
    assert recent.find("a", '"2"', 2, 3) is None
    assert recent.find("b", '"1"', 2, 3) is None


def test_what_lies_within_a_range_is_found() -> None:
    recent = RecentObjects(ManualClock())
    recent.keep("a", "e", b"0123")
    recent.keep("a", "e", b"6789", 6)

    assert recent.find("a", "e", 6, 4) == b"6789"
    assert recent.find("a", "e", 7, 2) == b"78"
    assert recent.find("a", "e", 1, 3) == b"123"
    assert recent.find("a", "e", 6, 5) is None
    assert recent.find("a", "e", 5, 2) is None
    assert recent.find("a", "e", 3, 4) is None, "ranges are not joined"
    recent.keep("a", "e", b"0123456789")
    assert recent.find("a", "e", 3, 4) == b"3456"


def test_a_range_that_went_is_not_found() -> None:
    recent = RecentObjects(ManualClock(), most=8)
    recent.keep("a", "e", b"0123")
    recent.keep("a", "e", b"6789", 6)
    recent.keep("a", "e", b"67890", 6)
    assert recent.find("a", "e", 0, 4) is None
    assert recent.find("a", "e", 6, 5) == b"67890"
    recent.clear()
    assert recent.find("a", "e", 6, 5) is None


def test_the_oldest_go_where_there_is_no_room() -> None:
    recent = RecentObjects(ManualClock(), most=10)
    for key in "abc":
        recent.keep(key, "e", b"0123")
    recent.keep("c", "e", b"01234")
    recent.keep("d", "e", b"0123456789-")

    kept = [key for key in "abcd" if recent.find(key, "e", 0, 4)]
    assert kept == ["b", "c"], "ten bytes altogether, and none of what is larger"


def test_of_a_large_object_nothing_is_kept() -> None:
    recent = RecentObjects(ManualClock())
    recent.keep("a", "e", bytes(LARGEST + 1))
    assert recent.find("a", "e", 0, 1) is None


def test_all_of_it_goes_after_an_hour() -> None:
    clock = ManualClock()
    recent = RecentObjects(clock)
    recent.keep("a", "e", b"0123")
    recent.note(StoredObject("latest", "e", 4))
    clock.advance(3600)
    assert recent.find("a", "e", 0, 4)
    assert recent.noted("latest")
    clock.advance(1)
    assert recent.find("a", "e", 0, 4) is None
    assert recent.noted("latest") is None


def test_what_was_written_is_known_until_it_is_forgotten() -> None:
    recent = RecentObjects(ManualClock())
    first, second = StoredObject("latest", "1", 4), StoredObject("latest", "2", 4)
    recent.note(first)
    recent.note(second)
    assert recent.noted("latest") == second
    recent.forget("latest")
    assert recent.noted("latest") is None
    recent.note(first)
    recent.keep("a", "e", b"0123")
    recent.clear()
    assert (recent.noted("latest"), recent.find("a", "e", 0, 4)) == (None, None)
