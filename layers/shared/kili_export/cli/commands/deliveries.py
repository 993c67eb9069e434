"""`kili-export deliveries`: which events went to the endpoints that projects declare."""

from argparse import Namespace
from collections.abc import Iterable, Mapping
from typing import Any

from kili_export.cli.exit_codes import ExitCode
from kili_export.cli.output import Output, moment_text
from kili_export.cli.services import StackServices
from kili_export.cli.stack_connection import connect
from kili_export.core.errors import InvalidConfiguration
from kili_export.notifications.deliveries import Delivery, DisabledEndpoint, described
from kili_export.registration.stored_registrations import load_registration, registered_projects
from kili_export.wiring.notifications import retry_delivery

_COLUMNS = ("Event of", "Event", "Endpoint", "State", "Tries", "Last", "Delivery")


def deliveries(arguments: Namespace) -> ExitCode:
    """Lists the deliveries of a project, or of all; or makes one due again."""
    output = Output(as_json=arguments.json)
    services = StackServices.of(connect(arguments))
    if arguments.retry is not None:
        return _retry(services, arguments, output)
    project_id = arguments.project_id
    projects = [project_id] if project_id else sorted(registered_projects(services.objects))
    found: list[Delivery] = []
    gone: dict[tuple[str, str], DisabledEndpoint] = {}
    for project in projects:
        found += _chosen(services.application.deliveries.of_project(project), arguments.failed)
        gone |= {(project, name): one for name, one in _disabled(services, project).items()}
    found.sort(key=lambda one: (one.recorded_at, one.id))
    if output.as_json:
        output.result(_described(found, gone), "")
    else:
        _show(output, found, gone)
    return ExitCode.OK


def _chosen(found: Iterable[Delivery], failed: bool) -> list[Delivery]:
    """With `failed`, those that were given up, and those whose last attempt failed."""
    return [one for one in found if not failed or one.error is not None]


def _disabled(services: StackServices, project_id: str) -> Mapping[str, DisabledEndpoint]:
    """The endpoints that are disabled as they are declared now."""
    registration = load_registration(services.objects, project_id)
    now = {one.name: one.fingerprint for one in registration.notify} if registration else {}
    found = services.application.deliveries.disabled(project_id)
    return {name: one for name, one in found.items() if now.get(name) == one.fingerprint}


def _retry(services: StackServices, arguments: Namespace, output: Output) -> ExitCode:
    if arguments.project_id is None:
        raise InvalidConfiguration("Name the project of the delivery: PROJECT_ID --retry ID")
    again = retry_delivery(services.application, arguments.project_id, arguments.retry)
    text = f"Delivery {again.id} to {again.endpoint} is being tried again."
    output.result(described(again), text)
    return ExitCode.OK


def _described(
    found: list[Delivery], gone: Mapping[tuple[str, str], DisabledEndpoint]
) -> dict[str, Any]:
    return {
        "deliveries": [described(one) for one in found],
        "disabled": [
            {"project_id": project, "endpoint": name, "at": one.at.isoformat()}
            for (project, name), one in gone.items()
        ],
    }


def _show(
    output: Output, found: list[Delivery], gone: Mapping[tuple[str, str], DisabledEndpoint]
) -> None:
    if not found:
        output.line("No event went to an endpoint of `notify`, or none that was asked for.")
    else:
        output.table("Deliveries", _COLUMNS, [_row(one) for one in found])
    for (project, name), one in gone.items():
        output.line(
            f"Endpoint {name} of project {project} is disabled: it answered 410 Gone at"
            f" {moment_text(one.at)}. Enable it by trying a delivery again:"
            f" kili-export deliveries {project} --retry ID"
        )


def _row(one: Delivery) -> tuple[object, ...]:
    status = "" if one.status is None else f"HTTP {one.status}"
    return (
        moment_text(one.recorded_at),
        one.event,
        f"{one.project_id}/{one.endpoint}",
        one.state,
        one.attempts,
        one.error or status,
        one.id,
    )
