"""The journal of a former version is taken over once."""

import json
from pathlib import Path
from typing import Any

import pytest

from kili_export.core.errors import InvalidConfiguration, InvalidEvent, Unavailable
from kili_export.local.stack.former_state import FormerJournal


class Taker:
    """Notes what it is given; refuses as it is told to."""

    def __init__(self, refusal: Exception | None = None) -> None:
        self.taken: list[Any] = []
        self.refusal = refusal

    def receive(self, body: bytes) -> None:
        self._take(body)

    def request_run(self, project_id: str, full: object) -> None:
        self._take((project_id, full))

    def _take(self, what: object) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.taken.append(what)

    def take_over(self, path: Path) -> list[str]:
        return FormerJournal(path, self.receive, self.request_run).take_over()


def entry(kind: str, body: str = "") -> str:
    return json.dumps({"project_id": "p", "kind": kind, "body": body})


def journal(folder: Path, *lines: str) -> Path:
    path = folder / "journal.jsonl"
    path.write_text("".join(f"{line}\n" for line in lines))
    (folder / "journal.lock").touch()
    return path


def test_events_and_requests_are_taken_over_once(tmp_path: Path) -> None:
    path = journal(tmp_path, entry("webhook", "{}"), entry("run"), entry("full"))
    taker = Taker()
    assert taker.take_over(path) == ["Taken over from a former version: 3 requests."]
    assert taker.taken == [b"{}", ("p", False), ("p", True)]
    assert taker.take_over(path) == []
    assert [one.name for one in tmp_path.iterdir()] == ["journal.taken-over"]


def test_damaged_lines_are_set_aside_and_reported(tmp_path: Path) -> None:
    glued = '{"project_id":"p","ki{"project_id":"p"}'
    path = journal(tmp_path, entry("webhook", "{}"), glued, "[]", '{"kind": 1}')
    told = Taker().take_over(path)
    assert told[0] == "Taken over from a former version: 1 request."
    assert told[1].startswith("3 lines of its journal could not be read")
    assert glued in (tmp_path / "journal.taken-over").read_text()


def test_what_is_no_event_does_not_stop_the_start(tmp_path: Path) -> None:
    told = Taker(InvalidEvent("no")).take_over(journal(tmp_path, entry("webhook", "x")))
    assert told[0].startswith("1 line of its journal could not be read")


def test_a_project_that_was_unregistered_since_is_asked_for_nothing(tmp_path: Path) -> None:
    path = journal(tmp_path, entry("run"))
    Taker(InvalidConfiguration("project p has no exports")).take_over(path)
    assert not path.exists()


def test_what_cannot_be_stored_yet_stays(tmp_path: Path) -> None:
    path = journal(tmp_path, entry("webhook", "{}"))
    with pytest.raises(Unavailable):
        Taker(Unavailable("no room")).take_over(path)
    assert path.exists()
