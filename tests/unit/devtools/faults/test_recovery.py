"""Any call may fail in any way: a small share of what `make faults` does in full.

`.ci/run` plays a larger one: every operation in every way.
"""

import json
import logging
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from devtools.faults.injection import Kind, Point, kinds_of
from devtools.faults.trial import PreparedStage, Strikes, Trial, prepared_stages
from kili_export.maintenance.reconciliation.reconcile import Reconcile

pytestmark = pytest.mark.slow

OPERATIONS = {
    *(f"dynamodb.{name}" for name in ("DeleteItem", "GetItem", "Query", "UpdateItem")),
    "events.PutEvents",
    *(f"kili.{name}" for name in ("annotationFileUrl", "assets", "content", "countAssets")),
    *(f"kili.{name}" for name in ("events", "media", "projects")),
    *(f"s3.{name}" for name in ("GetObject", "HeadObject", "PutObject", "DeleteObjects")),
    *(f"s3.{name}" for name in ("ListObjectsV2", "ListObjectVersions", "ListParts")),
    *(f"s3.{name}" for name in ("CreateMultipartUpload", "UploadPart", "UploadPartCopy")),
    *(f"s3.{name}" for name in ("CompleteMultipartUpload", "AbortMultipartUpload")),
    "s3.ListMultipartUploads",
    "secretsmanager.GetSecretValue",
    "stepfunctions.DescribeExecution",
    "stepfunctions.StartExecution",
}


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """What is broken on purpose is no news."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def prepared(name: str) -> PreparedStage:
    """One stage, ready to be played."""
    return next(one for one in prepared_stages() if one.stage.name == name)


@pytest.fixture(scope="module")
def points() -> Mapping[str, tuple[Point, ...]]:
    """Every call of every stage."""
    return {one.stage.name: one.points for one in prepared_stages()}


@pytest.mark.timeout(900)
def test_every_operation_may_fail() -> None:
    """In a process of its own: it branches into many."""
    told = held("--each-operation")
    assert told["trials"] == len(OPERATIONS)
    assert told["operations"].keys() == OPERATIONS


@pytest.mark.timeout(900)
def test_another_call_may_fail_while_the_first_fault_is_recovered_from() -> None:
    assert held("--twice", "--every", "1600")["trials"] >= 10, "hardly anything was tried"


def held(*arguments: str) -> dict[str, Any]:
    """Plays trials, all of which have to hold, and answers what is told of them."""
    command = (sys.executable, "-m", "devtools.faults", "--json", "--processes", "1", *arguments)
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    assert done.stdout, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    broken = [f"{one['trial']}: {', '.join(one['problems'])}" for one in told["not_held"]]
    assert not broken, "\n".join(broken)
    assert done.returncode == 0, done.stderr
    assert told["held"] == told["trials"]
    return told


def test_no_call_of_an_adapter_is_without_a_point(
    points: Mapping[str, tuple[Point, ...]],
) -> None:
    """What no stage calls cannot be broken either: the list is of all that clients send."""
    met = {f"{point.service}.{point.operation}" for found in points.values() for point in found}
    assert met == OPERATIONS


def test_every_service_has_points_and_every_stage_does_something(
    points: Mapping[str, tuple[Point, ...]],
) -> None:
    assert all(points.values())
    services = {point.service for found in points.values() for point in found}
    assert services == {"dynamodb", "events", "kili", "s3", "secretsmanager", "stepfunctions"}
    functions = {point.function for found in points.values() for point in found}
    assert functions == {
        "aggregate_archive",
        "convert_assets",
        "finish_export",
        "person",
        "plan_export",
        "reconcile",
        "webhook",
    }


def test_without_the_sweep_a_halted_run_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = prepared("increment")
    point = next(one for one in stage.points if one.function == "aggregate_archive")
    assert stage.attempt(point, Kind.HALT_BEFORE).held
    monkeypatch.setattr(Reconcile, "_sweep", lambda *_: None)
    result = stage.attempt(point, Kind.HALT_BEFORE)
    assert not result.held, "nobody looked after the project, and nothing was missed"


def test_a_lost_mark_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = prepared("increment")
    point = next(one for one in stage.points if one.operation == "assets")
    monkeypatch.setattr("kili_export.runs.batch_results.AssetResults.is_settled", lambda *_: True)
    monkeypatch.setattr(
        "kili_export.steps.completion.run_verdict.ExportOutcomes.of",
        classmethod(lambda cls, *_: cls(frozenset(), frozenset(), frozenset())),
    )
    result = stage.attempt(point, Kind.OUTAGE)
    assert any("files differ" in problem for problem in result.problems)


def test_a_trial_can_be_repeated_by_what_is_printed() -> None:
    trial = Trial("increment", Point("s3", "PutObject", "plan_export", 2), Kind.CRASH_AFTER)
    assert str(trial) == "increment:s3.PutObject/plan_export/2:crash after"
    assert Trial.parse(str(trial)) == trial
    twice = replace(trial, again=17)
    assert Trial.parse(str(twice)) == twice


def test_a_second_call_fails_so_many_calls_after_the_first() -> None:
    first, other = (Point("s3", "PutObject", "plan_export", number) for number in (2, 3))
    strikes = Strikes(Trial("increment", first, Kind.DOWN, again=2))
    failed = [strikes(point) for point in (other, first, other, other, first, other)]
    assert [kind is not None for kind in failed] == [False, True, False, True, False, False]
    assert failed[1] is Kind.DOWN


def test_of_a_call_that_only_reads_before_and_after_are_the_same() -> None:
    assert set(kinds_of("PutObject")) == set(Kind)
    assert set(kinds_of("GetObject")) == set(Kind) - {
        Kind.LOST,
        Kind.UNHEARD,
        Kind.CRASH_AFTER,
        Kind.HALT_AFTER,
    }
