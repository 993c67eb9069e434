"""Puts a changed module's code into the functions of the one that is loaded."""

import ast
import functools
import gc
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any


class LoadedModule:
    """A module whose functions are in use already, by tests and by other modules."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.source = path.read_text()
        self._code = compile(self.source, str(path), "exec")
        functions: dict[tuple[str, int], list[FunctionType]] = {}
        self._caches = []
        for one in gc.get_objects():
            if isinstance(one, FunctionType) and one.__code__.co_filename == str(path):
                place = (one.__code__.co_qualname, one.__code__.co_firstlineno)
                functions.setdefault(place, []).append(one)
            elif isinstance(one, _CACHED):
                self._caches.append(one)
        self._functions: Mapping[tuple[str, int], list[FunctionType]] = functions

    def apply(self, tree: ast.Module) -> bool:
        """Makes the change. False when it is neither in a function nor in a constant."""
        changed = compile(tree, str(self.path), "exec")
        found = list(self._different(self._code, changed))
        for functions, code in found:
            for one in functions:
                one.__code__ = code
        is_constant = not found and self._set_constants(tree)
        for cache in self._caches:
            cache.cache_clear()
        return bool(found) or is_constant

    def _different(
        self, before: CodeType, after: CodeType
    ) -> Iterator[tuple[list[FunctionType], CodeType]]:
        for one, other in zip(_parts(before), _parts(after), strict=True):
            if one == other:
                continue
            functions = self._functions.get((one.co_qualname, one.co_firstlineno))
            if functions:
                yield functions, other
            else:
                yield from self._different(one, other)

    def _set_constants(self, tree: ast.Module) -> bool:
        """Gives changed constants to all modules that have them."""
        before = dict(_constants(ast.parse(self.source)))
        changed = False
        for name, value in _constants(tree):
            if ast.dump(value) == ast.dump(before[name]):
                continue
            owner = self._module()
            former = getattr(owner, name)
            code = compile(ast.Expression(value), str(self.path), "eval")
            new = eval(code, vars(owner).copy())  # noqa: S307 our own source
            for module in list(sys.modules.values()):
                if getattr(module, "__dict__", {}).get(name, _NOTHING) is former:
                    setattr(module, name, new)
            changed = True
        return changed

    def _module(self) -> ModuleType:
        for module in sys.modules.values():
            if getattr(module, "__file__", None) == str(self.path):
                return module
        raise LookupError(f"{self.path} is not loaded")


_NOTHING = object()
_CACHED = type(functools.cache(repr))


def _parts(code: CodeType) -> list[CodeType]:
    return [one for one in code.co_consts if isinstance(one, CodeType)]


def _constants(tree: ast.Module) -> Iterator[tuple[str, Any]]:
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            yield node.target.id, node.value
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id, node.value
