from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kili_export.local.workflow.retry import Retries, find_handler, longest_delay, matches


@pytest.mark.parametrize(
    ("errors", "error", "expected"),
    [
        (["Throttled"], "Throttled", True),
        (["Throttled"], "throttled", False),
        (["States.ALL"], "Throttled", True),
        (["States.ALL"], "States.Timeout", True),
        (["States.ALL"], "States.DataLimitExceeded", False),
        (["States.ALL"], "States.Runtime", False),
        (["States.DataLimitExceeded"], "States.DataLimitExceeded", True),
        (["States.TaskFailed"], "Throttled", True),
        (["States.TaskFailed"], "States.Timeout", False),
        (["States.TaskFailed"], "States.DataLimitExceeded", False),
        ([], "Throttled", False),
    ],
)
def test_an_error_matches_its_name_and_the_wildcards(
    errors: list[str], error: str, expected: bool
) -> None:
    assert matches(errors, error) is expected


def test_the_first_handler_that_names_the_error_is_taken() -> None:
    handlers = [{"ErrorEquals": ["A"], "n": 1}, {"ErrorEquals": ["A", "B"], "n": 2}]
    found = find_handler(handlers, "B")
    assert found is not None
    assert (found[0], found[1]["n"]) == (1, 2)
    assert find_handler(handlers, "C") is None


def delays(retrier: dict[str, Any], error: str = "A", random: float = 1.0) -> list[float]:
    retries = Retries([{"ErrorEquals": ["A"], **retrier}], lambda: random)
    found = []
    while (delay := retries.delay_after(error)) is not None:
        found.append(delay)
    return found


def test_the_defaults_are_three_retries_after_one_two_and_four_seconds() -> None:
    assert delays({}) == [1.0, 2.0, 4.0]


@pytest.mark.parametrize(
    ("retrier", "expected"),
    [
        ({"MaxAttempts": 0}, []),
        ({"IntervalSeconds": 5, "BackoffRate": 1, "MaxAttempts": 3}, [5, 5, 5]),
        ({"IntervalSeconds": 3, "BackoffRate": 1.5, "MaxAttempts": 3}, [3, 4.5, 6.75]),
        ({"MaxDelaySeconds": 3, "MaxAttempts": 4}, [1, 2, 3, 3]),
    ],
)
def test_delays_grow_by_the_rate_up_to_the_longest(
    retrier: dict[str, Any], expected: list[float]
) -> None:
    assert delays(retrier) == expected


def test_full_jitter_spreads_a_delay_from_nothing_to_all_of_it() -> None:
    assert delays({"JitterStrategy": "FULL"}, random=0.0) == [0.0, 0.0, 0.0]
    assert delays({"JitterStrategy": "FULL"}, random=0.5) == [0.5, 1.0, 2.0]
    assert delays({"JitterStrategy": "NONE"}, random=0.5) == [1.0, 2.0, 4.0]


def test_every_retrier_counts_for_itself() -> None:
    retriers = [{"ErrorEquals": ["A"], "MaxAttempts": 1}, {"ErrorEquals": ["B"], "MaxAttempts": 2}]
    retries = Retries(retriers, lambda: 1.0)
    assert [retries.delay_after(error) for error in "ABAB"] == [1.0, 1.0, None, 2.0]
    assert retries.count == 3


def test_a_retrier_that_is_used_up_hides_the_later_ones() -> None:
    retriers: list[dict[str, Any]] = [
        {"ErrorEquals": ["A"], "MaxAttempts": 1},
        {"ErrorEquals": ["States.ALL"]},
    ]
    retries = Retries(retriers, lambda: 1.0)
    assert [retries.delay_after("A"), retries.delay_after("A")] == [1.0, None]


@given(
    interval=st.integers(1, 1000),
    rate=st.floats(1, 10),
    most=st.integers(1, 5000),
    attempt=st.integers(1, 10_000),
)
def test_no_delay_exceeds_the_longest_and_none_shrinks(
    interval: int, rate: float, most: int, attempt: int
) -> None:
    retrier = {"IntervalSeconds": interval, "BackoffRate": rate, "MaxDelaySeconds": most}
    delay = longest_delay(retrier, attempt)
    assert 0 < delay <= most
    assert delay <= longest_delay(retrier, attempt + 1)
