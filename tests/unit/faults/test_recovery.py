"""Any call may fail in any way: a share of what `make faults` does in full."""

import logging
from collections.abc import Iterator

import pytest

from kili_export.usecases.reconcile import Reconcile
from local.faults.injection import Kind, Point, kinds_of
from local.faults.trial import PreparedStage, Trial, chosen_trials, prepared_stages, trials_of

# One trial of so many: about ten seconds when nothing else runs.
SHARE = 800


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """What is broken on purpose is no news."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def prepared(name: str) -> PreparedStage:
    """One stage, ready to be played."""
    return next(one for one in prepared_stages() if one.stage.name == name)


@pytest.mark.timeout(900)
def test_a_share_of_all_trials_holds() -> None:
    choose = chosen_trials(SHARE)
    results = [
        stage.attempt(trial.point, trial.kind)
        for stage in prepared_stages()
        for trial in filter(choose, trials_of(stage))
    ]
    assert len(results) > 10, "hardly anything was tried"
    broken = [f"{one.trial}: {', '.join(one.problems)}" for one in results if not one.held]
    assert not broken, "\n".join(broken)


def test_every_service_has_points_and_every_stage_does_something() -> None:
    points = {stage.stage.name: stage.points for stage in prepared_stages()}
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
    monkeypatch.setattr(Reconcile, "sweep", lambda _self, _project_id: None)
    result = stage.attempt(point, Kind.HALT_BEFORE)
    assert not result.held, "nobody looked after the project, and nothing was missed"


def test_a_lost_mark_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = prepared("increment")
    point = next(one for one in stage.points if one.operation == "assets")
    monkeypatch.setattr(
        "kili_export.usecases.run_results.SettledAssets.is_settled", lambda *_: True
    )
    monkeypatch.setattr(
        "kili_export.usecases.run_results.ExportOutcomes.of",
        classmethod(lambda cls, *_: cls(frozenset(), frozenset(), frozenset())),
    )
    result = stage.attempt(point, Kind.OUTAGE)
    assert any("files differ" in problem for problem in result.problems)


def test_a_trial_can_be_repeated_by_what_is_printed() -> None:
    trial = Trial("increment", Point("s3", "PutObject", "plan_export", 2), Kind.CRASH_AFTER)
    assert str(trial) == "increment:s3.PutObject/plan_export/2:crash after"
    assert Trial.parse(str(trial)) == trial


def test_of_a_call_that_only_reads_before_and_after_are_the_same() -> None:
    assert set(kinds_of("PutObject")) == set(Kind)
    assert set(kinds_of("GetObject")) == set(Kind) - {
        Kind.LOST,
        Kind.UNHEARD,
        Kind.CRASH_AFTER,
        Kind.HALT_AFTER,
    }
