"""`kili-export teardown`: what has to be done before a stack is deleted."""

from argparse import Namespace
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from kili_export.cli.commands.purge import purge_copies, purge_traces
from kili_export.cli.commands.webhook import webhook_name
from kili_export.cli.exit_codes import ExitCode
from kili_export.cli.output import Output
from kili_export.cli.services import StackServices
from kili_export.cli.stack_connection import StackConnection, connect
from kili_export.core.counted import counted
from kili_export.core.errors import ExportError, InvalidConfiguration
from kili_export.maintenance.retention.purge_export import PurgeExports
from kili_export.wiring import operating


@dataclass(slots=True)
class _Done:
    """The projects for which something succeeded, and why it failed for others."""

    projects: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def teardown(arguments: Namespace) -> ExitCode:
    """Removes the webhooks first: what Kili sends from then on would only be refused.

    Data is erased after that, so that no event starts a run meanwhile. What fails for one project
    stops no other.
    """
    output = Output(as_json=arguments.json)
    connection = connect(arguments)
    services = StackServices.of(connection)
    projects = sorted(services.status.projects())
    if arguments.purge and not arguments.yes:
        raise InvalidConfiguration(
            f"This erases all data of {counted(len(projects), 'project')} for good: "
            f"{', '.join(projects) or 'none'}. Confirm with --yes."
        )
    webhooks = _for_each(projects, lambda one: _remove_webhook(services, one))
    purged = _for_each(projects, lambda one: _purge(services, one)) if arguments.purge else _Done()
    kept = _kept(connection)
    failed = webhooks.failed | purged.failed
    answer = {
        "webhooks_removed": webhooks.projects,
        "purged": purged.projects,
        "failed": failed,
        "kept": kept,
    }
    output.result(answer, _summary(arguments, webhooks, purged, kept))
    return ExitCode.FAILED if failed else ExitCode.OK


def _for_each(projects: Iterable[str], act: Callable[[str], object]) -> _Done:
    done = _Done()
    for project_id in projects:
        try:
            act(project_id)
        except ExportError as error:
            done.failed[project_id] = str(error)
        else:
            done.projects.append(project_id)
    return done


def _remove_webhook(services: StackServices, project_id: str) -> None:
    services.kili_of(project_id).remove_webhook(project_id, webhook_name(project_id))


def _purge(services: StackServices, project_id: str) -> None:
    application = services.application
    eraser = operating.eraser(application)
    PurgeExports(eraser, application.changes, application.project_state)(project_id, None)
    purge_copies(services, project_id, None)
    purge_traces(services, project_id, None)


def _kept(connection: StackConnection) -> list[str]:
    """What is left when a deployed stack is deleted. A local one is its state directory."""
    if connection.local is not None:
        return []
    settings = connection.settings
    return [
        f"bucket {settings.required('bucket_name')}",
        f"bucket {settings.required('copies_bucket_name')}",
        f"table {settings.required('table_name')}",
        f"secret {settings.required('kili_api_key_secret_id')}",
        f"secret {settings.required('webhook_secret_id')}",
        f"secrets that you made under {settings.required('kili_key_prefix')}",
    ]


def _summary(arguments: Namespace, webhooks: _Done, purged: _Done, kept: list[str]) -> str:
    lines = [f"Webhooks removed: {', '.join(webhooks.projects) or 'none'}."]
    if arguments.purge:
        lines.append(f"Erased: {', '.join(purged.projects) or 'none'}.")
    failed = webhooks.failed | purged.failed
    lines.extend(f"Failed for {project_id}: {why}" for project_id, why in failed.items())
    if failed:
        lines.append("Correct that and run this again.")
    elif kept:
        lines.append(
            f"Now delete the stack: aws cloudformation delete-stack --stack-name "
            f"{arguments.stack_name}"
        )
        lines.append("It keeps, until you delete them:")
        lines.extend(f"  {one}" for one in kept)
    else:
        lines.append("Now stop the stack and delete its state directory.")
    return "\n".join(lines)
