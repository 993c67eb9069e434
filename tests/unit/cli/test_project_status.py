"""What `status` knows of a project, and when `wait` is over."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from kili_export.archives.manifest import DeltaReference, Quarantined
from kili_export.cli.commands import runs
from kili_export.cli.commands.status import _ended, _lines, _where
from kili_export.cli.execution_summary import ExecutionSummary, is_of_project, problem_of
from kili_export.cli.exit_codes import ExitCode
from kili_export.cli.stack_connection import StackConnection
from kili_export.core.bucket_layout import followed_key, manifest_key, registration_key, session_key
from kili_export.core.errors import InvalidConfiguration
from kili_export.maintenance.reconciliation.project_status import (
    FullExportProgress,
    ProjectStatus,
    StatusReader,
)
from kili_export.registration.parse_registration import parse_registration
from kili_export.runs.full_export_session import FullExportSession, SessionExport
from kili_export.runs.held_removals import HeldRemovals
from kili_export.runs.tracked_exports import TrackedExports
from kili_export.wiring.settings import Settings
from tests.support.fakes import (
    NOON,
    InMemoryChanges,
    InMemoryObjects,
    InMemoryProjectState,
    ManualClock,
    RecordingWorkflow,
)
from tests.support.sample_manifest import manifest_of


@pytest.fixture
def reader() -> StatusReader:
    objects, state = InMemoryObjects(), InMemoryProjectState()
    declared = {"project_id": "project", "exports": [{"format": "yolo_v8", "name": "yolo"}]}
    objects.put(registration_key("project"), parse_registration(declared).to_bytes())
    return StatusReader(
        objects, InMemoryChanges(), state, state, RecordingWorkflow(), ManualClock()
    )


def _publish(reader: StatusReader, **fields: Any) -> None:
    reader.objects.put(manifest_key("project", "yolo"), manifest_of(**fields).to_bytes())


def test_an_export_is_unpublished_until_it_has_a_manifest(reader: StatusReader) -> None:
    assert reader.read("project").unpublished == ("yolo",)
    _publish(reader, first_event_at=NOON)
    status = reader.read("project")
    assert status.unpublished == ()
    assert status.exports[0].freshness_seconds == 9.0


def test_the_freshness_of_a_generation_is_never_negative(reader: StatusReader) -> None:
    # As former versions wrote it, when a later run left the generation as it was.
    _publish(reader, first_event_at=NOON + timedelta(minutes=1))
    assert reader.read("project").exports[0].freshness_seconds is None


def test_exports_that_ended_and_have_data_are_listed(reader: StatusReader) -> None:
    _publish(reader)
    reader.objects.put(manifest_key("project", "former"), manifest_of(format="coco").to_bytes())
    assert reader.read("project").ended == ()
    status = reader.read_all("project")
    assert [(one.name, one.format) for one in status.ended] == [("former", "coco")]
    [line] = _ended(status)
    assert "kili-export purge project former" in line


def test_a_project_without_a_registration_is_listed_while_it_has_data(
    reader: StatusReader,
) -> None:
    reader.objects.put(manifest_key("other", "yolo"), manifest_of().to_bytes())
    assert reader.projects() == {"project", "other"}
    status = reader.read_all("other")
    assert (status.exports, [one.name for one in status.ended]) == ((), ["yolo"])
    with pytest.raises(InvalidConfiguration, match="kili-export register other"):
        reader.read("other")
    with pytest.raises(InvalidConfiguration, match="kili-export register nobody"):
        reader.read_all("nobody")


def test_an_export_that_runs_leave_out_is_told_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, reader: StatusReader
) -> None:
    left_out = TrackedExports(left_out={"yolo": "YOLO has no texts"})
    reader.objects.put(followed_key("project"), left_out.to_bytes())
    status = reader.read("project")
    assert "Left out: yolo: YOLO has no texts" in _lines(status)
    outcome = _wait(monkeypatch, _Scene((False, status)))
    assert outcome.reason == "Export yolo was never published: YOLO has no texts."


def test_a_full_export_in_slices_tells_how_far_it_is(reader: StatusReader) -> None:
    assert reader.read("project").full_export is None
    exports = (SessionExport(name="yolo", definition="d", dated="", reason=""),)
    session = FullExportSession(
        session_id="s", exports=exports, listed=23, slices=3, slice_assets=10, position=2
    )
    reader.objects.put(session_key("project"), session.to_bytes())
    status = reader.read("project")
    assert status.full_export == FullExportProgress(("yolo",), done=20, listed=23)
    assert "Full export of yolo: 20 of 23 assets done." in _lines(status)
    done = session.model_copy(update={"position": 3})
    reader.objects.put(session_key("project"), done.to_bytes())
    assert reader.read("project").full_export == FullExportProgress(("yolo",), done=23, listed=23)


def test_an_archive_that_deltas_follow_is_told(reader: StatusReader) -> None:
    delta = DeltaReference(
        key="d.zip",
        etag='"d"',
        size=1,
        generation=2,
        from_generation=1,
        added=0,
        changed=1,
        removed=0,
    )
    _publish(reader, generation=2, deltas=(delta,), recent_deltas=(delta,))
    [line] = [one for one in _lines(reader.read("project")) if "archive" in one]
    assert "of generation 1, followed by 1 delta." in line
    assert "kili-export run project" in line


def test_marks_are_counted_and_those_that_wait_told_apart(reader: StatusReader) -> None:
    for subject in ("asset#a", "asset#b"):
        reader.changes.mark("project", subject, version=subject, at=NOON - timedelta(hours=1))
    first = next(iter(reader.changes.marks("project")))
    reader.changes.postpone([(first, NOON + timedelta(minutes=5))])
    pending = reader.read("project").pending
    assert (pending.count, pending.due, pending.attempts) == (2, 1, 1)
    assert pending.oldest_at == NOON - timedelta(hours=1)


def test_a_lease_counts_only_while_its_execution_runs(reader: StatusReader) -> None:
    taken = reader.leases.take(
        "project", holder="arn", expires_at=NOON + timedelta(hours=1), seen=None
    )
    assert taken is not None
    assert reader.read("project").runner is None


def test_an_unknown_project_names_the_way_out(reader: StatusReader) -> None:
    with pytest.raises(InvalidConfiguration, match="kili-export register other"):
        reader.read("other")


def test_registered_projects_are_listed(reader: StatusReader) -> None:
    assert reader.projects() == {"project"}


@pytest.mark.parametrize(
    ("name", "project", "belongs"),
    [
        ("p-123", "p", True),
        ("p-123-m0123456789abcdef", "p", True),
        ("p-123-s", "p", True),
        ("p-1-123", "p", False),
        ("p-1-123", "p-1", True),
        ("pp-123", "p", False),
        ("p-123-0", "p", False),
    ],
)
def test_executions_belong_to_the_project_that_they_name(
    name: str, project: str, *, belongs: bool
) -> None:
    assert is_of_project(name, project) is belongs


class _Scene:
    """What `wait` sees: a list of moments, the last of which stays."""

    def __init__(self, *moments: tuple[bool, ProjectStatus]) -> None:
        self._moments: Iterator[tuple[bool, ProjectStatus]] = iter(moments)
        self._now = moments[0]
        self.failure: list[ExecutionSummary] = []
        self.damage: dict[str, str] = {}
        self.followed: str | None = None

    def damaged(self, _: ProjectStatus) -> dict[str, str]:
        return self.damage

    def follow(self, name: str) -> None:
        self.followed = name

    def is_any_running(self, _: str) -> bool:
        self._now = next(self._moments, self._now)
        return self._now[0]

    def read(self, _: str) -> ProjectStatus:
        return self._now[1]

    def latest(self, _: str, __: int) -> list[ExecutionSummary]:
        return self.failure


class _Services:
    def __init__(self, scene: _Scene) -> None:
        self.status = scene


def _wait(
    monkeypatch: pytest.MonkeyPatch,
    scene: _Scene,
    seconds: float = 60,
    *,
    clock: ManualClock | None = None,
    deployed: bool = False,
) -> runs.Outcome:
    monkeypatch.setattr(runs, "Executions", lambda _: scene)
    services: Any = _Services(scene)
    local: Any = None if deployed else object()
    return runs.wait_until_settled(
        StackConnection(Settings(), "", local),
        services,
        "project",
        seconds,
        clock=clock or ManualClock(),
        started="project-1-m1",
    )


def test_a_deployed_stack_is_asked_every_few_seconds_and_has_time_to_show_a_run(
    monkeypatch: pytest.MonkeyPatch, pending: ProjectStatus
) -> None:
    """What Step Functions answers is eventually consistent, and its calls are limited."""
    clock = ManualClock()
    begun = clock.now()
    scene = _Scene((False, pending))
    outcome = _wait(monkeypatch, scene, clock=clock, deployed=True)
    assert scene.followed == "project-1-m1"
    assert outcome.code is ExitCode.FAILED
    assert 2 <= runs.DEPLOYED_PACE.poll <= 5
    assert (clock.now() - begun).total_seconds() >= 20


def test_a_local_stack_is_asked_at_short_intervals(
    monkeypatch: pytest.MonkeyPatch, pending: ProjectStatus
) -> None:
    clock = ManualClock()
    begun = clock.now()
    _wait(monkeypatch, _Scene((False, pending)), clock=clock)
    assert (clock.now() - begun).total_seconds() < 3


@pytest.fixture
def fresh(reader: StatusReader) -> ProjectStatus:
    _publish(reader)
    return reader.read("project")


@pytest.fixture
def pending(reader: StatusReader) -> ProjectStatus:
    _publish(reader)
    reader.changes.mark("project", "asset#a", version="v", at=NOON)
    return reader.read("project")


def test_waiting_ends_when_nothing_is_pending_or_running(
    monkeypatch: pytest.MonkeyPatch, fresh: ProjectStatus, pending: ProjectStatus
) -> None:
    scene = _Scene(
        (True, pending), (True, pending), (False, pending), (True, pending), (False, fresh)
    )
    assert _wait(monkeypatch, scene).code is ExitCode.OK


def test_waiting_lasts_while_a_run_has_not_ended(
    monkeypatch: pytest.MonkeyPatch, fresh: ProjectStatus
) -> None:
    assert _wait(monkeypatch, _Scene((True, fresh))).code is ExitCode.TIMED_OUT


def test_changes_that_nobody_works_on_are_a_failure_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, pending: ProjectStatus
) -> None:
    scene = _Scene((False, pending))
    scene.failure = [
        ExecutionSummary(
            "n", "arn", "FAILED", NOON, error="AccessDenied", cause="the key is refused"
        )
    ]
    outcome = _wait(monkeypatch, scene)
    assert outcome.code is ExitCode.FAILED
    assert "AccessDenied: the key is refused" in outcome.reason


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (
            {"unanswered": 1, "unanswered_cause": "Unavailable: the storage is silent"},
            "1 changed asset without a result: Unavailable: the storage is silent",
        ),
        (
            {"exports": [{"export": "yolo", "status": "failed", "error": "E", "cause": "why"}]},
            "export yolo failed with E: why",
        ),
        ({}, None),
    ],
)
def test_a_run_that_came_to_its_end_tells_what_it_could_not_publish(
    monkeypatch: pytest.MonkeyPatch,
    pending: ProjectStatus,
    answer: dict[str, Any],
    told: str | None,
) -> None:
    problem = problem_of({"project_id": "project", "converted": 0, **answer})
    assert problem == told
    scene = _Scene((False, pending))
    scene.failure = [ExecutionSummary("n", "arn", "SUCCEEDED", NOON, problem=problem)]
    outcome = _wait(monkeypatch, scene)
    assert outcome.code is ExitCode.FAILED
    assert outcome.reason.startswith("Not published, and nothing is running: 1 change.")
    assert (told or "1 change.") in outcome.reason
    assert _where(scene.failure[0]) == (told or "")


def test_quarantined_assets_have_a_status_of_their_own(
    monkeypatch: pytest.MonkeyPatch, reader: StatusReader
) -> None:
    lost = Quarantined(asset_id="a", error="no content", since=NOON, run_id="r")
    _publish(reader, quarantined=(lost,))
    outcome = _wait(monkeypatch, _Scene((False, reader.read("project"))))
    assert outcome.code is ExitCode.QUARANTINED


def test_held_removals_name_the_command_that_allows_them(
    monkeypatch: pytest.MonkeyPatch, pending: ProjectStatus
) -> None:
    waiting = replace(pending.pending, due=0)
    held = replace(pending, held=HeldRemovals("project", "run", 7, NOON), pending=waiting)
    # The next attempt is an execution already, which waits for its time.
    outcome = _wait(monkeypatch, _Scene((True, held)))
    assert outcome.code is ExitCode.HELD
    assert "7 assets" in outcome.reason
    assert "kili-export confirm project" in outcome.reason


def test_an_export_that_was_never_published_is_no_success(
    monkeypatch: pytest.MonkeyPatch, reader: StatusReader, tmp_path: Path
) -> None:
    del tmp_path
    outcome = _wait(monkeypatch, _Scene((False, reader.read("project"))))
    assert outcome.code is ExitCode.FAILED


def test_what_is_damaged_is_not_said_to_be_published(
    monkeypatch: pytest.MonkeyPatch, fresh: ProjectStatus
) -> None:
    scene = _Scene((False, fresh))
    scene.damage = {"yolo": "state/project/yolo/ledgers/1.zip does not exist"}
    outcome = _wait(monkeypatch, scene)
    assert outcome.code is ExitCode.FAILED
    assert "Export yolo is damaged: state/project/yolo/ledgers/1.zip" in outcome.reason
    assert "kili-export purge project yolo" in outcome.reason
