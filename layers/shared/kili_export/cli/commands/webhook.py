"""`kili-export webhook install` and `remove`."""

from argparse import Namespace
from urllib.parse import urlsplit

from kili_export.cli.exit_codes import ExitCode
from kili_export.cli.output import Output, complain
from kili_export.cli.services import StackServices
from kili_export.cli.stack_connection import StackConnection, connect
from kili_export.core.errors import InvalidConfiguration

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def install(arguments: Namespace) -> ExitCode:
    """Creates the webhook in Kili, or corrects the one that is there, and activates it."""
    output = Output(as_json=arguments.json)
    connection = connect(arguments)
    services = StackServices.of(connection)
    url = checked_url(arguments.url or connection.webhook_url)
    name = arguments.name or webhook_name(arguments.project_id)
    _warn_about_loopback(url, connection)
    services.kili_of(arguments.project_id).install_webhook(
        arguments.project_id, url, services.webhook_secret(), name
    )
    answer = {"project_id": arguments.project_id, "name": name, "url": url, "installed": True}
    output.result(answer, f"Kili calls {url} for project {arguments.project_id} (webhook {name}).")
    return ExitCode.OK


def remove(arguments: Namespace) -> ExitCode:
    """Undoes `install`."""
    output = Output(as_json=arguments.json)
    services = StackServices.of(connect(arguments))
    name = arguments.name or webhook_name(arguments.project_id)
    services.kili_of(arguments.project_id).remove_webhook(arguments.project_id, name)
    answer = {"project_id": arguments.project_id, "name": name, "installed": False}
    output.result(answer, f"Kili has no webhook {name} any more.")
    return ExitCode.OK


def webhook_name(project_id: str) -> str:
    """The name of a project's webhook, unless another was given."""
    # Webhooks are the organization's: the prefix and the project keep them apart.
    return f"kili-export-{project_id}"


def checked_url(url: str) -> str:
    """The URL. Raises InvalidConfiguration for one that nobody could call."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
        raise InvalidConfiguration(f"{url!r} is no URL that Kili could call; give --url https://…")
    return url


def is_out_of_reach(url: str, connection: StackConnection) -> bool:
    """Whether it is a loopback address, and Kili is on another machine."""
    ours = urlsplit(url).hostname in _LOOPBACK
    theirs = urlsplit(connection.settings.kili_api_endpoint).hostname in _LOOPBACK
    return ours and not theirs


def _warn_about_loopback(url: str, connection: StackConnection) -> None:
    """A Kili on another machine cannot call this one by its loopback address."""
    if is_out_of_reach(url, connection):
        complain(
            f"Warning: {url} is this machine's own loopback address; Kili cannot reach it. "
            "Give --url with the address of a tunnel or a reverse proxy."
        )
