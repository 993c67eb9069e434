"""What changes and full exports will cost, by what was counted."""

from dataclasses import replace
from datetime import timedelta

import pytest

from kili_export.costs.estimate import (
    MILLION,
    CountedRun,
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


def test_fewer_runs_cost_less() -> None:
    dear = per_million_events([CHANGE], [FULL], NOTHING, 1)
    cheap = per_million_events([CHANGE], [FULL], NOTHING, 100)
    assert LIST_PRICES.dollars(dear) > 10 * LIST_PRICES.dollars(cheap)
    assert dear[Unit.API_REQUEST] == cheap[Unit.API_REQUEST] == MILLION


def test_a_run_for_each_event_counts_as_it_was_counted() -> None:
    usage = per_million_events([CHANGE], [FULL], NOTHING, 1)
    # Two requests in each of the four steps, and the workflow's own two.
    assert usage[Unit.S3_WRITE] == MILLION * (4 * 2 + 2)
    assert usage[Unit.TRANSITION] == MILLION * (6 + 3 + 1)


def test_full_batches_take_the_time_that_full_exports_took() -> None:
    usage = per_million_events([CHANGE], [FULL], NOTHING, 101)
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
    usage = per_million_events([WHOLE], [FULL], NOTHING, per_window)
    runs = MILLION / per_window
    assert usage[Unit.TRANSITION] == runs * 4
    assert usage[Unit.LAMBDA_REQUEST] == MILLION + runs
    assert usage.get(Unit.EXPRESS_REQUEST, 0) == 0
    if per_window == 1:
        assert usage[Unit.S3_WRITE] == MILLION * 4 * 2


def test_a_window_of_more_than_planning_makes_whole_takes_the_workflows_steps() -> None:
    usage = per_million_events([WHOLE], [FULL], NOTHING, 101)
    runs = MILLION / 101
    assert usage[Unit.TRANSITION] == pytest.approx(runs * (6 + 3 * 2 + 3))
    assert usage[Unit.LAMBDA_REQUEST] == pytest.approx(MILLION + runs * (1 + 3 + 2 + 1))
    # Plan 2, working files 3 and 3, three batches of 2, publishing 2, completion 2, the map 2.
    assert usage[Unit.S3_WRITE] == pytest.approx(runs * (2 + 6 + 6 + 2 + 2 + 2))


def test_what_is_written_again_is_kept_for_a_while_each_time() -> None:
    usage = per_million_events([CHANGE], [FULL], Republished(10**9, MONTH / 1000), 10)
    assert usage[Unit.S3_GB_MONTH] == pytest.approx(MILLION / 10 / 1000)


def test_a_full_export_costs_by_its_assets() -> None:
    small, large = full_export([FULL], 1000), full_export([FULL, FULL], 50_000)
    assert small[Unit.EXPRESS_REQUEST] == 20
    assert large[Unit.EXPRESS_REQUEST] == 1000


def test_without_counted_runs_there_is_no_estimate() -> None:
    with pytest.raises(ValueError, match="run"):
        per_million_events([], [FULL], NOTHING, 1)
    with pytest.raises(ValueError, match="window"):
        per_million_events([CHANGE], [FULL], NOTHING, 0)
    with pytest.raises(ValueError, match="full export"):
        full_export([], 1)


def test_a_month_at_rest_keeps_what_there_is() -> None:
    usage = at_rest(2 * 10**9)
    assert usage[Unit.S3_GB_MONTH] == pytest.approx(2)
    assert usage[Unit.SCHEDULED_CALL] == 8760
