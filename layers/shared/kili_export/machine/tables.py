"""The tables of the database. A change of one of them is another version, and a migration.

A new table is also created in a database of the same version: a former version of this system
ignores it.
"""

from collections.abc import Mapping
from typing import Final

VERSION: Final = 1
TABLES: Final[Mapping[str, str]] = {
    "marks": """
        CREATE TABLE marks (
            project_id TEXT NOT NULL,
            subject TEXT NOT NULL,
            version TEXT NOT NULL,
            first_event_at TEXT NOT NULL,
            last_event_at TEXT NOT NULL,
            label_ids TEXT NOT NULL,
            latest_label TEXT,
            attempts INTEGER NOT NULL,
            retry_at TEXT,
            PRIMARY KEY (project_id, subject)
        ) WITHOUT ROWID""",
    "leases": """
        CREATE TABLE leases (
            project_id TEXT PRIMARY KEY,
            token INTEGER NOT NULL,
            holder TEXT,
            expires_at TEXT NOT NULL,
            announced_up_to INTEGER NOT NULL
        ) WITHOUT ROWID""",
    "windows": """
        CREATE TABLE windows (
            project_id TEXT NOT NULL,
            number INTEGER NOT NULL,
            expires_at TEXT NOT NULL,
            PRIMARY KEY (project_id, number)
        ) WITHOUT ROWID""",
    "held_removals": """
        CREATE TABLE held_removals (
            project_id TEXT PRIMARY KEY,
            run_id TEXT NOT NULL,
            count INTEGER NOT NULL,
            held_at TEXT NOT NULL,
            exports TEXT NOT NULL,
            failed INTEGER NOT NULL,
            left_out INTEGER NOT NULL
        ) WITHOUT ROWID""",
    "confirmed_removals": """
        CREATE TABLE confirmed_removals (
            project_id TEXT PRIMARY KEY,
            count INTEGER NOT NULL
        ) WITHOUT ROWID""",
    "cursors": """
        CREATE TABLE cursors (
            project_id TEXT PRIMARY KEY,
            event_id TEXT NOT NULL,
            created_at TEXT NOT NULL,
            thorough INTEGER NOT NULL
        ) WITHOUT ROWID""",
    "budgets": """
        CREATE TABLE budgets (
            name TEXT PRIMARY KEY,
            next_at INTEGER NOT NULL,
            resume_at INTEGER NOT NULL
        ) WITHOUT ROWID""",
    "announcements": """
        CREATE TABLE announcements (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            sent_at TEXT NOT NULL,
            detail_type TEXT NOT NULL,
            detail TEXT NOT NULL
        )""",
    "notified": """
        CREATE TABLE notified (
            name TEXT PRIMARY KEY,
            number INTEGER NOT NULL
        ) WITHOUT ROWID""",
    # The second constraints are there for the indexes that come with them.
    "deliveries": """
        CREATE TABLE deliveries (
            id TEXT NOT NULL,
            project_id TEXT NOT NULL,
            endpoint TEXT NOT NULL,
            event TEXT NOT NULL,
            body TEXT NOT NULL,
            recorded_at TEXT NOT NULL,
            state TEXT NOT NULL,
            attempts INTEGER NOT NULL,
            status INTEGER,
            error TEXT,
            attempted_at TEXT,
            next_attempt_at TEXT,
            PRIMARY KEY (project_id, id),
            UNIQUE (next_attempt_at, project_id, id)
        )""",
    "disabled_endpoints": """
        CREATE TABLE disabled_endpoints (
            project_id TEXT NOT NULL,
            endpoint TEXT NOT NULL,
            fingerprint TEXT NOT NULL,
            disabled_at TEXT NOT NULL,
            PRIMARY KEY (project_id, endpoint)
        ) WITHOUT ROWID""",
}
"""How each table is made, by its name."""
