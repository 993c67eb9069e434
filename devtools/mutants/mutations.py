"""Small changes of a module: other comparisons, numbers, operators, and statements left out."""

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

_COMPARISONS: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_OPERATORS: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitAnd,
}
_FUNCTIONS: Final = {"min": "max", "max": "min", "any": "all", "all": "any"}
_LOG: Final = "_log"


@dataclass(frozen=True)
class Mutant:
    """One change. `tree` is the whole module with it."""

    line: int
    change: str
    tree: ast.Module


def mutants(source: str) -> Iterator[Mutant]:
    """Every change of a module, in the order of its lines.

    Texts are left as they are, and so are annotations, decorators, messages of errors and what is
    logged: nobody promises them.
    """
    tree = ast.parse(source)
    for path, node in sorted(_walk(tree, ()), key=lambda found: _place(found[1])):
        for description, mutate in _changes(node):
            changed = copy.deepcopy(tree)
            mutate(_at(changed, path))
            ast.fix_missing_locations(changed)
            line = getattr(node, "lineno", 0)
            yield Mutant(line, f"{_shown(node)}: {description}", changed)


_Path = tuple[tuple[str, int | None], ...]
_Change = tuple[str, Callable[[Any], None]]


def _walk(node: ast.AST, path: _Path) -> Iterator[tuple[_Path, ast.AST]]:
    yield path, node
    if isinstance(node, ast.Raise) or _is_logged(node):
        return
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "decorator_list", "type_comment", "bases"}:
            continue
        if isinstance(value, ast.AST):
            yield from _walk(value, (*path, (name, None)))
        elif isinstance(value, list):
            for number, one in enumerate(value):
                if isinstance(one, ast.AST):
                    yield from _walk(one, (*path, (name, number)))


def _at(tree: ast.AST, path: _Path) -> ast.AST:
    node: Any = tree
    for name, number in path:
        node = getattr(node, name)
        if number is not None:
            node = node[number]
    found: ast.AST = node
    return found


def _place(node: ast.AST) -> tuple[int, int]:
    return getattr(node, "lineno", 0), getattr(node, "col_offset", 0)


def _shown(node: ast.AST) -> str:
    text = ast.unparse(node).splitlines()[0]
    return text if len(text) <= 70 else f"{text[:69]}…"


def _is_logged(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and ast.unparse(node).startswith(f"{_LOG}.")


def _changes(node: ast.AST) -> Iterator[_Change]:
    match node:
        case ast.Compare():
            yield from _compared(node)
        case ast.BoolOp():
            yield "the other of `and` and `or`", _swap_bool
        case ast.BinOp() | ast.AugAssign() if type(node.op) in _OPERATORS:
            yield "another operator", _swap_operator
        case ast.UnaryOp(op=ast.Not()):
            yield "without `not`", _drop_not
        case ast.Constant():
            yield from _constant(node)
        case ast.If() | ast.While() | ast.IfExp() if not isinstance(node.test, ast.Compare):
            yield "the opposite condition", _negate
        case ast.Call(func=ast.Name(id=name)) if name in _FUNCTIONS:
            yield f"{_FUNCTIONS[name]} instead", _swap_function
        case ast.Return() if node.value is not None and not isinstance(node.value, ast.Constant):
            yield "returns None", _return_nothing
        case _:
            yield from _statement(node)


def _compared(node: ast.Compare) -> Iterator[_Change]:
    for number, op in enumerate(node.ops):
        others = [_COMPARISONS[type(op)]]
        if isinstance(op, ast.Lt | ast.LtE):
            others.append(ast.GtE)
        elif isinstance(op, ast.Gt | ast.GtE):
            others.append(ast.LtE)
        for other in others:
            yield f"{other.__name__} instead", partial(_compare_otherwise, number, other)


def _compare_otherwise(number: int, other: type[ast.cmpop], node: ast.Compare) -> None:
    node.ops[number] = other()


def _constant(node: ast.Constant) -> Iterator[_Change]:
    if isinstance(node.value, bool):
        yield f"{not node.value}", lambda one: setattr(one, "value", not one.value)
    elif isinstance(node.value, int | float):
        yield f"{node.value + 1}", lambda one: setattr(one, "value", one.value + 1)


def _statement(node: ast.AST) -> Iterator[_Change]:
    is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    if isinstance(node, ast.Expr | ast.Raise) and not is_docstring and not _is_logged(node):
        yield "left out", _leave_out
    elif isinstance(node, ast.Continue):
        yield "break instead", _leave_loop
    elif isinstance(node, ast.Break):
        yield "left out", _leave_out


def _swap_bool(node: ast.BoolOp) -> None:
    node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()


def _swap_operator(node: ast.BinOp | ast.AugAssign) -> None:
    node.op = _OPERATORS[type(node.op)]()


def _swap_function(node: ast.Call) -> None:
    if isinstance(node.func, ast.Name):
        node.func.id = _FUNCTIONS[node.func.id]


def _drop_not(node: ast.UnaryOp) -> None:
    # `not not x` is x as a condition.
    node.operand = ast.UnaryOp(ast.Not(), node.operand)


def _negate(node: ast.If | ast.While | ast.IfExp) -> None:
    node.test = ast.UnaryOp(ast.Not(), node.test)


def _return_nothing(node: ast.Return) -> None:
    node.value = None


def _leave_out(node: ast.stmt) -> None:
    _become(node, ast.Pass())


def _leave_loop(node: ast.stmt) -> None:
    _become(node, ast.Break())


def _become(node: ast.stmt, other: ast.stmt) -> None:
    # The tree holds the node itself: it changes its kind and keeps its place.
    node.__class__ = type(other)
    node.__dict__.pop("value", None)
    node.__dict__.pop("exc", None)
    node.__dict__.pop("cause", None)
