"""`kili-export view`: a page that shows an export."""

import sys
from argparse import Namespace

from kili_export.cli.exit_codes import ExitCode
from kili_export.cli.output import Output
from kili_export.cli.reading_source import ReadingSource
from kili_export.core.errors import InvalidConfiguration
from kili_export.viewing.server import Viewer, ViewServer


def view(arguments: Namespace) -> ExitCode:
    """Serves the page until Ctrl+C."""
    output = Output(as_json=arguments.json)
    viewer = Viewer(ReadingSource.of(arguments).export(arguments))
    try:
        server = ViewServer(viewer, arguments.port)
    except OSError as error:
        raise InvalidConfiguration(
            f"Port {arguments.port} cannot be listened on ({error.strerror}); give another --port."
        ) from error
    output.result({"url": server.url}, f"Open {server.url}\nCtrl+C ends it.")
    sys.stdout.flush()
    try:
        server.serve()
    except KeyboardInterrupt:
        return ExitCode.OK
    return ExitCode.OK
