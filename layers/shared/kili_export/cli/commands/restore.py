"""`kili-export restore`."""

from argparse import Namespace

from kili_export.cli.exit_codes import ExitCode
from kili_export.cli.output import Output
from kili_export.cli.services import StackServices
from kili_export.cli.stack_connection import connect
from kili_export.core.counted import counted
from kili_export.core.errors import InvalidConfiguration
from kili_export.registration.copies import restore_copies


def restore(arguments: Namespace) -> ExitCode:
    """Puts back the registrations and keys that the bucket lacks, from their copies."""
    output = Output(as_json=arguments.json)
    services = StackServices.of(connect(arguments))
    if services.copies is None:
        raise InvalidConfiguration(
            "A stack of one machine keeps no copies; copy its state directory instead."
        )
    restored = restore_copies(services.objects, services.copies)
    text = f"Put back: {counted(len(restored), 'object')}."
    output.result({"restored": list(restored)}, "\n".join([text, *(f"  {k}" for k in restored)]))
    return ExitCode.OK
