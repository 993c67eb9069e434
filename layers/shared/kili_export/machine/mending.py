"""At the start of a stack: sets aside what is damaged in the database, and keeps all the rest.

What is lost with a damaged record is found again: a stack compares every project with Kili when it
starts.
"""

import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

from kili_export.core.counted import counted
from kili_export.machine.change_store import mark_of
from kili_export.machine.database import Database, Row, is_damage, translated
from kili_export.machine.deliveries import delivery_of
from kili_export.machine.project_state import held_of, lease_of
from kili_export.machine.tables import TABLES

_SIDE_FILES: Final = ("-wal", "-shm")
_READERS: Final[Mapping[str, Callable[[Row], object]]] = {
    "marks": mark_of,
    "leases": lease_of,
    "held_removals": held_of,
    "announcements": lambda row: json.loads(row["detail"]),
    "deliveries": delivery_of,
}
"""How the records are read that SQLite alone cannot judge, by their table."""


def mend(path: Path) -> list[str]:
    """Sets aside what cannot be read of the database. Answers a line for each thing.

    Nobody else may use the database meanwhile. Raises Unavailable when it cannot be read or
    written at all, as without the right to, or on a full disk.
    """
    mended = []
    with translated(path):
        if path.exists() and _is_damaged(path):
            mended.append(_set_file_aside(path))
    database = Database(path)
    try:
        mended += _set_records_aside(database)
    finally:
        database.close()
    return mended


def _is_damaged(path: Path) -> bool:
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            [first, *_] = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        if is_damage(error):
            return True
        raise
    return bool(first != "ok")


def _set_file_aside(path: Path) -> str:
    """Begins another file with every record that can still be read."""
    aside = _free_name(path)
    for suffix in ("", *_SIDE_FILES):
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    fresh = Database(path)
    try:
        kept = sum(_copy(table, aside, fresh) for table in TABLES)
    finally:
        fresh.close()
    return (
        f"{path} was damaged: {counted(kept, 'record')} of it could be kept, and the file is"
        f" {aside.name} now"
    )


def _free_name(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    return aside


def _copy(table: str, damaged: Path, fresh: Database) -> int:
    """Copies the records that can be read. Answers how many."""
    kept = 0
    with fresh.transaction() as transaction:
        for row in _readable(table, damaged):
            places = ", ".join("?" * len(row))
            with suppress(sqlite3.IntegrityError):
                transaction.execute(f"INSERT INTO {table} VALUES ({places})", row)  # noqa: S608
                kept += 1
    return kept


def _readable(table: str, damaged: Path) -> Iterator[tuple[Any, ...]]:
    try:
        with closing(sqlite3.connect(damaged, isolation_level=None)) as connection:
            yield from connection.execute(f"SELECT * FROM {table}")  # noqa: S608 a name of ours
    except sqlite3.DatabaseError:
        # Here the damage begins; the records before it were read.
        return


def _set_records_aside(database: Database) -> list[str]:
    mended = []
    for table, read in _READERS.items():
        for row in database.rows(f"SELECT * FROM {table}"):  # noqa: S608 a name of ours
            try:
                read(row)
            except (ValueError, TypeError):
                _set_record_aside(database, table, row)
                mended.append(
                    f"A damaged record of {table} was set aside; see {_aside_of(database).name}"
                )
    return mended


def _set_record_aside(database: Database, table: str, row: Row) -> None:
    """Writes the record to a file before it is removed."""
    line = json.dumps({"table": table, **dict(zip(row.keys(), row, strict=True))}) + "\n"
    descriptor = os.open(_aside_of(database), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(line)
        file.flush()
        os.fsync(file.fileno())
    columns = row.keys()
    keys = " AND ".join(f"{name} IS ?" for name in columns)
    database.change(f"DELETE FROM {table} WHERE {keys}", tuple(row))  # noqa: S608 names of ours


def _aside_of(database: Database) -> Path:
    return database.path.with_name("damaged-records.jsonl")
