"""Prices, usage and their product."""

from datetime import timedelta

import pytest

from kili_export.costs.prices import (
    LIST_PRICES,
    LISTED,
    MONTH,
    Unit,
    added,
    kept,
    lambda_use,
    s3_requests,
    times,
)


def test_every_unit_has_a_price() -> None:
    assert LIST_PRICES.each.keys() == LISTED.keys() == set(Unit)
    assert all(price > 0 for price in LIST_PRICES.each.values())


def test_a_million_of_a_unit_costs_what_its_list_says() -> None:
    assert LIST_PRICES.dollars({Unit.TRANSITION: 1e6}) == pytest.approx(25)
    assert LIST_PRICES.dollars({Unit.S3_WRITE: 1e6}) == pytest.approx(5)
    assert LIST_PRICES.dollars({Unit.S3_READ: 1e6}) == pytest.approx(0.4)


def test_a_terabyte_that_is_replaced_each_minute_costs_a_thousand_a_day() -> None:
    each = LIST_PRICES.dollars(kept(1e12, timedelta(days=1)))
    assert 1_000 < each * 24 * 60 < 1_200


def test_keeping_a_gigabyte_for_a_month_is_one_unit() -> None:
    assert kept(1e9, MONTH) == {Unit.S3_GB_MONTH: pytest.approx(1)}


def test_requests_fall_into_the_price_classes() -> None:
    counted = {
        "GetObject": 3, "HeadObject": 2, "PutObject": 1, "UploadPartCopy": 4, "ListObjectsV2": 1,
        "DeleteObjects": 7, "AbortMultipartUpload": 1,
    }  # fmt: skip
    assert s3_requests(counted) == {Unit.S3_READ: 5, Unit.S3_WRITE: 6}


def test_an_unknown_request_counts_as_the_dearest_class() -> None:
    assert s3_requests({"SelectObjectContent": 2})[Unit.S3_WRITE] == 2


def test_memory_weighs_seconds() -> None:
    assert lambda_use(10, 512, 2) == {Unit.LAMBDA_REQUEST: 2, Unit.LAMBDA_GB_SECOND: 5}


def test_usages_add_up_and_multiply() -> None:
    first, second = {Unit.S3_READ: 1.0}, {Unit.S3_READ: 2.0, Unit.LOG_GB: 1.0}
    assert added([first, second]) == {Unit.S3_READ: 3, Unit.LOG_GB: 1}
    assert times(second, 2) == {Unit.S3_READ: 4, Unit.LOG_GB: 2}


def test_costs_are_told_by_service_the_dearest_first() -> None:
    usage = {Unit.S3_WRITE: 1.0, Unit.TRANSITION: 1e6, Unit.S3_READ: 1.0, Unit.LOG_GB: 0.0}
    told = LIST_PRICES.by_service(usage)
    assert list(told) == ["Step Functions", "S3"]
    assert sum(told.values()) == pytest.approx(LIST_PRICES.dollars(usage))


def test_own_prices_replace_listed_ones() -> None:
    own = LIST_PRICES.but({"transition": 1.0})
    assert own.dollars({Unit.TRANSITION: 2}) == 2
    assert own.each[Unit.S3_READ] == LIST_PRICES.each[Unit.S3_READ]


@pytest.mark.parametrize("wrong", [{"gold": 1.0}, {"transition": -1.0}, {"s3_read": float("nan")}])
def test_prices_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"gold|transition|s3_read"):
        LIST_PRICES.but(wrong)
