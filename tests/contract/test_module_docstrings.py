"""A module's first line says what is in it, and so no two modules have the same."""

import ast
from collections import defaultdict
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "layers/shared/kili_export"


def test_no_two_modules_begin_with_the_same_line() -> None:
    modules = defaultdict(list)
    for path in sorted(PACKAGE.rglob("*.py")):
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        if path.name != "__init__.py":
            assert docstring, f"{path} has no docstring"
            modules[docstring.splitlines()[0]].append(path.relative_to(PACKAGE).as_posix())
    assert len(modules) > 300
    assert {line: found for line, found in modules.items() if len(found) > 1} == {}
