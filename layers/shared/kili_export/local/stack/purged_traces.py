"""What a purge erases of one machine besides objects: executions, announcements, log lines."""

import re
from collections.abc import Sequence
from pathlib import Path

from kili_export.cli.execution_summary import is_of_project
from kili_export.core.clock import SystemClock
from kili_export.local.stack.state_directory import StateDirectory
from kili_export.local.stack.volume_vacuum import vacuum
from kili_export.local.workflow.executions import ExecutionStore
from kili_export.machine.erasure import erase_announcements
from kili_export.machine.state_files import StateFiles
from kili_export.storage.object_store import ObjectStore


def erase_traces(
    state: StateDirectory, objects: ObjectStore, project_id: str, words: Sequence[str]
) -> None:
    """Erases the traces of a project that hold one of the words, and the bytes of dead objects.

    The words are ids: of the project, of some of its assets, or none. Raises Unavailable when
    bytes of objects stay in the volumes.
    """
    if words:
        _forget_executions(ExecutionStore(state.executions), project_id, _pattern(words))
        with StateFiles(state.path, SystemClock()) as files:
            erase_announcements(files.database, words)
        for path in sorted(state.logs.glob("*.log*")):
            blank_lines(path, words)
    vacuum(state.objects, objects)


def _forget_executions(store: ExecutionStore, project_id: str, pattern: re.Pattern[bytes]) -> None:
    """Those that run are left alone: a purge lets them end, and they begin without assets."""
    for one in store.load():
        if one.status == "RUNNING" or not is_of_project(one.name, project_id):
            continue
        if any(pattern.search(text) for text in store.texts(one.name)):
            store.forget(one.name)


def blank_lines(path: Path, words: Sequence[str]) -> None:
    """Overwrites with spaces the lines of a log that hold one of the words.

    The file keeps its length: processes append to it meanwhile, and nothing of theirs is lost.
    """
    pattern = _pattern(words)
    with path.open("r+b") as file:
        while line := file.readline():
            if pattern.search(line):
                end = file.tell()
                file.seek(end - len(line))
                file.write(b" " * len(line.rstrip(b"\n")))
                file.seek(end)


def _pattern(words: Sequence[str]) -> re.Pattern[bytes]:
    """Finds the words whole: the id of one asset may begin that of another."""
    one_of = b"|".join(re.escape(word.encode()) for word in words)
    return re.compile(rb"(?<![0-9A-Za-z_])(?:" + one_of + rb")(?![0-9A-Za-z_])")
