"""What changes and full exports will cost, by what was counted."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from kili_export.costs.estimate import (
    MILLION,
    RUN_STATE,
    CountedRun,
    CountedRuns,
    Republished,
    at_rest,
    full_export,
    per_million_events,
)
from kili_export.costs.prices import LIST_PRICES, MONTH, Unit
from kili_export.costs.run_cost import Step

STEP = Step(1, 1.0, {"s3.PutObject": 2})
CHANGE = CountedRun(plan=STEP, convert=STEP, publish=STEP, finish=STEP, exports=1, assets=1)
FULL = replace(CHANGE, convert=Step(20, 40.0, {"s3.PutObject": 20}), assets=1000)
NOTHING = Republished(0, timedelta())
MINUTE = timedelta(minutes=1)


def million(
    changes: list[CountedRun],
    per_window: int,
    *,
    looks: Sequence[CountedRun] = (),
    republished: Republished = NOTHING,
    window: timedelta = timedelta(),
) -> dict[Unit, float]:
    """The estimate; in windows of no time nothing is looked at again but what is alone in one."""
    runs = CountedRuns(changes, list(looks), [FULL] if changes else [])
    return per_million_events(runs, republished, per_window, window)


def test_fewer_runs_cost_less() -> None:
    dear = million([CHANGE], 1)
    cheap = million([CHANGE], 100)
    assert LIST_PRICES.dollars(dear) > 10 * LIST_PRICES.dollars(cheap)
    assert dear[Unit.API_REQUEST] == cheap[Unit.API_REQUEST] == MILLION


def test_two_runs_for_each_event_count_as_they_were_counted() -> None:
    usage = million([CHANGE], 1)
    # Two requests in each of the four steps, and the workflow's own two.
    assert usage[Unit.S3_WRITE] == 2 * MILLION * (4 * 2 + 2)
    assert usage[Unit.TRANSITION] == 2 * MILLION * (6 + 3 + 1)


def test_full_batches_take_the_time_that_full_exports_took() -> None:
    usage = million([CHANGE], 101)
    # Three batches of a second each, and 0.04 s for each asset after the first.
    seconds = 3 * 1.0 + 100 * 0.04
    assert usage[Unit.EXPRESS_GB_SECOND] == pytest.approx(
        MILLION / 101 * (seconds + 0.3) * 64 / 1024
    )
    assert usage[Unit.EXPRESS_REQUEST] == pytest.approx(MILLION / 101 * 3)


MADE_BY_PLANNING = Step(0, 1.0, {"s3.PutObject": 2})
WHOLE = CountedRun(
    plan=STEP,
    convert=MADE_BY_PLANNING,
    publish=MADE_BY_PLANNING,
    finish=MADE_BY_PLANNING,
    exports=2,
    assets=1,
)


@pytest.mark.parametrize("per_window", [1, 100])
def test_a_run_that_planning_makes_whole_has_one_invocation_and_four_transitions(
    per_window: int,
) -> None:
    usage = million([WHOLE], per_window)
    runs = 2 * MILLION if per_window == 1 else MILLION / per_window
    assert usage[Unit.TRANSITION] == runs * 4
    assert usage[Unit.LAMBDA_REQUEST] == MILLION + runs
    assert usage.get(Unit.EXPRESS_REQUEST, 0) == 0
    if per_window == 1:
        assert usage[Unit.S3_WRITE] == 2 * MILLION * 4 * 2


def test_a_window_of_more_than_planning_makes_whole_takes_the_workflows_steps() -> None:
    usage = million([WHOLE], 101)
    runs = MILLION / 101
    assert usage[Unit.TRANSITION] == pytest.approx(runs * (6 + 3 * 2 + 3))
    assert usage[Unit.LAMBDA_REQUEST] == pytest.approx(MILLION + runs * (1 + 3 + 2 + 1))
    # Plan 2, working files 3 and 3, three batches of 2, publishing 2, completion 2, the map 2.
    assert usage[Unit.S3_WRITE] == pytest.approx(runs * (2 + 6 + 6 + 2 + 2 + 2))


def test_what_is_written_again_is_kept_for_a_while_each_time() -> None:
    usage = million([CHANGE], 10, republished=Republished(10**9, MONTH / 1000))
    assert usage[Unit.S3_GB_MONTH] == pytest.approx(MILLION / 10 / 1000)


def test_a_full_export_costs_by_its_assets() -> None:
    small, large = full_export([FULL], 1000), full_export([FULL, FULL], 50_000)
    assert small[Unit.EXPRESS_REQUEST] == 20
    assert large[Unit.EXPRESS_REQUEST] == 1000


def test_without_counted_runs_there_is_no_estimate() -> None:
    with pytest.raises(ValueError, match="run"):
        million([], 1)
    with pytest.raises(ValueError, match="window"):
        million([CHANGE], 0)
    with pytest.raises(ValueError, match="full export"):
        full_export([], 1)


def test_an_event_alone_is_looked_at_again_by_a_run_of_its_own() -> None:
    look = replace(WHOLE, publish=replace(MADE_BY_PLANNING, requests={}))
    usage = million([WHOLE], 1, looks=[look])
    assert usage[Unit.TRANSITION] == MILLION * 8
    assert usage[Unit.S3_WRITE] == MILLION * (4 * 2 + 3 * 2)


def test_windows_that_follow_each_other_are_looked_at_again_five_minutes_at_once() -> None:
    once = million([WHOLE], 10)[Unit.TRANSITION]
    assert million([WHOLE], 10, window=MINUTE)[Unit.TRANSITION] == pytest.approx(once * 1.2)
    assert million([WHOLE], 10, window=10 * MINUTE)[Unit.TRANSITION] == pytest.approx(once * 2)


def test_what_one_machine_keeps_in_files_is_counted_as_requests() -> None:
    counted = CHANGE.with_state()
    assert counted.plan.requests == {"s3.PutObject": 2, **RUN_STATE}
    assert counted.with_state() == counted


def test_a_month_at_rest_keeps_what_there_is() -> None:
    usage = at_rest(2 * 10**9, 1)
    assert usage[Unit.S3_GB_MONTH] == pytest.approx(2)
    assert usage[Unit.SCHEDULED_CALL] == 8760 + 730
    assert usage[Unit.DASHBOARD_MONTH] == 0


def test_ten_projects_at_rest_cost_less_than_five_dollars_and_a_dashboard_three() -> None:
    cheap = LIST_PRICES.dollars(at_rest(0, 10))
    assert LIST_PRICES.dollars(at_rest(0, 1)) < cheap < 5
    assert LIST_PRICES.dollars(at_rest(0, 10, dashboard=True)) == pytest.approx(cheap + 3)
