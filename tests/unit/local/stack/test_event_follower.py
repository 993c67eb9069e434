"""What follows Kili's events on one machine: its rounds, and what people hear of failures."""

import threading
from typing import Any

import pytest

from kili_export.core.errors import AccessDenied, ExportError, Unavailable
from kili_export.local.stack import event_follower
from kili_export.local.stack.event_follower import EventFollower


class Outside:
    """Follows projects, and fails where it is told to."""

    def __init__(self, patch: pytest.MonkeyPatch, *projects: str) -> None:
        self.objects = object()
        self.followed: list[str] = []
        self.errors: dict[str, ExportError] = {}
        self.said: list[str] = []
        self.round = threading.Semaphore(0)

        def follow(_: object, project_id: str) -> int:
            self.followed.append(project_id)
            self.round.release()
            if project_id in self.errors:
                raise self.errors[project_id]
            return 0

        patch.setattr(event_follower, "follow_events", follow)
        patch.setattr(event_follower, "registered_projects", lambda _: projects)

    def follower(self, every: float = 3600) -> EventFollower:
        application: Any = self
        return EventFollower(application, every, self.said.append)


def test_one_project_that_fails_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    outside = Outside(monkeypatch, "p1", "p2")
    outside.errors["p1"] = AccessDenied("no right to read")
    outside.follower().follow()
    assert outside.followed == ["p1", "p2"]
    assert outside.said == ["Events of project p1 are not followed: no right to read"]


def test_a_failure_is_said_once_until_it_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    outside = Outside(monkeypatch, "p1")
    follower = outside.follower()
    for reason in ("down", "down", "", "down", "refused"):
        outside.errors = {"p1": Unavailable(reason)} if reason else {}
        follower.follow()
    assert [line.rpartition(" ")[2] for line in outside.said] == ["down", "down", "refused"]


def test_it_follows_at_once_when_it_is_woken_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_follower, "_SHORTEST", 0.0)
    outside = Outside(monkeypatch, "p1")
    follower = outside.follower()
    follower.start()
    assert outside.round.acquire(timeout=30)
    follower.wake()
    assert outside.round.acquire(timeout=30), "an hour would have been waited for"
    follower.stop()
