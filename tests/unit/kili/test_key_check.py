"""Whether Kili takes a key, until when, and what time it is there."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from kili_export.core.errors import AccessDenied, Unavailable
from tests.unit.kili.doubles import KEY, Line, Told, data, in_turn


def test_a_key_that_is_taken_says_until_when() -> None:
    line = Line(in_turn(data([{"expiryDate": "2027-03-01T12:00:00.000Z"}])))
    assert line.client.check_key().expires == datetime(2027, 3, 1, 12, tzinfo=UTC)
    sent = json.loads(line.network.requests[0].body or b"")
    assert sent["variables"] == {"where": {"key": KEY}}


@pytest.mark.parametrize("rows", [[], [{}], [{"expiryDate": None}], [{"expiryDate": "never"}], [3]])
def test_a_record_that_says_nothing_is_no_reason_to_refuse(rows: list[Any]) -> None:
    assert Line(in_turn(data(rows))).client.check_key().expires is None


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Mon, 30 Nov 2026 21:00:00 GMT", datetime(2026, 11, 30, 21, tzinfo=UTC)),
        ("yesterday", None),
        (None, None),
    ],
)
def test_the_time_is_that_of_the_answer(header: str | None, expected: datetime | None) -> None:
    answer = data([])
    headers = {**answer.headers, **({"Date": header} if header else {})}
    line = Line(in_turn(Told(answer.status, answer.body, headers=headers)))
    assert line.client.check_key().kili_time == expected


def test_a_refused_key_is_an_error() -> None:
    refused = Told(401, b"{}")
    with pytest.raises(AccessDenied, match="the API key is refused"):
        Line(in_turn(refused, refused, refused)).client.check_key()


def test_an_answer_of_another_shape_is_an_error() -> None:
    with pytest.raises(Unavailable, match="something else than a list"):
        Line(in_turn(data({"expiryDate": ""}))).client.check_key()
