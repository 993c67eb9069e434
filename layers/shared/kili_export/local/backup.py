"""`kili-export backup`: a copy of the state of a stack of this machine."""

from argparse import Namespace
from pathlib import Path

from kili_export.cli.exit_codes import ExitCode
from kili_export.cli.output import Output, bytes_text
from kili_export.core.clock import SystemClock
from kili_export.core.counted import counted
from kili_export.local.stack.state_backup import back_up
from kili_export.local.stack.state_directory import StateDirectory, default_state


def backup(arguments: Namespace) -> ExitCode:
    """Copies the state directory, whether its stack runs or not."""
    state = StateDirectory(Path(arguments.state) if arguments.state else default_state())
    made = back_up(state, Path(arguments.destination), SystemClock())
    answer = {
        "state": str(state.path),
        "backup": arguments.destination,
        "files": len(made.files),
        "bytes": made.total_bytes,
    }
    text = (
        f"{arguments.destination}: {counted(len(made.files), 'file')},"
        f" {bytes_text(made.total_bytes)}. It holds secrets: keep it where nobody else reads it."
    )
    Output(as_json=arguments.json).result(answer, text)
    return ExitCode.OK
