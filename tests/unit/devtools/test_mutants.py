"""Mutants are what they say, and are put into what is loaded."""

import ast
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from devtools.mutants.applying import LoadedModule
from devtools.mutants.mutations import mutants
from devtools.mutants.targets import GROUPS, PACKAGE, ROOT

SOURCE = '''"""A module."""

from functools import cache
from typing import Final

LIMIT: Final = 3
"""How many."""


def is_many(count: int, *, strict: bool = False) -> bool:
    """Whether there are many."""
    _log.info("asked %d", 7)
    if strict and count == LIMIT:
        raise ValueError(f"{count} of {LIMIT + 1}")
    return count >= LIMIT


class Shelf:
    @property
    def size(self) -> int:
        return 1 + 1

    @staticmethod
    @cache
    def doubled(count: int) -> int:
        def double() -> int:
            return 2 * count

        return double()
'''


class Log:
    def info(self, *_: object) -> None:
        pass


def changes(source: str) -> dict[str, str]:
    """By description, the whole changed source."""
    return {f"{one.line}: {one.change}": ast.unparse(one.tree) for one in mutants(source)}


def test_each_mutant_is_one_change() -> None:
    found = changes(SOURCE)
    original = ast.unparse(ast.parse(SOURCE)).splitlines()
    for description, text in found.items():
        changed = text.splitlines()
        assert len(changed) == len(original), description
        different = [one for one, other in zip(original, changed, strict=True) if one != other]
        assert len(different) == 1, description


def test_what_is_changed() -> None:
    assert list(changes(SOURCE)) == [
        "6: 3: 4",
        "10: False: True",
        "13: if strict and count == LIMIT:: the opposite condition",
        "13: strict and count == LIMIT: the other of `and` and `or`",
        "13: count == LIMIT: NotEq instead",
        "14: raise ValueError(f'{count} of {LIMIT + 1}'): left out",
        "15: return count >= LIMIT: returns None",
        "15: count >= LIMIT: Gt instead",
        "15: count >= LIMIT: LtE instead",
        "21: return 1 + 1: returns None",
        "21: 1 + 1: another operator",
        "21: 1: 2",
        "27: return 2 * count: returns None",
        "27: 2 * count: another operator",
        "27: 2: 3",
        "29: return double(): returns None",
    ]


@pytest.fixture
def loaded(tmp_path: Path) -> Iterator[ModuleType]:
    path = tmp_path / "mutated.py"
    path.write_text(SOURCE)
    spec = importlib.util.spec_from_file_location("mutated", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["mutated"] = module
    spec.loader.exec_module(module)
    vars(module)["_log"] = Log()
    yield module
    del sys.modules["mutated"]


def apply(loaded: ModuleType, change: str) -> bool:
    module = LoadedModule(Path(str(loaded.__file__)))
    (tree,) = [one.tree for one in mutants(SOURCE) if f"{one.line}: {one.change}" == change]
    return module.apply(tree)


def test_functions_are_changed_wherever_they_are_used(loaded: ModuleType) -> None:
    is_many = loaded.is_many
    assert is_many(3)
    assert apply(loaded, "15: count >= LIMIT: Gt instead")
    assert not is_many(3)


def test_properties_and_cached_functions_are_changed(loaded: ModuleType) -> None:
    assert (loaded.Shelf().size, loaded.Shelf.doubled(4)) == (2, 8)
    assert apply(loaded, "21: 1 + 1: another operator")
    assert loaded.Shelf().size == 0
    assert apply(loaded, "27: 2: 3")
    assert loaded.Shelf.doubled(4) == 12


def test_constants_are_changed_in_all_modules_that_have_them(loaded: ModuleType) -> None:
    user = ModuleType("user")
    vars(user)["LIMIT"] = loaded.LIMIT
    sys.modules["user"] = user
    try:
        assert apply(loaded, "6: 3: 4")
    finally:
        del sys.modules["user"]
    assert (loaded.LIMIT, vars(user)["LIMIT"]) == (4, 4)
    assert not loaded.is_many(3)


def test_what_cannot_be_changed_is_said(loaded: ModuleType) -> None:
    assert not apply(loaded, "10: False: True")


def test_every_target_and_its_tests_are_there() -> None:
    for modules, tests in GROUPS.values():
        assert all((PACKAGE / one).is_file() for one in modules)
        assert all((ROOT / one).exists() for one in tests)
