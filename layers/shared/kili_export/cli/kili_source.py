"""Which Kili a command asks that needs nothing else of a stack."""

import os
from argparse import Namespace

from kili_export.cli.services import StackServices
from kili_export.cli.stack_connection import StackNotRunning, connect, connect_local
from kili_export.core.errors import InvalidConfiguration
from kili_export.reading.rows.kili_rows import KiliRows
from kili_export.wiring.application import kili_with_key
from kili_export.wiring.settings import Settings

KEY = "KILI_API_KEY"


def kili_of(arguments: Namespace) -> KiliRows:
    """Kili as a stack knows it that was named, else by KILI_API_KEY, else by the local stack.

    Raises InvalidConfiguration when none of these is there.
    """
    if arguments.state or arguments.stack_name:
        return StackServices.of(connect(arguments)).application.kili(arguments.project_id)
    key = os.environ.get(KEY, "").strip()
    if key:
        return kili_with_key(Settings.from_environment(), key)
    try:
        connection = connect_local(arguments)
    except StackNotRunning as error:
        raise InvalidConfiguration(
            f"{KEY} is not set, and no local stack is running whose key could be used. Make a key "
            "in Kili (My profile, API keys) and export it; for a Kili of your own set "
            "KILI_API_ENDPOINT too. For a deployed stack's key give --stack-name."
        ) from error
    return StackServices.of(connection).application.kili(arguments.project_id)
