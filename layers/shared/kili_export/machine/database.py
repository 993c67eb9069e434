"""The SQLite file that several processes share: one for each state directory, and no server.

Every change is one transaction that is on disk when it returns (WAL with `synchronous=FULL`), so
that an answer may rest on it. Errors are raised in this system's words.
"""

import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from kili_export.core.errors import InvalidConfiguration, Unavailable
from kili_export.machine.tables import TABLES, VERSION

BUSY_SECONDS: Final = 30.0
"""How long a change waits for those of other processes, each of which takes milliseconds."""
_WHILE_BUSY: Final = 0.01
"""Seconds between two tries."""
Row = sqlite3.Row


class DatabaseDamaged(Unavailable):
    """The file is not what SQLite wrote: a restart of the stack sets it aside."""


class Database:
    """One file. Safe for several threads and processes."""

    def __init__(
        self,
        path: Path,
        *,
        busy_seconds: float = BUSY_SECONDS,
        tables: Mapping[str, str] = TABLES,
    ) -> None:
        """Opens nothing yet. `tables` are made where there is no file."""
        self.path = path
        self._busy_seconds = busy_seconds
        self._tables = tables
        self._turn = threading.RLock()
        self._connection: sqlite3.Connection | None = None

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[Row]:
        """The rows that a query answers."""
        with self._turn, translated(self.path):
            return self._open().execute(query, values).fetchall()

    def row(self, query: str, values: Sequence[Any] = ()) -> Row | None:
        """The one row that a query answers, None when there is none."""
        found = self.rows(query, values)
        return found[0] if found else None

    def change(self, statement: str, values: Sequence[Any] = ()) -> int:
        """Makes one change; it is on disk when this returns. Answers how many rows it met."""
        with self.transaction() as connection:
            return connection.execute(statement, values).rowcount

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Nobody else changes anything within; all of it is on disk at the end, or none."""
        with self._turn, translated(self.path), _transaction(self._open()) as connection:
            yield connection

    def rewrite(self) -> None:
        """Writes the file again without the pages that are free, and empties its log."""
        with self._turn, translated(self.path):
            connection = self._open()
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Gives the file back; the next use opens it again."""
        with self._turn:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self._connected()
        return self._connection

    def _connected(self) -> sqlite3.Connection:
        # SQLite gives its other files the mode of this one.
        with suppress(FileExistsError):
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        connection = sqlite3.connect(
            self.path, timeout=self._busy_seconds, isolation_level=None, check_same_thread=False
        )
        try:
            connection.row_factory = Row
            self._log_ahead(connection)
            connection.execute("PRAGMA synchronous=FULL")
            self._create_tables(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _log_ahead(self, connection: sqlite3.Connection) -> None:
        """Uses a write-ahead log. SQLite does not wait when others ask for one at the same time."""
        last = time.monotonic() + self._busy_seconds
        while True:
            try:
                connection.execute("PRAGMA journal_mode=WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= last:
                    raise
                time.sleep(_WHILE_BUSY)
            else:
                return

    def _create_tables(self, connection: sqlite3.Connection) -> None:
        version = _version(connection)
        if version > VERSION:
            raise InvalidConfiguration(
                f"{self.path} was written by a newer version; install that one again"
            )
        if version == VERSION and not self._missing(connection):
            return
        with _transaction(connection):
            # Another process may have been first.
            for name in self._missing(connection):
                connection.execute(self._tables[name])
            connection.execute(f"PRAGMA user_version={VERSION}")

    def _missing(self, connection: sqlite3.Connection) -> list[str]:
        """The tables that do not exist: the file is new, or a former version made it."""
        there = {row["name"] for row in connection.execute("SELECT name FROM sqlite_master")}
        return [name for name in self._tables if name not in there]


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        # SQLite ends some transactions by itself, as on a full disk.
        if connection.in_transaction:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
        raise


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Raises SQLite's and the system's errors in this system's words."""
    try:
        yield
    except sqlite3.Error as error:
        if isinstance(error, sqlite3.ProgrammingError | sqlite3.IntegrityError):
            # A mistake of ours, no state of the file.
            raise
        if is_damage(error):
            raise DatabaseDamaged(f"{path} is damaged ({error}); start the stack again") from error
        raise Unavailable(f"{path} cannot be used: {error}") from error
    except OSError as error:
        raise Unavailable(f"{path} cannot be used: {error.strerror or error}") from error


def is_damage(error: sqlite3.Error) -> bool:
    """Whether SQLite found the file to be damaged, or no database at all."""
    # The low byte is the error, the others tell more about it.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
