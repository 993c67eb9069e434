"""What Prometheus reads of a stack of one machine."""

import re
from pathlib import Path

import pytest

from kili_export.local.stack.front_door import FrontDoor, WebhookGate
from kili_export.local.stack.metrics import METRICS, Metrics, metrics_token
from tests.unit.local.stack.test_front_door import Door, request, status

WIRING = Path(__file__).parents[4] / "layers" / "shared" / "kili_export" / "wiring"
LINE = re.compile(r"[a-z_:][a-z0-9_:]* [0-9.e+-]+")


def values(metrics: Metrics) -> dict[str, float]:
    lines = [line for line in metrics.text().splitlines() if not line.startswith("#")]
    assert all(LINE.fullmatch(line) for line in lines)
    return {line.split(" ")[0]: float(line.split(" ")[1]) for line in lines}


def test_everything_that_the_functions_count_is_there() -> None:
    counted = {
        name
        for path in WIRING.glob("*.py")
        for name in re.findall(r"invocation\.count\(\s*\"(\w+)\"", path.read_text())
    }
    assert counted == set(METRICS)


def test_values_are_summed_and_the_name_is_that_of_cloudwatch() -> None:
    metrics = Metrics("token")
    metrics.add("webhook", [("EventsAccepted", 1)])
    metrics.add("webhook", [("EventsAccepted", 1), ("EventsIgnored", 0)])
    metrics.add("finish_export", [("FreshnessSeconds", 2.5)])
    metrics.add("finish_export", [("FreshnessSeconds", 4)])
    found = values(metrics)
    assert found["kili_export_events_accepted_total"] == 2
    assert found["kili_export_events_ignored_total"] == 0
    assert found["kili_export_freshness_seconds_sum"] == 6.5
    assert found["kili_export_freshness_seconds_count"] == 2
    assert "kili_export_s3_requests_total" in found
    assert found["process_start_time_seconds"] > 0


def test_what_reconcile_does_not_count_any_more_is_zero() -> None:
    metrics = Metrics("token")
    metrics.add("reconcile", [("OldestMarkSeconds", 70.0), ("ProjectsHeld", 1)])
    metrics.add("webhook", [("EventsAccepted", 1)])
    assert values(metrics)["kili_export_oldest_mark_seconds"] == 70
    metrics.add("reconcile", [("OldestMarkSeconds", 10.0)])
    assert values(metrics)["kili_export_oldest_mark_seconds"] == 10
    assert values(metrics)["kili_export_projects_held"] == 0


def test_the_token_is_no_secret_of_the_webhook() -> None:
    assert metrics_token("one") != metrics_token("two")
    assert "one" not in metrics_token("one")
    assert metrics_token("one") == metrics_token("one"), "a configuration outlives a restart"


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (("GET", "Bearer token", None), 200),
        (("HEAD", "Bearer token", None), 200),
        (("GET", None, None), 401),
        (("GET", "Bearer tokens", None), 401),
        (("GET", "token", None), 401),
        (("GET", "Bearer \xff", None), 401),
        (("POST", "Bearer token", None), 405),
        (("POST", None, None), 401),
        (("GET", "Bearer token", b"body"), 400),
    ],
)
def test_who_has_the_token_may_read(
    sent: tuple[str, str | None, bytes | None], expected: int
) -> None:
    method, secret, body = sent
    gate = WebhookGate(lambda _: {"statusCode": 202})
    door = FrontDoor(gate, lambda _: True, "127.0.0.1", 0, metrics=Metrics("token"))
    door.start()
    try:
        answer = Door(door).send(request(method, "/metrics", secret=secret, body=body))
        other = Door(door).send(request("POST", "/webhooks/kili"))
    finally:
        door.stop()
        door.close()
    assert status(answer) == expected
    assert (b"kili_export_runs_failed_total 0.0" in answer) is (expected == 200 and method == "GET")
    assert status(other) == 202
