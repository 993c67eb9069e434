"""Erases from the database what names a purged project or asset, down to its free pages."""

import json
from collections.abc import Sequence

from kili_export.machine.database import Database


def erase_announcements(database: Database, words: Sequence[str]) -> None:
    """Deletes the events that name one of the words, and their deliveries; rewrites the file.

    Rows that were deleted before leave the file, and its write-ahead log, with them.
    """
    found = [
        row["number"]
        for row in database.rows("SELECT number, detail FROM announcements")
        if any(json.dumps(word)[1:-1] in row["detail"] for word in words)
    ]
    with database.transaction() as transaction:
        transaction.executemany(
            "DELETE FROM announcements WHERE number = ?", [(number,) for number in found]
        )
        transaction.executemany(
            "DELETE FROM deliveries WHERE instr(body || coalesce(error, ''), ?)",
            [(json.dumps(word)[1:-1],) for word in words],
        )
    database.rewrite()
