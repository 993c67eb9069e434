"""What is held is read as if it were stored, and is stored when asked for."""

import io

import pytest

from kili_export.core.errors import ConflictError, IntegrityError
from kili_export.splicing.upload_parts import (
    BufferPart,
    CopyPart,
    CopyRange,
    InlineBytes,
    Part,
    Source,
)
from kili_export.storage.held_objects import HeldObjects
from kili_export.storage.object_store import StoredObject
from kili_export.storage.recent_objects import RecentObjects
from tests.support.fakes import InMemoryObjects, ManualClock


def front(most: int = 1000) -> tuple[HeldObjects, InMemoryObjects]:
    behind = InMemoryObjects()
    return HeldObjects(behind, "runs/p/", most), behind


def test_what_is_held_makes_no_request_and_reads_as_written() -> None:
    held, behind = front()
    stored = held.put("runs/p/1/plan.json", b"0123456789", if_none_match=True)

    assert held.get("runs/p/1/plan.json", if_match=stored.etag) == (b"0123456789", stored)
    assert held.head("runs/p/1/plan.json") == stored
    assert held.get_range("runs/p/1/plan.json", 2, 3, if_match=stored.etag) == b"234"
    target = io.BytesIO()
    assert held.download("runs/p/1/plan.json", target) == stored
    assert target.getvalue() == b"0123456789"
    assert behind.requests == []


def test_conditions_hold_for_what_is_held() -> None:
    held, _ = front()
    held.put("runs/p/a", b"first")

    with pytest.raises(ConflictError, match="runs/p/a exists"):
        held.put("runs/p/a", b"second", if_none_match=True)
    with pytest.raises(ConflictError, match="runs/p/a is not"):
        held.get("runs/p/a", if_match='"other"')
    with pytest.raises(IntegrityError, match="no 9 bytes at 0"):
        held.get_range("runs/p/a", 0, 9)


def test_what_is_held_stays_when_a_write_on_condition_fails() -> None:
    held, behind = front()
    stored = held.put("runs/p/a", b"first")

    with pytest.raises(ConflictError):
        held.put("runs/p/a", b"second", if_match='"other"')
    assert held.get("runs/p/a") == (b"first", stored)
    held.store()
    assert behind.stored["runs/p/a"][0] == b"first"


@pytest.mark.parametrize("key", ["state/p/x", "runs/other/x"])
def test_everything_else_goes_to_the_store_behind(key: str) -> None:
    held, behind = front()
    stored = held.put(key, b"data", metadata={"plan": "1"}, content_type="text/plain")

    assert behind.stored[key] == (b"data", stored)
    assert held.get(key) == (b"data", stored)
    held.delete([key])
    assert held.head(key) is None


def test_what_does_not_fit_goes_to_the_store_behind() -> None:
    held, behind = front(most=8)
    held.put("runs/p/a", b"12345")
    held.put("runs/p/b", b"6789")

    assert behind.stored.keys() == {"runs/p/b"}
    held.put("runs/p/a", b"longer than what was held")
    got = held.get("runs/p/a")
    assert got is not None
    assert got[0] == b"longer than what was held"


def test_storing_writes_in_order_and_holds_nothing_any_more() -> None:
    held, behind = front()
    for name in ("work", "marks", "plan"):
        held.put(f"runs/p/{name}", name.encode())
    held.store()
    held.put("runs/p/later", b"later")

    written = [key for operation, key in behind.requests if operation == "put"]
    assert written == ["runs/p/work", "runs/p/marks", "runs/p/plan", "runs/p/later"]
    assert {key: data for key, (data, _) in behind.stored.items()} == {
        "runs/p/work": b"work",
        "runs/p/marks": b"marks",
        "runs/p/plan": b"plan",
        "runs/p/later": b"later",
    }


def source(stored: StoredObject) -> Source:
    return Source(stored.key, stored.etag, stored.size)


def test_a_stored_object_is_composed_of_held_ones_too() -> None:
    held, behind = front()
    kept = source(held.put("runs/p/held", b"abcdef"))
    other = source(held.put("exports/p/other", b"uvwxyz"))
    parts: list[Part] = [
        CopyPart(other, 1, 2),
        BufferPart((InlineBytes(b"-"), CopyRange(kept, 0, 2), CopyRange(other, 5, 1))),
        CopyPart(kept, 3, 3),
    ]

    held.compose("exports/p/archive.zip", parts, plan="digest")

    assert behind.stored["exports/p/archive.zip"][0] == b"vw-abzdef"
    assert held.composed("exports/p/archive.zip", "digest") is not None
    with pytest.raises(ConflictError):
        held.compose("exports/p/x.zip", [CopyPart(Source(kept.key, '"old"', 6), 0, 6)])


def test_lists_name_held_and_stored_objects_by_key() -> None:
    held, behind = front()
    behind.put("runs/p/b", b"b")
    held.put("runs/p/c", b"c")
    held.put("runs/p/a", b"a")

    assert [one.key for one in held.list("runs/p/")] == ["runs/p/a", "runs/p/b", "runs/p/c"]
    held.delete(["runs/p/a", "runs/p/b"])
    assert [one.key for one in held.list("runs/")] == ["runs/p/c"]
    assert [one.key for one in held.list("exports/")] == []
    assert ("delete", "runs/p/a") not in behind.requests


def remembering() -> tuple[HeldObjects, InMemoryObjects]:
    behind = InMemoryObjects()
    return HeldObjects(behind, "runs/p/", remembers=lambda key: key == "state/p"), behind


def test_what_is_remembered_is_asked_for_once_also_where_there_is_nothing() -> None:
    held, behind = remembering()
    assert held.get("state/p") is None
    assert held.get("state/p") is None
    stored = held.put("state/p", b"one", if_none_match=True)
    assert held.get("state/p") == (b"one", stored)
    assert behind.requests == [("get", "state/p"), ("put", "state/p")]
    held.get("state/q")
    held.get("state/q")
    assert behind.requests[2:] == [("get", "state/q")] * 2


def test_a_write_that_fails_has_what_is_remembered_asked_for_again() -> None:
    held, behind = remembering()
    first = held.put("state/p", b"one")
    theirs = behind.put("state/p", b"theirs")

    with pytest.raises(ConflictError):
        held.put("state/p", b"two", if_match=first.etag)
    assert held.get("state/p") == (b"theirs", theirs)
    with pytest.raises(ConflictError):
        held.get("state/p", if_match=first.etag)
    held.delete(["state/p"])
    assert held.get("state/p") is None


TABLE, ETAG = "state/p/t.table", '"0"'


def recalling(recent: RecentObjects, behind: InMemoryObjects) -> HeldObjects:
    """What one run works on, of several in one process."""
    return HeldObjects(
        behind,
        "runs/p/",
        recent=recent,
        is_immutable=lambda key: key.endswith(".table"),
        rewrites=lambda key: key.endswith("latest"),
    )


def test_the_next_run_takes_what_never_changes_from_memory() -> None:
    recent, behind = RecentObjects(ManualClock()), InMemoryObjects()
    etag = behind.put(TABLE, b"0123456789").etag
    assert recalling(recent, behind).get_range(TABLE, 0, 6, if_match=etag) == b"012345"
    behind.requests.clear()

    held = recalling(recent, behind)
    assert held.get_range(TABLE, 2, 3, if_match=etag) == b"234"
    held.compose("state/p/u.table", [BufferPart((piece(TABLE, etag, 1, 4), InlineBytes(b"-")))])
    assert behind.requests == [("compose", "state/p/u.table")]
    assert behind.bytes_down == 6
    written = behind.stored["state/p/u.table"]
    assert written[0] == b"1234-"

    after = recalling(recent, behind)
    assert after.get_range("state/p/u.table", 0, 5, if_match=written[1].etag) == b"1234-"
    assert len(behind.requests) == 1


def test_of_an_object_that_is_partly_copied_the_rest_is_known() -> None:
    recent, behind = RecentObjects(ManualClock()), InMemoryObjects()
    etag = behind.put(TABLE, b"0123456789").etag
    ends = (InlineBytes(b"<"), piece(TABLE, etag, 2, 5), InlineBytes(b"6"), InlineBytes(b"7>"))
    stored = recalling(recent, behind).compose("state/p/u.table", [BufferPart(ends)])
    assert behind.stored[stored.key][0] == b"<2345667>"
    behind.requests.clear()

    after = recalling(recent, behind)
    assert after.get_range(stored.key, 7, 2, if_match=stored.etag) == b"7>"
    assert after.get_range(stored.key, 0, 1, if_match=stored.etag) == b"<"
    assert behind.requests == []
    assert after.get_range(stored.key, 5, 4, if_match=stored.etag) == b"667>"
    assert len(behind.requests) == 1


def test_what_is_there_is_asked_once_until_it_is_written() -> None:
    recent, behind = RecentObjects(ManualClock()), InMemoryObjects()
    theirs = behind.put("p/latest", b"theirs")
    held = recalling(recent, behind)
    assert [held.head("p/latest"), held.head("p/latest")] == [theirs, theirs]
    assert held.head("state/q") is None
    assert behind.requests[1:] == [("head", "p/latest"), ("head", "state/q")]

    newer = behind.put("p/latest", b"newer")
    with pytest.raises(ConflictError):
        held.compose("p/latest", [BufferPart((InlineBytes(b"ours"),))], if_match=theirs.etag)
    assert held.head("p/latest") == newer
    ours = held.compose("p/latest", [BufferPart((InlineBytes(b"ours"),))], if_match=newer.etag)
    held.delete(["p/other"])
    assert held.head("p/latest") == ours
    held.delete(["p/latest"])
    assert held.head("p/latest") is None


def piece(key: str, etag: str, start: int, length: int) -> CopyRange:
    return CopyRange(Source(key, etag, 10), start, length)


def test_what_is_not_known_for_sure_is_read_again() -> None:
    recent, behind = RecentObjects(ManualClock()), InMemoryObjects()
    etag = behind.put(TABLE, b"0123456789").etag
    changing = behind.put("state/p/x", b"0123456789").etag
    held = recalling(recent, behind)
    held.get_range(TABLE, 3, 3, if_match=etag)
    held.get_range(TABLE, 0, 3)
    held.get_range("state/p/x", 0, 3, if_match=changing)
    behind.requests.clear()

    for key, start, match in ((TABLE, 4, etag), (TABLE, 0, None), ("state/p/x", 0, changing)):
        held.get_range(key, start, 3, if_match=match)
    with pytest.raises(ConflictError):
        held.get_range(TABLE, 0, 3, if_match=ETAG)
    assert len(behind.requests) == 4

    held.get_range(TABLE, 0, 3, if_match=etag)
    held.forget()
    behind.requests.clear()
    held.get_range(TABLE, 0, 3, if_match=etag)
    assert len(behind.requests) == 1


def test_a_copy_of_what_is_not_at_hand_leaves_nothing_behind() -> None:
    recent, behind = RecentObjects(ManualClock()), InMemoryObjects()
    etag = behind.put(TABLE, b"0123456789").etag
    held = recalling(recent, behind)
    made = held.compose("state/p/u.table", [CopyPart(Source(TABLE, etag, 10), 0, 10)])
    behind.requests.clear()
    assert held.get_range("state/p/u.table", 0, 10, if_match=made.etag) == b"0123456789"
    assert len(behind.requests) == 1


def test_what_was_written_last_is_known_until_a_write_fails() -> None:
    recent, behind = RecentObjects(ManualClock()), InMemoryObjects()
    held = recalling(recent, behind)
    first = held.compose("latest", [BufferPart((InlineBytes(b"1"),))], if_none_match=True)
    behind.requests.clear()
    assert recalling(recent, behind).head("latest") == first
    assert behind.requests == []

    theirs = behind.put("latest", b"2")
    with pytest.raises(ConflictError):
        held.compose("latest", [BufferPart((InlineBytes(b"3"),))], if_match=first.etag)
    assert held.head("latest") == theirs


def test_what_was_deleted_is_known_no_more() -> None:
    recent, behind = RecentObjects(ManualClock()), InMemoryObjects()
    held = recalling(recent, behind)
    held.compose("latest", [BufferPart((InlineBytes(b"1"),))], if_none_match=True)
    held.delete(["latest"])
    assert held.head("latest") is None
