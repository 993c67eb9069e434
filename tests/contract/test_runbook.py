"""Every alarm has its section of the runbook, every section its alarm, and queries find lines."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from kili_export.core.errors import Unavailable
from kili_export.wiring import lambda_handler, webhook
from tests.support.logs_insights import fields_of, run_query
from tests.support.template_document import ROOT, resources_of
from tests.unit.wiring.test_workflow_functions import CASES, CONTEXT, handler_of, sample

RUNBOOK = (ROOT / "docs" / "how-to" / "runbook.md").read_text()
OTHER = {"Find the log of a run"}
ALARMS = resources_of("AWS::CloudWatch::Alarm")
QUERIES = re.findall(r"```\n(.+?)\n```", RUNBOOK, flags=re.DOTALL)


def sections() -> dict[str, str]:
    """The text of each section, by its title."""
    parts = re.split(r"^## (.+)$", RUNBOOK, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("name", sorted(ALARMS))
def test_an_alarm_says_what_it_is_and_names_its_section(name: str) -> None:
    title = name.removesuffix("Alarm")
    description = ALARMS[name]["Properties"]["AlarmDescription"]
    said, _, anchor = description.partition(" (docs/how-to/runbook.md#")
    assert anchor == f"{title.lower()})"
    assert len(said) > 30
    assert title in sections()


@pytest.mark.parametrize("title", sorted(sections().keys() - OTHER))
def test_a_section_is_about_an_alarm_and_says_when_what_and_how(title: str) -> None:
    assert f"{title}Alarm" in ALARMS
    told = re.findall(r"^- \*\*(\w+)\*\*: \S", sections()[title], flags=re.MULTILINE)
    assert told == ["When", "Means", "Do"]


@pytest.fixture
def lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> list[Mapping[str, Any]]:
    """What the functions log, as they log it: all samples, and two refused calls."""
    for case in CASES:
        answer = case.answer
        handler_of(case.function, lambda *_, answer=answer: answer, monkeypatch)(
            sample(case), CONTEXT
        )

    def unavailable() -> Any:
        raise Unavailable("the table does not answer")

    monkeypatch.setattr(webhook, "_receiver", unavailable)
    call = lambda_handler.handler(webhook.answer_call, "requestContext.requestId")
    call({"body": "{}", "requestContext": {"requestId": "q"}}, CONTEXT)  # type: ignore[arg-type]
    call({"body": "=", "isBase64Encoded": True}, CONTEXT)  # type: ignore[arg-type]
    logged = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [line for line in logged if "_aws" not in line]


def test_there_are_queries() -> None:
    assert len(QUERIES) >= 5


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_names_fields_of_the_log_and_finds_some_lines_and_not_all(
    query: str, lines: list[Mapping[str, Any]]
) -> None:
    known = {key for line in lines for key in line}
    assert fields_of(query) - known == set()
    found = run_query(query, lines)
    assert 0 < len(found) < len(lines)
    shown = {key for row in found for key, value in row.items() if value is not None}
    assert {key for key in found[0] if not key.startswith("@")} <= shown


def test_refused_calls_are_counted_by_status(lines: list[Mapping[str, Any]]) -> None:
    [query] = [one for one in QUERIES if "stats" in one]
    assert run_query(query, lines) == [{"status": 503, "calls": 1}, {"status": 400, "calls": 1}]


def test_a_run_that_published_everything_is_not_among_the_failed(
    lines: list[Mapping[str, Any]],
) -> None:
    [query] = [one for one in QUERIES if "ispresent(error)" in one]
    good = {"message": "Run finished", "run_id": "good", "error": None, "unanswered": 0}
    assert "good" not in {row["run_id"] for row in run_query(query, [*lines, good])}
