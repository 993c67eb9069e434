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
from tests.support.fakes import InMemoryObjects


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
