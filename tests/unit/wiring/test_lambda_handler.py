"""At every LogLevel metrics arrive, and of the log what is at that level or above."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.support.template_document import template

LEVELS = ("DEBUG", "INFO", "WARN", "ERROR")
ORDER = ("DEBUG", "INFO", "WARN", "WARNING", "ERROR")
INVOCATION = """
from types import SimpleNamespace
from kili_export.wiring.lambda_handler import handler, logger

def function(event, invocation):
    invocation.count("EventsAccepted", 3)
    for level in ("debug", "info", "warning", "error"):
        getattr(logger, level)(level)
    invocation.log("known", {"project_id": "p1"}, "error")
    return {}

context = SimpleNamespace(
    function_name="f", memory_limit_in_mb=1, invoked_function_arn="a", aws_request_id="r",
    get_remaining_time_in_millis=lambda: 1000,
)
handler(function)({"headers": {"Authorization": "private"}}, context)
"""


def given(value: Any, level: str) -> str:
    """A value of the template for one LogLevel."""
    match value:
        case {"Ref": "LogLevel"}:
            return level
        case {"Fn::If": ["LogsDebug", debug, other]}:
            return str(debug if level == "DEBUG" else other)
    return str(value)


def platform_filter(level: str) -> str:
    """The level that Lambda's own filter lets through."""
    logging = template()["Globals"]["Function"]["LoggingConfig"]
    return given(logging["ApplicationLogLevel"], level)


def arriving(level: str, **more: str) -> list[dict[str, Any]]:
    """The lines of one invocation that Lambda's filter lets through.

    A line without a level counts as INFO:
    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
    """
    variables = template()["Globals"]["Function"]["Environment"]["Variables"]
    ran = subprocess.run(
        [sys.executable, "-c", INVOCATION],
        capture_output=True,
        text=True,
        check=True,
        env={
            "PATH": os.environ["PATH"],
            "POWERTOOLS_METRICS_NAMESPACE": variables["POWERTOOLS_METRICS_NAMESPACE"],
            "POWERTOOLS_SERVICE_NAME": "one",
            "AWS_LAMBDA_FUNCTION_NAME": "f",
            **more,
            "AWS_LAMBDA_LOG_FORMAT": "JSON",
            "AWS_LAMBDA_LOG_LEVEL": platform_filter(level),
            **{
                name: given(variables[name], level)
                for name in ("LOG_LEVEL", "POWERTOOLS_LOG_LEVEL")
                if name in variables
            },
        },
    )
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    least = ORDER.index(platform_filter(level))
    return [line for line in lines if ORDER.index(line.get("level", "INFO")) >= least]


@pytest.mark.parametrize("level", LEVELS)
def test_metrics_arrive_at_every_level(level: str) -> None:
    [metric] = [line for line in arriving(level) if "_aws" in line]
    assert metric["EventsAccepted"] == [3.0]


@pytest.mark.parametrize("level", LEVELS)
def test_the_log_holds_its_level_and_above(level: str) -> None:
    told = [line["level"] for line in arriving(level) if "_aws" not in line]
    least = ORDER.index(level)
    assert told == [
        one for one in ("DEBUG", "INFO", "WARNING", "ERROR", "ERROR") if ORDER.index(one) >= least
    ]


def test_every_level_of_the_template_is_tried() -> None:
    assert tuple(template()["Parameters"]["LogLevel"]["AllowedValues"]) == LEVELS


def test_no_variable_lets_an_event_into_the_log() -> None:
    """Powertools has one for this, which people set while they look for a fault."""
    lines = arriving("DEBUG", POWERTOOLS_LOGGER_LOG_EVENT="true")
    assert any(line.get("message") == "debug" for line in lines)
    assert "private" not in json.dumps(lines)
