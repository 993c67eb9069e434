"""The reference of Kili's events, from the catalogue that decides about them."""

from collections.abc import Mapping
from typing import Final

from devtools.docs.markdown import table
from devtools.docs.sources import Action, Row

_CONSEQUENCES: Final[Mapping[Action, str]] = {
    Action.EXPORT_ASSET: "the asset is exported again",
    Action.REMOVE_ASSET: "the asset is removed if Kili does not have it any more",
    Action.REBUILD: "full export of every export of the project",
    Action.RECONCILE: "the project is compared with Kili",
    Action.STOP: "nothing more is exported; what is published stays",
    Action.IGNORE: "nothing",
}


def catalogue(rows: Mapping[str, Row]) -> str:
    """Every event with its consequence, and when it is ignored all the same."""
    return table(
        ("event", "consequence", "ignored when"),
        (
            (f"`{name}`", _consequence(row), row.reason if row.when else "")
            for name, row in rows.items()
        ),
    )


def _consequence(row: Row) -> str:
    text = _CONSEQUENCES[row.action]
    return f"{text}: {row.reason}" if row.action is Action.IGNORE else text
