"""At the start of a stack: runs for the changes that were accepted before and not published."""

from collections.abc import Callable

from kili_export.core.counted import counted
from kili_export.core.errors import ExportError
from kili_export.machine.state_files import StateFiles


def take_up(files: StateFiles, start: Callable[[str], object]) -> list[str]:
    """Starts a run for each project with pending changes. Answers lines to report.

    A project whose run cannot be started does not hold up the others: the sweep tries again.
    Raises TransientError when the state itself cannot be read or written.
    """
    files.project_state.begin(files.clock.now())
    projects = files.changes.projects()
    lines = []
    for project_id in projects:
        try:
            start(project_id)
        except ExportError as error:
            lines.append(f"Project {project_id} waits for the next sweep: {error}")
    if projects:
        lines.append(
            f"Accepted before and taken up again: changes of {counted(len(projects), 'project')}."
        )
    return lines
