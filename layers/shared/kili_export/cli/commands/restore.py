"""`kili-export restore`."""

from argparse import Namespace

from kili_export.cli.exit_codes import ExitCode
from kili_export.cli.output import Output
from kili_export.cli.services import StackServices
from kili_export.cli.stack_connection import connect, local_stacks
from kili_export.core.counted import counted
from kili_export.core.errors import InvalidConfiguration
from kili_export.registration.copies import restore_copies


def restore(arguments: Namespace) -> ExitCode:
    """Puts back what a bucket lacks, or makes a state directory out of a backup."""
    output = Output(as_json=arguments.json)
    if arguments.backup is not None:
        return _from_backup(arguments, output)
    services = StackServices.of(connect(arguments))
    if services.copies is None:
        raise InvalidConfiguration(
            "A stack of one machine keeps no copies; name a backup of it with --backup."
        )
    restored = restore_copies(services.objects, services.copies)
    text = f"Put back: {counted(len(restored), 'object')}."
    output.result({"restored": list(restored)}, "\n".join([text, *(f"  {k}" for k in restored)]))
    return ExitCode.OK


def _from_backup(arguments: Namespace, output: Output) -> ExitCode:
    if arguments.stack_name:
        raise InvalidConfiguration("A backup is of a stack of one machine; leave out --stack-name.")
    state = local_stacks(arguments).restore(arguments.backup, arguments.state)
    output.result(
        {"backup": arguments.backup, "state": state},
        f"{state} is as {arguments.backup} was. Start it with: kili-export up --state {state}",
    )
    return ExitCode.OK
