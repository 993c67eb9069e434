"""Finds out whether a test exists that a table names as `path::name`."""

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAMED = re.compile(r"tests/[\w/]+\.py::\w+")


def exists(named: str) -> bool:
    """Whether pytest would collect it: a function, or a class given by name, of that module."""
    path, _, name = named.partition("::")
    return name.startswith(("test_", "Test")) and name in _names(ROOT / path)


@cache
def _names(path: Path) -> frozenset[str]:
    if not path.is_file() or not path.name.startswith("test_"):
        return frozenset()
    body = ast.parse(path.read_text()).body
    functions = {node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    given = {
        target.id
        for node in body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return frozenset(functions | given)
