"""A copy of a state directory while its stack runs, and a state directory from such a copy.

Database and objects are those of one moment, in which the server of the objects is halted. It lasts
as long as it takes to open the files: those that only grow are copied afterwards, up to the length
that they had.
"""

import fcntl
import os
import resource
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final, cast

from pydantic import ValidationError

from kili_export.cli.about_itself import own_version
from kili_export.cli.files import using
from kili_export.core.clock import Clock
from kili_export.core.document import Document
from kili_export.core.errors import IntegrityError, InvalidConfiguration
from kili_export.local.stack.private_files import FILE_MODE, write_private
from kili_export.local.stack.server_halts import HALTED, PID, halted, require_ended
from kili_export.local.stack.state_directory import LOCK, StateDirectory, StateInUse
from kili_export.local.stack.whole_folder import CopiedFile, copy_file, whole_folder
from kili_export.machine.database import DatabaseDamaged, translated
from kili_export.machine.state_files import DATABASE

CONTENTS: Final = "backup.json"
_VERSION: Final = 1
_BACKUP_LOCK: Final = "backup.lock"
_OF_THE_MOMENT: Final = frozenset(
    {LOCK, _BACKUP_LOCK, "stack.json", DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm"}
)
"""Files of the state directory that are copied in another way, or mean nothing elsewhere."""
_GROWING: Final = frozenset({".dat", ".idx", ".ldb", ".log"})
"""Files of the server to which it only appends: volumes, their indexes, tables and journals."""
_MANIFEST: Final = "MANIFEST-"


class Backup(Document):
    """What a backup holds: its files, by their names in it."""

    schema_version: int = _VERSION
    made_by: str
    made_at: datetime
    files: dict[str, CopiedFile]

    @property
    def total_bytes(self) -> int:
        """Of all files together."""
        return sum(one.bytes for one in self.files.values())


def back_up(state: StateDirectory, destination: Path, clock: Clock) -> Backup:
    """Copies what must survive of a state directory. The destination is whole, or is not there.

    What the stack accepted before the call is in the copy: as a pending change, or published.
    Raises InvalidConfiguration when the destination exists or there is no state, FileFailed when
    it cannot be written, Unavailable when this is not the moment, DatabaseDamaged.
    """
    if not (state.path / LOCK).exists():
        raise InvalidConfiguration(f"{state.path} is no stack's state directory.")
    if Path(os.path.realpath(destination)).is_relative_to(state.path):
        raise InvalidConfiguration(f"{destination} is in the state directory; name another place.")
    with whole_folder(destination) as folder, _sole_backup(state.path):
        files = _copy_documents(state, folder)
        files |= _copy_one_moment(state, folder)
        backup = Backup(made_by=own_version(), made_at=clock.now(), files=files)
        write_private(folder / CONTENTS, backup.to_bytes())
    return backup


def restore(backup: Path, state: StateDirectory) -> Backup:
    """Makes a state directory out of a backup, every file of which is compared with its digest.

    Raises InvalidConfiguration when there is no backup or the state directory exists,
    IntegrityError when a file differs, FileFailed when it cannot be written.
    """
    found = _contents(backup)
    with using(state.path, "written"):
        # On a new machine the default place has no parent yet.
        state.path.parent.mkdir(parents=True, exist_ok=True)
    with whole_folder(state.path) as folder:
        for name, expected in found.files.items():
            with _opened(backup / name) as source:
                if copy_file(source, folder / name) != expected:
                    raise IntegrityError(f"{backup / name} is not the file that was backed up")
        (folder / LOCK).touch(mode=0o600)
    return found


def _contents(backup: Path) -> Backup:
    try:
        found = Backup.from_bytes((backup / CONTENTS).read_bytes())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InvalidConfiguration(f"{backup} is no backup: it has no {CONTENTS}.") from error
    except (ValidationError, ValueError) as error:
        raise InvalidConfiguration(
            f"{backup / CONTENTS} cannot be read; it is damaged or of a newer version."
        ) from error
    if found.schema_version != _VERSION:
        raise InvalidConfiguration(f"{backup} was made by version {found.made_by}; install that.")
    for name in found.files:
        path = PurePosixPath(name)
        if (
            not path.parts
            or path.is_absolute()
            or ".." in path.parts
            or str(path) != name
            or "\0" in name
        ):
            raise InvalidConfiguration(f"{backup / CONTENTS} names a file elsewhere: {name!r}.")
    return found


def _opened(path: Path) -> BinaryIO:
    """Opens a file to read; a link is none, and nothing is waited for."""
    try:
        return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")
    except FileNotFoundError as error:
        raise IntegrityError(f"{path} is missing from the backup") from error


@contextmanager
def _sole_backup(state: Path) -> Iterator[None]:
    """Keeps a second backup out: it would end the halt of the first."""
    with (state / _BACKUP_LOCK).open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InvalidConfiguration(f"Another backup of {state} is under way.") from error
        yield


def _copy_documents(state: StateDirectory, folder: Path) -> dict[str, CopiedFile]:
    """Copies secrets and what is kept of runs, each file of which is replaced as a whole.

    It comes before the moment: no run may seem to have begun that the database does not know.
    """
    top = [one for one in state.path.iterdir() if one.name not in _OF_THE_MOMENT]
    runs = state.executions.iterdir() if state.executions.is_dir() else ()
    files = {}
    for path in sorted((*top, *runs)):
        if path.name.startswith(".") or path.is_symlink() or not path.is_file():
            continue
        name = path.relative_to(state.path).as_posix()
        try:
            source = cast("BinaryIO", path.open("rb"))
        except FileNotFoundError:
            # A run that ended long ago was forgotten just now.
            continue
        with source:
            files[name] = copy_file(source, folder / name)
    return files


def _copy_one_moment(state: StateDirectory, folder: Path) -> dict[str, CopiedFile]:
    """Copies database and objects as they are at one moment."""
    files = {}
    later: list[tuple[str, BinaryIO, int]] = []
    with ExitStack() as held:
        with _still(state):
            copy_database = held.enter_context(_snapshot(state.database))
            for path in _server_files(state.objects):
                name = path.relative_to(state.path).as_posix()
                source = held.enter_context(path.open("rb"))
                if path.suffix in _GROWING or path.name.startswith(_MANIFEST):
                    later.append((name, source, os.fstat(source.fileno()).st_size))
                else:
                    files[name] = copy_file(source, folder / name)
        copy_database(folder / DATABASE)
        files[DATABASE] = CopiedFile.of(folder / DATABASE)
        for name, opened, length in later:
            files[name] = copy_file(opened, folder / name, length)
    return files


@contextmanager
def _still(state: StateDirectory) -> Iterator[None]:
    """Nobody writes objects within: the server is halted, or no stack runs."""
    try:
        state.acquire()
    except StateInUse:
        with halted(state.objects):
            yield
    else:
        try:
            # That of a stack that was killed ends a little later.
            require_ended(state.objects)
            yield
        finally:
            state.release()


def _server_files(folder: Path) -> Iterator[Path]:
    """All files of the server; as many can be opened at once as the system lets."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    for path in sorted(folder.rglob("*")):
        if path.name not in {HALTED, PID} and not path.is_symlink() and path.is_file():
            yield path


@contextmanager
def _snapshot(path: Path) -> Iterator[Callable[[Path], None]]:
    """Holds the database as it is now. What it gives copies that to a file, and checks the copy.

    Changes go on meanwhile. Raises DatabaseDamaged or Unavailable.
    """
    with translated(path):
        connection = sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, isolation_level=None)
    with closing(connection):
        with translated(path):
            connection.execute("BEGIN")
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        yield lambda target: _copy_snapshot(connection, path, target)


def _copy_snapshot(connection: sqlite3.Connection, path: Path, target: Path) -> None:
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_RDWR, FILE_MODE))
    with translated(target), closing(sqlite3.connect(target, isolation_level=None)) as copy:
        connection.backup(copy)
        [first, *_] = copy.execute("PRAGMA integrity_check(1)").fetchone()
    if first != "ok":
        raise DatabaseDamaged(f"{path} is damaged ({first}); start the stack again")
