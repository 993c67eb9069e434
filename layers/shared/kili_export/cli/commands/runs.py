"""`kili-export run`, `wait`, `reconcile`, `retry`, `confirm` and `release`."""

from argparse import Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from kili_export.archives.damage import way_out
from kili_export.archives.release_latest import release_latest
from kili_export.cli.execution_summary import ExecutionSummary
from kili_export.cli.executions import Executions
from kili_export.cli.exit_codes import ExitCode
from kili_export.cli.output import Output
from kili_export.cli.progress import ProgressDisplay
from kili_export.cli.run_progress import RunProgress
from kili_export.cli.services import StackServices
from kili_export.cli.stack_connection import StackConnection, connect
from kili_export.core.clock import Clock, SystemClock
from kili_export.core.counted import counted
from kili_export.maintenance.reconciliation.messages import Repaired
from kili_export.maintenance.reconciliation.project_status import ProjectStatus
from kili_export.registration.register_exports import read_registration

_LOOKED_AT = 5


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a stack is asked, in seconds, and for how many times nothing may go on.

    Between a run that ended and the one that it starts there is a moment without any.
    """

    poll: float
    quiet: int


LOCAL_PACE: Final = Pace(0.25, 8)
DEPLOYED_PACE: Final = Pace(3, 10)
"""Calls of ListExecutions are limited for the whole account, and its answers come late.

https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html and
https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListExecutions.html
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How waiting ended: the exit code, and the reason in a sentence."""

    code: ExitCode
    reason: str
    status: ProjectStatus
    failure: ExecutionSummary | None = None


def run(arguments: Namespace) -> ExitCode:
    """Compares the project with Kili, unless all is exported anyway, and starts a run at once.

    Without that a change whose event did not arrive would count as published.
    """
    output = Output(as_json=arguments.json)
    connection = connect(arguments)
    services = StackServices.of(connection)
    services.status.read(arguments.project_id)
    found = "" if arguments.full else repairs(services.reconcile(arguments.project_id))
    execution = services.request_run(arguments.project_id, full=arguments.full)
    if arguments.wait:
        return wait_and_show(connection, services, arguments, output, execution)
    answer = {"project_id": arguments.project_id, "full": arguments.full, "execution": execution}
    compared = f"Kili differs from the exports: {found}. " if found else ""
    text = f"{compared}Started. Follow it with: kili-export wait {arguments.project_id}"
    output.result(answer, text)
    return ExitCode.OK


def wait(arguments: Namespace) -> ExitCode:
    """Waits until nothing is pending or running."""
    connection = connect(arguments)
    output = Output(as_json=arguments.json)
    return wait_and_show(connection, StackServices.of(connection), arguments, output)


def reconcile(arguments: Namespace) -> ExitCode:
    """Compares the project with Kili and starts a run for what differs."""
    output = Output(as_json=arguments.json)
    services = StackServices.of(connect(arguments))
    services.status.read(arguments.project_id)
    report = services.reconcile(arguments.project_id)
    found = repairs(report)
    text = f"Differences that a run takes up: {found}." if found else "Kili and the exports agree."
    output.result({"project_id": arguments.project_id, **report.model_dump()}, text)
    return ExitCode.OK


def retry(arguments: Namespace) -> ExitCode:
    """Tries assets again that could not be exported."""
    output = Output(as_json=arguments.json)
    services = StackServices.of(connect(arguments))
    services.status.read(arguments.project_id)
    assets = services.retry(arguments.project_id, arguments.asset_ids)
    text = f"Tried again by a run now: {counted(len(assets), 'asset')}."
    if not assets:
        text = "No asset is in quarantine."
    output.result({"project_id": arguments.project_id, "assets": list(assets)}, text)
    return ExitCode.OK


def confirm(arguments: Namespace) -> ExitCode:
    """Allows the removals that were held, and starts the run that makes them."""
    output = Output(as_json=arguments.json)
    services = StackServices.of(connect(arguments))
    count = services.confirm_removals(arguments.project_id)
    answer = {"project_id": arguments.project_id, "confirmed": count}
    output.result(answer, f"Allowed, and made by a run now: {counted(count, 'removal')}.")
    return ExitCode.OK


def release(arguments: Namespace) -> ExitCode:
    """Lets `latest.zip` of an export out that a gate holds back, by a run that is started."""
    output = Output(as_json=arguments.json)
    services = StackServices.of(connect(arguments))
    project_id, export = arguments.project_id, arguments.export
    read_registration(services.objects, project_id).export(export)
    held = release_latest(services.objects, project_id, export)
    execution = services.request_run(project_id, full=False)
    answer = {"project_id": project_id, "export": export, "execution": execution}
    output.result(
        {**answer, "latest": held.model_dump(mode="json")},
        f"latest.zip of {export} is let out by a run now: kili-export wait {project_id}",
    )
    return ExitCode.OK


def repairs(report: Repaired) -> str:
    """What a comparison marked, in words; empty when nothing."""
    counts: dict[str, int] = report.model_dump(exclude={"damaged"})
    return ", ".join(counted(count, _DIFFERENCES[name]) for name, count in counts.items() if count)


_DIFFERENCES = {
    "missed_events": "missed event",
    "changed": "changed asset",
    "unknown": "unknown asset",
    "vanished": "vanished asset",
    "quarantined": "asset in quarantine",
    "rebuilds": "export to make in full",
    "rewrites": "archive to compact",
    "gates": "gate to act on",
}
"""What each number counts, named for one. The keys are the names of the answer's fields."""


def wait_until_settled(
    connection: StackConnection,
    services: StackServices,
    project_id: str,
    seconds: float,
    watch: Callable[[ProjectStatus], None] | None = None,
    clock: Clock | None = None,
    started: str | None = None,
) -> Outcome:
    """Polls until nothing is pending or running, or until nothing more will happen by itself.

    `watch` sees every status on the way. `started` names an execution that was just started.
    """
    pace = DEPLOYED_PACE if connection.local is None else LOCAL_PACE
    executions = Executions(connection)
    if started is not None:
        executions.follow(started)
    clock = clock or SystemClock()
    deadline = clock.now() + timedelta(seconds=seconds)
    quiet = 0
    while True:
        busy = executions.is_any_running(project_id)
        status = services.status.read(project_id)
        if watch is not None:
            watch(status)
        idle = not busy and status.runner is None
        quiet = quiet + 1 if idle else 0
        if idle and not status.pending.count:
            return _settled(status, executions, services.status.damaged(status))
        if _waits_for_a_person(status):
            return _held(status)
        if quiet >= pace.quiet:
            return _stuck(status, executions)
        if clock.now() >= deadline:
            reason = f"Still under way after {seconds:.0f} s."
            return Outcome(ExitCode.TIMED_OUT, reason, status)
        clock.sleep(pace.poll)


def _waits_for_a_person(status: ProjectStatus) -> bool:
    """Runs try what was held again and again, longer and longer after: no use in waiting for it."""
    return status.held is not None and status.runner is None and not status.pending.due


def _settled(status: ProjectStatus, executions: Executions, damaged: Mapping[str, str]) -> Outcome:
    if damaged:
        return _damaged(status, damaged)
    if status.held is not None:
        return _held(status)
    if status.unpublished:
        return _stuck(status, executions)
    if status.quarantined:
        # One asset may be missing in several exports.
        assets = {
            one.asset_id
            for export in status.exports
            if export.manifest is not None
            for one in export.manifest.quarantined
        }
        reason = (
            f"Published; in quarantine: {counted(len(assets), 'asset')}. See why: "
            f"kili-export status {status.project_id}"
        )
        return Outcome(ExitCode.QUARANTINED, reason, status)
    return Outcome(ExitCode.OK, "Everything is published.", status)


def _damaged(status: ProjectStatus, damaged: Mapping[str, str]) -> Outcome:
    sentences = [
        f"Export {name} is damaged: {why}. {way_out(status.project_id, name)}"
        for name, why in damaged.items()
    ]
    return Outcome(ExitCode.FAILED, " ".join(sentences), status)


def _stuck(status: ProjectStatus, executions: Executions) -> Outcome:
    if status.held is not None:
        return _held(status)
    # The very last ones may have ended quietly because another run held the project.
    latest = executions.latest(status.project_id, _LOOKED_AT)
    failure = next((one for one in latest if one.error or one.problem), None)
    sentences = [_unpublished(status), *_never_published(status)]
    if failure is not None and failure.error:
        sentences.append(f"The last run failed with {failure.error}: {failure.cause}.")
    elif failure is not None:
        sentences.append(f"The last run: {failure.problem}.")
    return Outcome(ExitCode.FAILED, " ".join(one for one in sentences if one), status, failure)


def _unpublished(status: ProjectStatus) -> str:
    if not status.pending.count:
        return ""
    return f"Not published, and nothing is running: {counted(status.pending.count, 'change')}."


def _never_published(status: ProjectStatus) -> list[str]:
    return [
        f"Export {one.name} was never published"
        + (f": {one.blocked_by}." if one.blocked_by else ", and nothing is running.")
        for one in status.exports
        if one.manifest is None
    ]


def _held(status: ProjectStatus) -> Outcome:
    losses = status.held.losses.summary() if status.held else "Assets vanished"
    reason = (
        f"{losses} at once. They stay in the archives until you confirm the removal: "
        f"kili-export confirm {status.project_id}"
    )
    return Outcome(ExitCode.HELD, reason, status)


def wait_and_show(
    connection: StackConnection,
    services: StackServices,
    arguments: Namespace,
    output: Output,
    started: str | None = None,
) -> ExitCode:
    """Shows progress until nothing is pending or running, and then how that ended.

    With JSON every line is an object, and the last one has the outcome.
    """
    with ProgressDisplay.choose(as_json=output.as_json) as display:
        watch = RunProgress(connection, display)
        outcome = wait_until_settled(
            connection, services, arguments.project_id, arguments.timeout, watch, started=started
        )
    exports = {
        one.name: {
            "generation": one.manifest.generation if one.manifest else None,
            "quarantined": len(one.manifest.quarantined) if one.manifest else 0,
        }
        for one in outcome.status.exports
    }
    answer = {
        "project_id": arguments.project_id,
        "outcome": outcome.code.name.lower(),
        "reason": outcome.reason,
        "exports": exports,
    }
    output.result(answer, outcome.reason)
    return outcome.code
