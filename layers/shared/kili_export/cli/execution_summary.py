"""One run of a project, as the commands show it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from kili_export.changes.events.debounce_window import execution_name
from kili_export.core.counted import counted
from kili_export.runs.messages import FinishAnswer


@dataclass(frozen=True, slots=True)
class ExecutionSummary:
    """One run. Its states and map runs are known of local ones alone."""

    name: str
    arn: str
    status: str
    started: datetime
    stopped: datetime | None = None
    error: str | None = None
    cause: str | None = None
    problem: str | None = None
    """What a run that came to its end could not publish, and why."""
    states: tuple[str, ...] = ()
    map_runs: tuple[dict[str, Any], ...] = field(default=())


def finish_answers(outputs: Iterable[Any]) -> list[FinishAnswer]:
    """What runs answered at their end; other runs ended before anything was done."""
    return [FinishAnswer.model_validate(output) for output in outputs if _is_finished(output)]


def problem_of(output: Any) -> str | None:
    """What the exports of a run failed with, and what its failed batches did."""
    if not _is_finished(output):
        return None
    answer = FinishAnswer.model_validate(output)
    problems = [
        f"export {one.export} failed with {one.error}: {one.cause}"
        for one in answer.exports
        if one.status == "failed"
    ]
    if answer.unanswered:
        assets = counted(answer.unanswered, "changed asset")
        problems.append(f"{assets} without a result: {answer.unanswered_cause or 'see the logs'}")
    return "; ".join(problems) or None


def _is_finished(output: Any) -> bool:
    """Whether an output is finish_export's: other runs ended before anything was done."""
    return isinstance(output, dict) and "converted" in output


def is_of_project(name: str, project_id: str) -> bool:
    """Whether an execution's name is of this project, and not of one whose id begins alike."""
    project = re.escape(execution_name(project_id, 0).removesuffix("-0"))
    return re.fullmatch(rf"{project}-\d+(-[a-z][0-9a-z]*)?", name) is not None
