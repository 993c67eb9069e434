"""`kili-export register` and `unregister`."""

from argparse import Namespace
from dataclasses import asdict
from typing import Any

from kili_export.archives.declared_authors import require_hidden_authors
from kili_export.archives.ended_exports import end_exports, unregister_exports
from kili_export.archives.tree_state import end_trees
from kili_export.cli.commands.runs import wait_and_show
from kili_export.cli.exit_codes import ExitCode
from kili_export.cli.output import Output
from kili_export.cli.services import StackServices
from kili_export.cli.stack_connection import connect
from kili_export.cli.yaml_files import read_yaml
from kili_export.core.errors import InvalidConfiguration
from kili_export.formats.registry import FORMATS
from kili_export.registration.copies import keep_copies, restore_pseudonym_key
from kili_export.registration.declaration import ProjectRegistration
from kili_export.registration.parse_registration import parse_registration
from kili_export.registration.register_exports import Registered, register_exports


def register(arguments: Namespace) -> ExitCode:
    """Checks the exports against the project, stores them, and starts a run, or waits for it."""
    output = Output(as_json=arguments.json)
    registration = _registration(arguments)
    connection = connect(arguments)
    services = StackServices.of(connection)
    kili = services.kili_for(registration)
    if services.copies is not None:
        restore_pseudonym_key(services.objects, services.copies, registration.project_id)
    require_hidden_authors(services.objects, registration, mixed=arguments.yes)
    registered = register_exports(services.objects, kili, services.random, registration)
    now = services.application.clock.now()
    end_exports(services.objects, registration.project_id, registered.removed, now)
    without = [export.name for export in registration.exports if not export.has_tree]
    end_trees(services.objects, registration.project_id, (*registered.removed, *without), now)
    if services.copies is not None:
        keep_copies(services.objects, services.copies, registration.project_id)
    execution = services.request_run(registration.project_id, full=False)
    answer = {"project_id": registration.project_id, "execution": execution, **asdict(registered)}
    output.result(answer, _summary_of(registration.project_id, registered, waits=arguments.wait))
    if arguments.wait:
        return wait_and_show(connection, services, arguments, output, execution)
    return ExitCode.OK


def unregister(arguments: Namespace) -> ExitCode:
    """Ends the exports of a project."""
    output = Output(as_json=arguments.json)
    services = StackServices.of(connect(arguments))
    now = services.application.clock.now()
    if not unregister_exports(services.objects, arguments.project_id, now):
        raise InvalidConfiguration(f"Project {arguments.project_id} has no exports.")
    # A confirmation, and what waits for one, end with the registration too.
    state = services.application.project_state
    state.drop(arguments.project_id)
    state.settle(arguments.project_id, state.confirmed(arguments.project_id))
    if services.copies is not None:
        keep_copies(services.objects, services.copies, arguments.project_id)
    answer = {"project_id": arguments.project_id, "unregistered": True}
    text = f"Project {arguments.project_id} is no longer exported; its archives stay."
    output.result(answer, text)
    return ExitCode.OK


def _registration(arguments: Namespace) -> ProjectRegistration:
    declared = _read(arguments.file) if arguments.file else _listed(arguments.export)
    if arguments.key_secret is not None:
        declared["key_secret"] = arguments.key_secret
    named = declared.setdefault("project_id", arguments.project_id)
    if named != arguments.project_id:
        raise InvalidConfiguration(
            f"{arguments.file} is about project {named!r}, not {arguments.project_id!r}"
        )
    return parse_registration(declared, FORMATS)


def _read(name: str) -> dict[str, Any]:
    declared = read_yaml(name)
    if not isinstance(declared, dict):
        raise InvalidConfiguration(f"{name} must hold an object with `exports`.")
    return declared


def _listed(exports: list[str]) -> dict[str, Any]:
    pairs = [text.partition("=") for text in exports]
    wrong = [
        text for text, (name, _, kind) in zip(exports, pairs, strict=True) if not name or not kind
    ]
    if wrong:
        raise InvalidConfiguration(f"--export {wrong[0]!r}: give NAME=FORMAT, such as yolo=yolo_v8")
    return {"exports": [{"name": name, "format": kind} for name, _, kind in pairs]}


def _summary_of(project_id: str, registered: Registered, *, waits: bool) -> str:
    changes = [
        f"{', '.join(names)}: {text}"
        for names, text in (
            (registered.added, "new, being exported now"),
            (registered.changed, "changed, being brought up to date now"),
            (registered.redirected, "published or delivered otherwise from now on"),
            (registered.unchanged, "as before"),
            (registered.removed, "ended, its data stay"),
        )
        if names
    ]
    return "\n".join(
        [
            f"Project {project_id} ({registered.title})",
            *(f"  {change}" for change in changes),
            *(() if waits else (f"Follow it with: kili-export wait {project_id}",)),
        ]
    )
